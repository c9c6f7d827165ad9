"""Writing a log: what has come together is written together, before anybody is told.

A log that could not be written or synced takes nothing more, ever: what the system has kept of it
is not known, and a second sync that succeeds says nothing about the first.
"""

from __future__ import annotations

import os
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from openpit.errors import JournalFailed
from openpit.journal.files import write_all
from openpit.journal.records import packed_record
from openpit.journal.segments import SEGMENT_BYTES, packed_header, segment_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from openpit.journal.files import Disk, LogFile

__all__ = ["LOOK_BYTES", "LogWriter", "Sync"]

Sync: TypeAlias = Literal["process", "power"]
"""What a record outlasts from the moment on that its writer is told: the process, or the power."""

LOOK_BYTES: Final = 8 * 1024 * 1024
"""How much is written from one look at the free space to the next."""


class LogWriter:
    """Appends to one log, in a segment of its own.

    ``number`` is that of the next record, ``first`` that of the first one in the segment in hand.
    ``fields`` go into each segment's header. ``warn`` is called with a text when less than
    ``min_free`` bytes are free, once until there is more again.

    Raises:
        JournalFailed: the segment could not be made.
    """

    __slots__ = (
        "_disk",
        "_down",
        "_failure",
        "_fields",
        "_file",
        "_folder",
        "_is_low",
        "_limit",
        "_log",
        "_look_at",
        "_min_free",
        "_size",
        "_sync",
        "_warn",
        "first",
        "next",
        "syncs",
        "written",
    )

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        log: str,
        number: int,
        fields: Mapping[str, Any],
        *,
        sync: Sync = "process",
        segment_bytes: int = SEGMENT_BYTES,
        min_free: int = 0,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._disk: Final = disk
        self._folder: Final = folder
        self._log: Final = log
        self._fields: Final = fields
        self._sync: Final = sync == "power"
        self._limit: Final = segment_bytes
        self._min_free: Final = min_free
        self._warn: Final = warn
        self._is_low = False
        self._failure = ""
        self._down = number - 1  # the number of the last record that is
        self.next = number
        self.written = 0  # bytes of records
        self.syncs = 0  # of records, before anybody was told
        self._look_at = 0
        self._file: LogFile
        self.first = number
        self._size = 0
        try:
            disk.make_folder(folder)
            self._begin_segment()
        except OSError as error:
            raise self._failed("a segment could not be made", error) from error

    def append(self, batches: Sequence[tuple[bytes, int]]) -> None:
        """Write batches, each with the check of what followed from it; return when they are down.

        Raises:
            JournalFailed: they are not, and nothing more will be. The file has been cut to what was
                down before, where that could be done; the text says where not.
        """
        if self._failure:
            raise JournalFailed(self._failure)
        if self._size >= self._limit and self.next > self.first:
            self._follow()
        number, down = self.next, self._down
        data = b"".join(
            [
                packed_record(each, down, check, batch)
                for each, (batch, check) in enumerate(batches, number)
            ]
        )
        try:
            write_all(self._file, data)
            if self._sync:
                self._file.sync()
                self.syncs += 1
        except OSError as error:
            raise self._failed("it could not be written", error, self._cut()) from error
        self._size += len(data)
        self.written += len(data)
        self.next = number + len(batches)
        self._down = self.next - 1
        if self.written >= self._look_at:
            self._look()

    def follow(self) -> None:
        """Begin the next segment, if the one in hand has a record.

        Raises:
            JournalFailed: it could not be made, or the log takes nothing more.
        """
        if self._failure:
            raise JournalFailed(self._failure)
        if self.next > self.first:
            self._follow()

    def sync(self) -> None:
        """Return when all of the segment in hand is on the disk, whatever the log's sync.

        Raises:
            OSError: it is not.
        """
        self._file.sync()

    def close(self) -> None:
        """Close the file; what was appended is on the disk then, whatever the log's sync."""
        if not self._failure:
            self._failure = f"the log {self._log} of {self._folder.parent} is closed"
            try:
                self._file.sync()
            except OSError as error:
                raise self._failed("it could not be synced", error) from error
            finally:
                self._file.close()

    def fileno(self) -> int:
        """Return the descriptor of the segment in hand."""
        return self._file.fileno()

    def _follow(self) -> None:
        """Begin the next segment; all of the one before is on the disk by then."""
        try:
            self._file.sync()
            self._file.close()
            self._begin_segment()
        except OSError as error:
            raise self._failed("a segment could not be made", error) from error

    def _begin_segment(self) -> None:
        header = packed_header(self._log, self.next, time_ns(), self._fields)
        self._file = self._disk.create(segment_path(self._folder, self.next))
        write_all(self._file, header)
        self._file.sync()
        self._disk.sync_folder(self._folder)
        self.first = self.next  # in this segment
        self._size = len(header)
        self._look()

    def _look(self) -> None:
        """Warn if there is little room left."""
        self._look_at = self.written + LOOK_BYTES
        if not self._min_free or self._warn is None:
            return
        free = self._disk.free(self._folder)
        if free < self._min_free and not self._is_low:
            self._warn(
                f"the log {self._log} of {self._folder.parent} has {free} bytes left, less than "
                f"{self._min_free}"
            )
        self._is_low = free < self._min_free

    def _cut(self) -> str:
        """Cut the file to what is down; return what to say where that could not be done."""
        try:
            self._file.truncate(self._size)
            self._file.sync()
        except OSError as error:
            return f"; nor could it be cut to its last {self._size} bytes: {_said(error)}"
        return ""

    def _failed(self, what: str, error: OSError, more: str = "") -> JournalFailed:
        self._failure = (
            f"the log {self._log} of {self._folder.parent} takes nothing more: {what}: "
            f"{_said(error)}{more}"
        )
        return JournalFailed(self._failure)


def _said(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
