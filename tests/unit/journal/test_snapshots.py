"""Files of snapshots: whole or not believed, there or not there, and what is behind them cut."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from journaled import FOLDER, batches_of, writer_on
from memory_disk import MemoryDisk, MemoryFile, PowerLost

from openpit.errors import JournalDamaged
from openpit.journal.reading import LogReader
from openpit.journal.segments import HEADER_BYTES, segments_of
from openpit.journal.snapshots import (
    SnapshotFile,
    cut_behind,
    drop_unfinished,
    read_snapshot,
    snapshot_path,
    snapshots_of,
    write_snapshot,
)

STATE = b"all that a shard is"
FIELDS = {"layout": 1, "policies": [["Größe", {}]]}


def written(number: int = 7, state: bytes = STATE) -> MemoryDisk:
    disk = MemoryDisk()
    write_snapshot(disk, FOLDER, number, FIELDS, state)
    return disk


def held(data: bytes, number: int = 7) -> tuple[MemoryDisk, SnapshotFile]:
    """Return a disk with a file of some bytes under a snapshot's name."""
    disk = MemoryDisk()
    file = disk.files[snapshot_path(FOLDER, number)] = MemoryFile(disk)
    file.data[:] = data
    return disk, snapshots_of(disk, FOLDER)[0]


WHOLE = written().read(snapshot_path(FOLDER, 7))


def test_a_snapshot_is_read_as_it_was_written() -> None:
    disk = written()
    (file,) = snapshots_of(disk, FOLDER)

    assert file == (FOLDER / "00000000000000000007.snap", 7)
    assert read_snapshot(disk, file) == ({"number": 7, **FIELDS}, STATE)
    assert disk.names(FOLDER) == [file.path.name]
    assert WHOLE[:8] == b"openpitS"
    assert WHOLE.endswith(STATE)


def test_it_takes_the_bytes_that_its_writer_is_told() -> None:
    assert write_snapshot(MemoryDisk(), FOLDER, 7, FIELDS, STATE) == len(WHOLE)


def test_one_that_is_cut_at_any_byte_is_not_believed() -> None:
    for size in range(len(WHOLE)):
        disk, file = held(WHOLE[:size])
        with pytest.raises(JournalDamaged, match=rf"{file.path} at \d+: ") as refused:
            read_snapshot(disk, file)
        assert refused.value.position <= size


def test_one_with_a_byte_flipped_anywhere_is_not_believed() -> None:
    for place in range(len(WHOLE)):
        for bits in (0x01, 0x80, 0xFF):
            data = bytearray(WHOLE)
            data[place] ^= bits
            disk, file = held(bytes(data))
            with pytest.raises(JournalDamaged):
                read_snapshot(disk, file)


def test_one_with_more_behind_it_is_not_believed() -> None:
    disk, file = held(WHOLE + b"\0")
    with pytest.raises(JournalDamaged, match="a state of 19 bytes, of which 20 are there"):
        read_snapshot(disk, file)


def test_one_under_anothers_name_and_one_of_another_format_are_told_apart() -> None:
    disk, file = held(WHOLE, number=8)
    with pytest.raises(JournalDamaged, match="its header says that its last record is 7"):
        read_snapshot(disk, file)

    data = bytearray(WHOLE)
    data[9] += 1
    with pytest.raises(JournalDamaged, match="format 2, where this version reads 1"):
        read_snapshot(*held(bytes(data)))


def test_a_header_has_its_limit() -> None:
    with pytest.raises(ValueError, match="is over the limit of 1048576"):
        write_snapshot(MemoryDisk(), FOLDER, 1, {"much": "x" * HEADER_BYTES}, b"")


def test_one_for_which_there_is_no_room_takes_none_from_the_log() -> None:
    disk = MemoryDisk()
    disk.room = len(WHOLE) - 1

    with pytest.raises(OSError, match="No space left") as failed:
        write_snapshot(disk, FOLDER, 7, FIELDS, STATE)

    assert failed.value.errno == errno.ENOSPC
    assert disk.room == len(WHOLE) - 1
    assert not disk.files


def test_one_that_could_not_be_written_leaves_nothing() -> None:
    disk = MemoryDisk()
    disk.failing_syncs = 1

    with pytest.raises(OSError, match="Input/output error"):
        write_snapshot(disk, FOLDER, 7, FIELDS, STATE)

    assert not disk.files
    disk.steps_left = 3
    with pytest.raises(PowerLost):  # nor does the next start leave anything of it
        write_snapshot(disk, FOLDER, 7, FIELDS, STATE)
    disk.steps_left = None
    assert snapshots_of(disk, FOLDER) == []
    assert drop_unfinished(disk, FOLDER) == 1
    assert not disk.files


