"""Reading a log: every record in order, a torn tail told, a hole refused by its position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.records import RecordReader
from openpit.journal.segments import header_in, segment_path, segments_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from openpit.journal.files import Disk
    from openpit.journal.records import LogRecord
    from openpit.journal.segments import Segment

__all__ = ["LogReader", "Torn"]


class Torn(NamedTuple):
    """What a log ends with that is no record: nobody has been told that it was down."""

    path: Path
    position: int  # of its first byte
    size: int  # bytes
    why: str

    def __str__(self) -> str:
        return f"{self.path} at {self.position}: {self.size} bytes, torn: {self.why}"


class LogReader:
    """Reads one log. What it has read so far it can tell: ``headers``, ``next``, ``torn``.

    ``after`` is the number of a record: those behind it are read, and the next one has to be there.
    Without, the log is read from whatever record it begins with.

    ``headers`` are those of the segments, in order; ``next`` is the number of the record that comes
    behind the last; ``size`` is the bytes of all segments, without a torn tail.
    """

    __slots__ = (
        "_after",
        "_disk",
        "_empty",
        "_folder",
        "headers",
        "next",
        "segments",
        "size",
        "torn",
    )

    def __init__(self, disk: Disk, folder: Path, after: int | None = None) -> None:
        self._disk: Final = disk
        self._folder: Final = folder
        segments = segments_of(disk, folder)
        self.segments: Final = segments if after is None else _needed(segments, after)
        self._after: Final = after
        self.headers: list[Mapping[str, Any]] = []
        self.next = self.segments[0].first if self.segments else (after or 0) + 1
        self.size = 0
        self._empty: Path | None = None  # the last segment, where no record is in it
        self.torn: Torn | None = None

    def __iter__(self) -> Iterator[LogRecord]:
        """Read all records behind the one of the number ``after``.

        Raises:
            JournalDamaged: one is missing or damaged that is not at the log's torn end. Those
                before it have been read.
            OSError: a segment could not be read.
        """
        after = self._after
        if after is None:
            yield from self._records()
            return
        if self.segments and self.next > after + 1:
            why = f"record {after + 1} and what follows is not there, nor in a snapshot"
            raise _hole(self.segments[0], 0, why)
        for record in self._records():
            if record.number > after:
                yield record
        if self.next <= after:
            why = f"the log ends before record {after}, which a snapshot has"
            raise _hole(self.segments[-1], 0, why)

    def _records(self) -> Iterator[LogRecord]:
        last = self._last()
        for place, segment in enumerate(self.segments[: last + 1]):
            if segment.first != self.next:
                raise _hole(segment, 0, f"it begins where record {self.next} was expected")
            data = self._disk.read(segment.path)
            header = header_in(data, segment)
            if header is None:
                raise _hole(segment, 0, "its header is damaged")
            self.headers.append(header.fields)
            reader = RecordReader(data, header.end, self.next)
            yield from reader
            self.next = reader.number
            self._empty = segment.path if self.next == segment.first else None
            self.size += reader.position
            if reader.why:
                self._ends_early(segment, reader, len(data), is_last=place == last)

    def _last(self) -> int:
        """Return the place of the last segment that has a header; what is behind it is torn."""
        last = len(self.segments) - 1
        if last < 0:
            return last
        segment = self.segments[last]
        data = self._disk.read(segment.path)
        if header_in(data, segment) is not None:
            return last
        records = RecordReader(data, 0, segment.first - 1)
        if records.relied_on() is not None:
            raise _hole(segment, 0, "its header is damaged")
        self.torn = Torn(segment.path, 0, len(data), "a segment without its header")
        return last - 1

    def _ends_early(
        self, segment: Segment, reader: RecordReader, size: int, *, is_last: bool
    ) -> None:
        position, why = reader.position, reader.why
        if not is_last:
            raise _hole(segment, position, why)
        later = reader.relied_on()
        if later is not None:
            why = f"{why}; record {later.number} at {later.position}, behind it, is whole"
            raise _hole(segment, position, why)
        if self.torn is not None:  # the segment behind it never came to be
            raise _hole(segment, position, why)
        self.torn = Torn(segment.path, position, size - position, why)

    def cut(self) -> None:
        """Remove what is torn, for good, and empty a last segment that has no record.

        The next one is that same file, which has to stay: without it the log would lack its end.
        """
        torn, self.torn = self.torn, None
        if torn is not None and torn.position and torn.path != self._empty:
            self._disk.cut(torn.path, torn.position)
            return
        for path in {self._empty, None if torn is None else torn.path} - {None}:
            if path == segment_path(self._folder, self.next):
                self._disk.cut(path, 0)
            else:
                self._disk.remove(path)  # type: ignore[arg-type]  # None is none of them
                self._disk.sync_folder(self._folder)


def _needed(segments: list[Segment], after: int) -> list[Segment]:
    """Return the segments that may hold records behind one: those behind the last that need not."""
    behind = [place for place, one in enumerate(segments) if one.first <= after + 1]
    return segments[behind[-1] :] if behind else segments


def _hole(segment: Segment, position: int, why: str) -> JournalDamaged:
    return JournalDamaged(f"{segment.path} at {position}: {why}", segment.path, position)
