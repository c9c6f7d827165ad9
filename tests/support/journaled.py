"""Small logs, written and read by tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpit.journal.reading import LogReader
from openpit.journal.writing import LogWriter

if TYPE_CHECKING:
    from openpit.journal.files import Disk
    from openpit.journal.records import LogRecord

FOLDER = Path("/journal/shard-0000")


def writer_on(disk: Disk, number: int = 1, **options: Any) -> LogWriter:
    return LogWriter(disk, FOLDER, "shard-0000", number, {"of": "a test"}, **options)


def read_log(disk: Disk) -> tuple[LogReader, list[LogRecord]]:
    reader = LogReader(disk, FOLDER)
    return reader, list(reader)


def batches_of(records: list[LogRecord]) -> list[bytes]:
    return [record.batch for record in records]
