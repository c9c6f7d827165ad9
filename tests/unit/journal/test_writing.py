"""Writing a log: in one write, synced as was asked, followed by the next segment, warned of."""

from __future__ import annotations

import pytest
from journaled import batches_of, read_log, writer_on
from memory_disk import MemoryDisk

from openpit.errors import JournalFailed
from openpit.journal.writing import LOOK_BYTES


def test_what_comes_together_takes_one_sync_with_power_and_none_without() -> None:
    for sync, expected in (("power", 1), ("process", 0)):
        disk = MemoryDisk()
        writer = writer_on(disk, sync=sync)
        before = disk.syncs

        writer.append([(b"one", 1), (b"two", 2), (b"three", 3)])

        assert disk.syncs - before == expected
        assert [record.down for record in read_log(disk)[1]] == [0, 0, 0]
        assert writer.next == 4


def test_a_log_goes_on_behind_what_it_has() -> None:
    disk = MemoryDisk()
    writer_on(disk).append([(b"one", 1)])

    writer_on(disk, 2).append([(b"two", 2)])

    reader, records = read_log(disk)
    assert [(record.number, record.check) for record in records] == [(1, 1), (2, 2)]
    assert len(reader.segments) == 2


def test_a_write_that_takes_a_part_is_gone_on_with() -> None:
    disk = MemoryDisk()
    disk.most = 7
    writer_on(disk).append([(b"one" * 20, 1)])

    assert batches_of(read_log(disk)[1]) == [b"one" * 20]


def test_little_room_is_warned_of_once_until_there_is_more() -> None:
    disk = MemoryDisk()
    disk.room = 10_000 + 4 * LOOK_BYTES
    told: list[str] = []
    writer = writer_on(disk, min_free=disk.room - LOOK_BYTES, warn=told.append)
    assert told == []

    for _ in range(3):
        writer.append([(bytes(LOOK_BYTES), 0)])
        assert len(told) == 1

    assert told[0].startswith("the log shard-0000 of /journal has ")
    assert told[0].endswith(f" bytes left, less than {10_000 + 3 * LOOK_BYTES}")
    disk.room = 2**40
    writer.append([(bytes(LOOK_BYTES), 0)])
    disk.room = 2 * LOOK_BYTES
    writer.append([(bytes(LOOK_BYTES), 0)])
    assert len(told) == 2


def test_a_closed_log_takes_nothing() -> None:
    disk = MemoryDisk()
    writer = writer_on(disk)
    writer.append([(b"one", 1)])
    synced = disk.syncs

    writer.close()
    writer.close()

    assert disk.syncs == synced + 1  # with what was appended, whatever the log's sync
    with pytest.raises(JournalFailed, match="the log shard-0000 of /journal is closed"):
        writer.append([(b"two", 2)])


def test_a_segment_that_cannot_be_made_is_told() -> None:
    disk = MemoryDisk()
    disk.room = 20

    with pytest.raises(JournalFailed, match="a segment could not be made: No space left on device"):
        writer_on(disk)
