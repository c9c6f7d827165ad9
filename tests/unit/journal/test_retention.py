"""What of a log may go: whole segments that are old, and in two snapshots that can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from journaled import FOLDER
from memory_disk import MemoryDisk

from openpit.journal import writing
from openpit.journal.reading import LogReader
from openpit.journal.retention import covered, prune
from openpit.journal.segments import segments_of
from openpit.journal.snapshots import snapshot_path, write_snapshot
from openpit.journal.writing import LogWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.journal.files import Disk

DAY = 24 * 3600 * 1_000_000_000


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A log of six segments, each with one record, one a day from day 1 on."""
    disk = MemoryDisk()
    days = iter(range(1, 10))
    monkeypatch.setattr(writing, "time_ns", lambda: next(days) * DAY)
    writer = LogWriter(disk, FOLDER, "shard-0000", 1, {}, segment_bytes=1)
    for number in range(6):
        writer.append([(b"batch %d" % number, number)])
    yield disk
    writer.close()


def firsts(disk: Disk) -> list[int]:
    return [one.first for one in segments_of(disk, FOLDER)]


def snapshot(disk: Disk, number: int) -> None:
    write_snapshot(disk, FOLDER, number, {}, b"state")


def test_what_is_in_no_two_snapshots_stays_however_old(disk: Disk) -> None:
    assert prune(disk, FOLDER, 100 * DAY) == (0, 5)
    snapshot(disk, 3)
    assert covered(disk, FOLDER) == 0
    assert prune(disk, FOLDER, 100 * DAY) == (0, 5)
    assert firsts(disk) == [1, 2, 3, 4, 5, 6]


def test_what_is_covered_goes_as_it_gets_old(disk: Disk) -> None:
    snapshot(disk, 3)
    snapshot(disk, 5)
    assert covered(disk, FOLDER) == 3

    assert prune(disk, FOLDER, 2 * DAY) == (0, 0)  # the first had its record on day 2, or before
    assert prune(disk, FOLDER, 2 * DAY + 1) == (1, 0)
    assert firsts(disk) == [2, 3, 4, 5, 6]
    assert prune(disk, FOLDER, 100 * DAY) == (2, 2)
    assert firsts(disk) == [4, 5, 6]
    assert [record.number for record in LogReader(disk, FOLDER, 3)] == [4, 5, 6]
    assert prune(disk, FOLDER, 100 * DAY) == (0, 2)


def test_a_snapshot_within_a_segment_keeps_it(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "time_ns", lambda: 20 * DAY)
    writer = LogWriter(disk, FOLDER, "shard-0000", 7, {})
    writer.append([(b"one", 1), (b"two", 2), (b"three", 3)])
    writer.close()
    LogWriter(disk, FOLDER, "shard-0000", 10, {}).close()
    snapshot(disk, 8)
    snapshot(disk, 9)

    assert prune(disk, FOLDER, 100 * DAY) == (6, 1)
    assert firsts(disk) == [7, 10]


def test_a_damaged_snapshot_covers_nothing(disk: Disk) -> None:
    for number in (2, 4, 5):
        snapshot(disk, number)
    assert covered(disk, FOLDER) == 4
    path = snapshot_path(FOLDER, 4)
    disk.cut(path, len(disk.read(path)) - 1)

    assert covered(disk, FOLDER) == 2
    assert prune(disk, FOLDER, 100 * DAY) == (2, 3)
    assert firsts(disk) == [3, 4, 5, 6]
