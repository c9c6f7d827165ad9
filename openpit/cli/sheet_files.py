"""Files of rows that a command writes where its work makes JSON lines: CSV, Parquet, Arrow."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from openpit.cli.extra import loaded
from openpit.cli.files import OutFile, opened
from openpit.cli.formats import BINARY, Format, out_format

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from openpit.cli.columns import ColumnKind
    from openpit.cli.streams import StdoutFile

__all__ = ["ROWS", "RowWriter", "SheetFile", "check_format", "opened_lines"]

ROWS = 32_768
"""Rows that are written together: a row group of Parquet, a batch of Arrow."""

_row_of = msgspec.json.Decoder(dict[str, Any]).decode


class RowWriter(Protocol):
    """Writes rows to an open file."""

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Append some rows."""

    def finish(self) -> None:
        """Write what the format has behind its rows."""

    def abandon(self) -> None:
        """Write nothing more; after the end of it that changes nothing."""


class SheetFile:
    """A file that is given JSON lines, and has them as rows.

    As an :class:`OutFile` it gets its name with :meth:`finish`. The part that stays of it without
    is whole for its readers, with all rows until then.
    """

    def __init__(
        self, path: Path, format_: Format, columns: dict[str, ColumnKind], *, is_part_kept: bool
    ) -> None:
        self._file = OutFile(path, is_text=False, is_part_kept=is_part_kept)
        self._writer: RowWriter
        if format_ is Format.CSV:
            self._writer = _CsvRows(self._file, columns)
        else:
            module = loaded("openpit.cli.arrow_rows")
            self._writer = module.ArrowRows(self._file, columns, format_)
        self._is_part_kept = is_part_kept
        self._lines: list[str] = []

    @property
    def part(self) -> Path:
        """Where the rows are until the file gets its name."""
        return self._file.part

    def write(self, content: str | bytes) -> None:
        """Append lines, each with its end."""
        text = content if isinstance(content, str) else content.decode()
        self._lines += text.removesuffix("\n").split("\n")
        if len(self._lines) >= ROWS:
            self._hand_on()

    def finish(self) -> None:
        """Write what is left, and give the file its name."""
        self._end()
        self._file.finish()

    def _end(self) -> None:
        self._hand_on()
        self._writer.finish()

    def _has_rows(self) -> bool:
        return bool(self._lines) or self._file.has_content

    def _hand_on(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._writer.write([*map(_row_of, lines)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._is_part_kept and not self._file.is_finished and self._has_rows():
                self._end()
        finally:
            self._writer.abandon()
            self._file.__exit__(type_, error, trace)


class _CsvRows:
    """Rows as CSV with a header; rejects are the JSON that they are in a line."""

    def __init__(self, file: OutFile, columns: dict[str, ColumnKind]) -> None:
        self._file = file
        self._names = list(columns)
        self._begun = False

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Append some rows."""
        self._append([[_cell(row.get(name)) for name in self._names] for row in rows])

    def finish(self) -> None:
        """Write the header if there was no row."""
        self._append([])

    def abandon(self) -> None:
        """Do nothing: nothing is held back."""

    def _append(self, rows: Iterable[list[str]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if not self._begun:
            self._begun = True
            writer.writerow(self._names)
        writer.writerows(rows)
        self._file.write(text.getvalue().encode())


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value, separators=(",", ":"))
    return str(value)


def check_format(path: Path | None) -> None:
    """Find out before a long work whether what writes a file of this name is installed.

    Raises:
        ExitError: it is not.
    """
    if out_format(path) in BINARY:
        loaded("openpit.cli.arrow_rows")


def opened_lines(
    path: Path, columns: dict[str, ColumnKind], *, is_part_kept: bool = False
) -> OutFile | SheetFile | StdoutFile:
    """Return a file for JSON lines, of these columns where its name says that it has rows.

    Raises:
        ExitError: it cannot be written.
    """
    format_ = out_format(path)
    if format_ is Format.JSONL:
        return opened(path, is_part_kept=is_part_kept)
    return SheetFile(path, format_, columns, is_part_kept=is_part_kept)
