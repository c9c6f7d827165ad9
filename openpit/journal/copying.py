"""Copying a log, also while it is written: a prefix of it, that ends with a whole record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.files import write_all
from openpit.journal.reading import LogReader
from openpit.journal.records import RecordReader
from openpit.journal.segments import header_in, segment_path

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


def copy_log(disk: Disk, source: Path, target: Path) -> CopiedLog:
    """Copy a log into a new folder; return what was copied when it is on the disk.

    What the log ends with that is no whole record is left out: it is just being written. The copy
    is read again, and has to be what was copied.

    Raises:
        JournalDamaged: the log has a hole, or its copy is not what it should be.
        FileNotFoundError: a segment has been removed meanwhile.
        OSError: something could not be read, or written.
    """
    disk.make_folder(target)
    reader = LogReader(disk, source)
    for _ in reader:
        pass
    copied = sum(_copy_segment(disk, one, target, reader.next) for one in _whole(reader))
    disk.sync_folder(target)
    found = LogReader(disk, target)
    records = sum(1 for _ in found)
    if found.next != reader.next or found.torn is not None:
        text = (
            f"{target}: the copy ends before record {found.next}, and should before {reader.next}"
        )
        raise JournalDamaged(text, target, 0)
    return CopiedLog(records, found.next, copied)


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
    file = disk.create(segment_path(target, segment.first))
    try:
        write_all(file, data[: reader.position])
        file.sync()
    finally:
        file.close()
    return reader.position


def _read_to(reader: RecordReader, end: int) -> None:
    """Read the records before one; what has been written since is left."""
    if reader.number < end:
        for _ in reader:
            if reader.number == end:
                return