def test_whenever_the_power_is_lost_there_is_a_whole_snapshot_or_none() -> None:
    outcomes = set()
    for steps in range(8):
        for seed in range(20):
            disk = MemoryDisk()
            disk.steps_left = steps
            try:
                write_snapshot(disk, FOLDER, 7, FIELDS, STATE * 99)
                is_told = True
            except PowerLost:
                is_told = False
            disk.steps_left = None
            after = disk.after_power_loss(Random(seed))
            found = [read_snapshot(after, one).state for one in snapshots_of(after, FOLDER)]
            assert found in ([], [STATE * 99])
            assert found or not is_told
            outcomes.add((is_told, bool(found)))
    assert outcomes == {(False, False), (False, True), (True, True)}


# --- what is behind them --------------------------------------------------------------------------


def log_with_snapshots(*numbers: int) -> MemoryDisk:
    """Return a log of ten segments of one record each, and some snapshots."""
    disk = MemoryDisk()
    writer = writer_on(disk, segment_bytes=1)
    for number in range(1, 11):
        writer.append([(str(number).encode(), 0)])
    writer.sync()
    for number in numbers:
        write_snapshot(disk, FOLDER, number, {}, b"")
    return disk


@pytest.mark.parametrize(
    ("keep", "snapshots", "first"),
    [(2, [6, 9], 7), (3, [4, 6, 9], 5), (5, [2, 4, 6, 9], 1), (None, [6, 9], 1)],
)
def test_the_log_is_cut_behind_the_oldest_snapshot_that_stays(
    keep: int | None, snapshots: list[int], first: int
) -> None:
    disk = log_with_snapshots(2, 4, 6, 9)

    removed = cut_behind(disk, FOLDER, keep)

    assert [one.number for one in snapshots_of(disk, FOLDER)] == snapshots
    assert [one.first for one in segments_of(disk, FOLDER)] == list(range(first, 11))
    assert removed == (4 - len(snapshots), first - 1)
    assert cut_behind(disk, FOLDER, keep) == (0, 0)


def test_whenever_the_power_is_lost_in_a_cut_the_last_snapshots_have_what_follows() -> None:
    cuts = set()
    for steps in range(9):
        for seed in range(10):
            disk = log_with_snapshots(2, 4, 6, 9)
            disk.steps_left = steps
            with suppress(PowerLost):
                cut_behind(disk, FOLDER, 2)
            disk.steps_left = None
            after = disk.after_power_loss(Random(seed))
            numbers = [one.number for one in snapshots_of(after, FOLDER)]
            assert numbers[-2:] == [6, 9]
            for number in (6, 9):
                read = batches_of(list(LogReader(after, FOLDER, number)))
                assert read == [str(each).encode() for each in range(number + 1, 11)]
            cuts.add(len(segments_of(after, FOLDER)))
    assert {4, 10} < cuts


def test_the_segment_that_is_written_to_stays() -> None:
    disk = log_with_snapshots(9, 10)
    cut_behind(disk, FOLDER, 2)
    assert [one.first for one in segments_of(disk, FOLDER)] == [10]


def test_a_log_is_read_from_behind_a_record_and_nothing_before_it_matters() -> None:
    disk = log_with_snapshots()
    for segment in segments_of(disk, FOLDER)[:6]:
        if segment.first in {2, 5}:
            disk.remove(segment.path)
        else:
            disk.files[segment.path].data[:] = b"nonsense"

    reader = LogReader(disk, FOLDER, 6)

    assert batches_of(list(reader)) == [b"7", b"8", b"9", b"10"]
    assert reader.next == 11
    assert batches_of(list(LogReader(disk, FOLDER, 10))) == []


def test_records_before_the_one_that_is_asked_for_are_passed_over_in_its_segment() -> None:
    disk = MemoryDisk()
    writer_on(disk).append([(b"one", 0), (b"two", 0), (b"three", 0)])

    reader = LogReader(disk, FOLDER, 2)

    assert batches_of(list(reader)) == [b"three"]
    assert reader.next == 4


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (0, "record 1 and what follows is not there, nor in a snapshot"),
        (5, "record 6 and what follows is not there, nor in a snapshot"),
        (11, "the log ends before record 11, which a snapshot has"),
    ],
)
def test_a_log_that_has_not_what_follows_is_refused(after: int, why: str) -> None:
    disk = log_with_snapshots(6, 9)
    cut_behind(disk, FOLDER, 2)

    with pytest.raises(JournalDamaged, match=why):
        list(LogReader(disk, FOLDER, after))


def test_a_log_without_any_segment_goes_on_behind_its_snapshot() -> None:
    reader = LogReader(MemoryDisk(), Path("/journal/shard-0009"), 12)
    assert list(reader) == []
    assert reader.next == 13
