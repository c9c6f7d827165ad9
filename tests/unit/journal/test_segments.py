"""Segments: their names, their headers, and what may be dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from journaled import FOLDER, batches_of, read_log, writer_on
from memory_disk import MemoryDisk

from openpit.errors import JournalDamaged
from openpit.journal.segments import (
    HEADER_BYTES,
    Segment,
    drop_segments,
    header_in,
    packed_header,
    segment_path,
    segments_of,
)


def three_segments() -> MemoryDisk:
    disk = MemoryDisk()
    writer = writer_on(disk, segment_bytes=1)
    for batch in (b"one", b"two", b"three"):
        writer.append([(batch, 0)])
    return disk


def test_a_segment_is_named_by_its_first_record() -> None:
    disk = three_segments()
    disk.create(FOLDER / "lock")

    assert [segment.first for segment in segments_of(disk, FOLDER)] == [1, 2, 3]
    assert segment_path(FOLDER, 2).name == "00000000000000000002.log"


def test_a_header_says_what_it_was_given() -> None:
    segment = Segment(Path("x"), 5)
    data = packed_header("router", 5, 77, {"versions": {"python": "3.13"}, "größe": 1})

    header = header_in(data + b"records", segment)

    assert header is not None
    assert header.end == len(data)
    assert header.fields == {
        "log": "router",
        "first": 5,
        "wall": 77,
        "versions": {"python": "3.13"},
        "größe": 1,
    }
    assert all(header_in(data[:size], segment) is None for size in range(len(data)))


def test_a_header_has_its_limit() -> None:
    with pytest.raises(ValueError, match="is over the limit of 1048576"):
        packed_header("router", 1, 0, {"much": "x" * HEADER_BYTES})


def test_a_segment_under_anothers_name_is_refused() -> None:
    with pytest.raises(JournalDamaged, match="says that it begins with record 4"):
        header_in(packed_header("router", 4, 0, {}), Segment(Path("x"), 5))


def test_another_format_is_refused_by_its_number() -> None:
    data = bytearray(packed_header("router", 1, 0, {}))
    data[9] += 1

    with pytest.raises(JournalDamaged, match="x: format 2, where this version reads 1"):
        header_in(bytes(data), Segment(Path("x"), 1))


@pytest.mark.parametrize(("before", "left"), [(1, 3), (2, 2), (3, 1), (4, 1), (99, 1)])
def test_segments_that_hold_only_records_before_a_number_are_dropped(
    before: int, left: int
) -> None:
    disk = three_segments()

    assert drop_segments(disk, FOLDER, before) == 3 - left

    reader, records = read_log(disk)
    assert batches_of(records) == [b"one", b"two", b"three"][3 - left :]
    assert reader.next == 4
