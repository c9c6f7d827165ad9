"""A log cut and flipped at every byte, and one that has lost the power: always a prefix, and told.

What was down is there, or the start is refused by the position of the hole.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from journaled import FOLDER, batches_of, read_log, writer_on
from memory_disk import MemoryDisk, MemoryFile, PowerLost

from openpit.errors import JournalDamaged, JournalFailed
from openpit.journal.reading import LogReader
from openpit.journal.segments import segment_path

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.journal.records import LogRecord
    from openpit.journal.writing import LogWriter, Sync

pytestmark = pytest.mark.one_python

GROUPS = [[b"one"], [b"two", b"three"], [b"", b"five"], [b"six" * 7, b"seven", b"eight"]]
WRITTEN = [batch for group in GROUPS for batch in group]


def small_journal() -> MemoryDisk:
    """Return a log of two segments of four writes: two of them in the last."""
    disk = MemoryDisk()
    writer = writer_on(disk, segment_bytes=150)
    for group in GROUPS:
        writer.append([(batch, len(batch)) for batch in group])
    writer.close()
    assert len(disk.files) == 2
    return disk


def damaged(path: Path, data: bytes) -> MemoryDisk:
    disk = small_journal()
    disk.files[path].data[:] = data
    return disk


SMALL = {path: bytes(file.data) for path, file in small_journal().files.items()}
FIRST, LAST = sorted(SMALL)


def test_the_small_journal_is_read_as_it_was_written() -> None:
    reader, records = read_log(small_journal())

    assert batches_of(records) == WRITTEN
    assert reader.torn is None
    assert reader.next == len(WRITTEN) + 1
    assert reader.size == sum(map(len, SMALL.values()))
    assert [header["first"] for header in reader.headers] == [1, records[-5].number]


def test_a_log_cut_at_any_byte_is_a_prefix_and_the_torn_tail_is_told() -> None:
    whole = {record.position for record in read_log(small_journal())[1][-5:]}
    for size in range(len(SMALL[LAST])):
        disk = damaged(LAST, SMALL[LAST][:size])

        reader, records = read_log(disk)

        assert batches_of(records) == WRITTEN[: len(records)]
        if reader.torn is None:
            assert size in whole  # nothing is there of what was cut off
        else:
            assert reader.torn.path == LAST
            assert reader.torn.position + reader.torn.size == size
        # It can be gone on with, and is read without a hole then.
        reader.cut()
        writer = writer_on(disk, reader.next)
        writer.append([(b"more", 0)])
        writer.close()
        again, after = read_log(disk)
        assert batches_of(after) == [*WRITTEN[: len(records)], b"more"]
        assert again.torn is None


def test_a_segment_before_the_last_may_lack_nothing() -> None:
    for size in range(len(SMALL[FIRST])):
        disk = damaged(FIRST, SMALL[FIRST][:size])

        with pytest.raises(JournalDamaged) as refused:
            read_log(disk)

        assert refused.value.path in {str(FIRST), str(LAST)}
        assert str(refused.value).startswith(f"{refused.value.path} at {refused.value.position}: ")


@pytest.mark.parametrize("path", [FIRST, LAST])
def test_a_byte_flipped_anywhere_gives_a_prefix_or_is_refused_by_its_position(path: Path) -> None:
    intact = read_log(small_journal())[1]
    in_last_write = {record.number for record in intact[-3:]}
    for place in range(len(SMALL[path])):
        for bits in (0x01, 0x80, 0xFF):
            data = bytearray(SMALL[path])
            data[place] ^= bits
            disk = damaged(path, bytes(data))
            refused, reader, records = read_or_refused(disk)
            if refused is not None:
                # Named is the place of the record, or of the header, that the byte is in.
                starts = [0, *(one.position for one in intact if of_path(one.number) == path)]
                at = max(start for start in starts if start <= place)
                assert (refused.path, refused.position) == (str(path), at)
                continue
            assert path == LAST
            assert batches_of(records) == WRITTEN[: len(records)]
            assert reader.torn is not None
            assert reader.torn.position <= place
            assert reader.next in in_last_write  # what was written before is relied on


def read_or_refused(
    disk: MemoryDisk,
) -> tuple[JournalDamaged | None, LogReader, list[LogRecord]]:
    reader = LogReader(disk, FOLDER)
    try:
        return None, reader, list(reader)
    except JournalDamaged as error:
        return error, reader, []


def of_path(number: int) -> Path:
    first = int(LAST.stem)
    return LAST if number >= first else FIRST


def test_a_segment_that_is_missing_is_a_hole() -> None:
    disk = MemoryDisk()
    writer = writer_on(disk, segment_bytes=1)
    for batch in (b"one", b"two", b"three"):
        writer.append([(batch, 0)])
    del disk.files[segment_path(FOLDER, 2)]

    with pytest.raises(JournalDamaged, match=r"begins where record 2 was expected") as refused:
        read_log(disk)

    assert refused.value.path == str(segment_path(FOLDER, 3))


# --- the power -----------------------------------------------------------------------------------


class Story:
    """What was written to a log over several lives, and how much of it was down."""

    def __init__(self, seed: int, sync: Sync) -> None:
        self.random = Random(seed)
        self.sync: Sync = sync
        self.disk = MemoryDisk()
        self.written: list[bytes] = []
        self.down = 0

    def live(self) -> None:
        """Write until the power goes, at any step of whatever is done to the disk."""
        self.disk.most = self.random.choice((None, 100, 700))
        self.disk.steps_left = self.random.randrange(40)
        try:
            reader, records = read_log(self.disk)
            reader.cut()
            self.written = batches_of(records)
            writer = writer_on(self.disk, reader.next, sync=self.sync, segment_bytes=3000)
            while True:
                self.write(writer)
        except PowerLost:
            self.disk = self.disk.after_power_loss(self.random)

    def write(self, writer: LogWriter) -> None:
        sizes = [self.random.choice((0, 5, 300, 1500)) for _ in range(self.random.randrange(1, 4))]
        group = [self.random.randbytes(size) for size in sizes]
        self.written += group
        writer.append([(batch, 7) for batch in group])
        self.down = len(self.written)


@pytest.mark.parametrize("seed", range(60))
def test_what_was_down_is_there_when_the_power_is_back(seed: int) -> None:
    story = Story(seed, "power")
    for _ in range(12):
        story.live()

        _, records = read_log(story.disk)

        assert batches_of(records) == story.written[: len(records)]
        assert len(records) >= story.down


def test_the_power_loss_loses_what_was_not_synced() -> None:
    random = Random(1)
    file = MemoryFile(disk := MemoryDisk())
    path = FOLDER / "file"
    disk.files[path] = disk.kept[path] = file
    file.write(b"a" * 600)
    file.sync()
    file.write(b"b" * 5000)

    remains = {disk.after_power_loss(random).read(path) for _ in range(50)}

    assert all(data.startswith(b"a" * 600) for data in remains)
    assert any(b"\0" in data for data in remains)  # a page that is lost before one that is not
    assert len(remains) > 20


# --- full, and failing ---------------------------------------------------------------------------


@pytest.mark.parametrize("room", [0, 1, 27, 28, 29, 58, 89])
def test_a_full_disk_leaves_what_was_down_and_nothing_of_what_was_not(room: int) -> None:
    disk = MemoryDisk()
    writer = writer_on(disk)
    writer.append([(b"one", 1)])
    disk.room = room

    with pytest.raises(JournalFailed, match="No space left on device"):
        writer.append([(b"two" * 10, 2), (b"three", 3)])

    disk.room = None
    with pytest.raises(JournalFailed, match="shard-0000 of /journal takes nothing more"):
        writer.append([(b"four", 4)])  # never as if nothing had been
    reader, records = read_log(disk)
    assert batches_of(records) == [b"one"]
    assert reader.torn is None


def test_a_sync_that_failed_is_not_tried_again() -> None:
    disk = MemoryDisk()
    writer = writer_on(disk, sync="power")
    writer.append([(b"one", 1)])
    disk.failing_syncs = 1

    with pytest.raises(JournalFailed, match=r"Input/output error$"):
        writer.append([(b"two", 2)])

    syncs = disk.syncs
    with pytest.raises(JournalFailed):
        writer.append([(b"three", 3)])
    writer.close()
    assert disk.syncs == syncs
    assert batches_of(read_log(disk)[1]) == [b"one"]


def test_a_file_that_cannot_be_cut_either_is_told_so() -> None:
    disk = MemoryDisk()
    writer = writer_on(disk)
    writer.append([(b"one", 1)])
    disk.room, disk.refuses_cuts = 10, True

    with pytest.raises(JournalFailed, match=r"; nor could it be cut to its last \d+ bytes: Read"):
        writer.append([(b"two", 2)])

    reader, records = read_log(disk)
    assert batches_of(records) == [b"one"]
    assert reader.torn is not None
    assert reader.torn.size == 10
