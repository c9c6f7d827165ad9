"""Copying a log, also while it is written: a prefix of it, that ends with a whole record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.files import write_all
from openpit.journal.reading import LogReader
from openpit.journal.records import RecordReader
from openpit.journal.segments import header_in, segment_path
from openpit.journal.snapshots import is_whole, snapshot_path, snapshots_of

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.journal.files import Disk
    from openpit.journal.segments import Segment

__all__ = ["CopiedLog", "copy_log"]


class CopiedLog(NamedTuple):
    """What there is of a log in its copy."""

    records: int
    next: int
    """The number of the record that would come behind the last."""
    bytes: int


def copy_log(disk: Disk, source: Path, target: Path, *, has_snapshots: bool = True) -> CopiedLog:
    """Copy a log into a new folder; return what was copied when it is on the disk.

    What the log ends with that is no whole record is left out: it is just being written. Its
    snapshots go along, but for damaged ones. The copy is read again, and has to be what was copied.
    A log that begins behind its first record without ``has_snapshots`` says itself what was before.

    Raises:
        JournalDamaged: the log has a hole, or its copy is not what it should be.
        FileNotFoundError: a segment or a snapshot has been removed meanwhile.
        OSError: something could not be read, or written.
    """
    disk.make_folder(target)
    latest = _copy_snapshots(disk, source, target)
    reader = LogReader(disk, source)
    begins = reader.next
    for _ in reader:
        pass
    if has_snapshots and begins > latest + 1:  # cut behind a snapshot that was not there yet
        raise FileNotFoundError(2, "No such file or directory", str(segment_path(source, latest)))
    whole = _whole(reader)
    copied = sum(_copy_segment(disk, one, target, reader.next) for one in whole)
    for segment in reader.segments[len(whole) :]:  # just begun: without it the log lacks its end
        _write(disk, segment_path(target, segment.first), b"")
    disk.sync_folder(target)
    found = LogReader(disk, target)
    records = sum(1 for _ in found)
    if found.next != reader.next or (found.torn is not None and found.torn.size):
        text = (
            f"{target}: the copy ends before record {found.next}, and should before {reader.next}"
        )
        raise JournalDamaged(text, target, 0)
    return CopiedLog(records, found.next, copied)


def _copy_snapshots(disk: Disk, source: Path, target: Path) -> int:
    """Copy a log's snapshots; return the number of the last record that is in one."""
    latest = 0
    for file in snapshots_of(disk, source):
        if is_whole(disk, file):
            _write(disk, snapshot_path(target, file.number), disk.read(file.path))
            latest = file.number
    return latest


def _write(disk: Disk, path: Path, data: bytes) -> None:
    file = disk.create(path)
    try:
        write_all(file, data)
        file.sync()
    finally:
        file.close()


def _whole(reader: LogReader) -> list[Segment]:
    """Return the segments of a log that was read, without a last one that lacks its header."""
    torn = reader.torn
    is_headless = torn is not None and not torn.position
    return reader.segments[:-1] if is_headless else reader.segments


def _copy_segment(disk: Disk, segment: Segment, target: Path, end: int) -> int:
    """Copy a segment's records before one; return how many bytes."""
    data = disk.read(segment.path)
    header = header_in(data, segment)
    if header is None:
        raise JournalDamaged(f"{segment.path} at 0: its header is damaged", segment.path, 0)
    reader = RecordReader(data, header.end, segment.first)
    _read_to(reader, end)
    _write(disk, segment_path(target, segment.first), data[: reader.position])
    return reader.position


def _read_to(reader: RecordReader, end: int) -> None:
    """Read the records before one; what has been written since is left."""
    if reader.number < end:
        for _ in reader:
            if reader.number == end:
                return
