"""Order flows in Parquet or Arrow files: each row becomes the JSON line that it stands for.

Columns have types, and those that could only be read by rounding are refused before any row is.
Needs pyarrow: the extra ``arrow``.
"""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
from pyarrow import compute, ipc, parquet, types

from openpit.cli.columns import EVENT, ColumnKind, check_names
from openpit.cli.exits import Exit, ExitError
from openpit.cli.formats import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openpit.cli.lines import Line

__all__ = ["json_lines", "rows_in"]

ROWS = 4096
"""Rows that become lines together."""

EXACT = 1 << 53
"""Up to here a double is the whole number that was meant, and not one beside it."""

_quoted = json.JSONEncoder().encode


def rows_in(flow: Path, format_: Format) -> int | None:
    """Return how many rows a file has; None where all of it would have to be read for that.

    Raises:
        ExitError: it cannot be read, or is no such file.
    """
    with _File(flow, format_) as file:
        return file.rows


def json_lines(
    flow: Path, format_: Format, advance: Callable[[int], None] | None = None
) -> Iterator[list[Line]]:
    """Yield the JSON lines of a file's rows, counted from 1; ``advance`` is told the rows done.

    Raises:
        ExitError: it cannot be read, or its columns are not those of a flow.
    """
    with _File(flow, format_) as file:
        yield from _lines_in(file, advance)


def _lines_in(file: _File, advance: Callable[[int], None] | None) -> Iterator[list[Line]]:
    number = 1
    for lines in file.lines():
        yield [*enumerate(lines, number)]
        number += len(lines)
        if advance is not None:
            advance(len(lines))


class _File:
    """A Parquet or an Arrow file, open for reading."""

    def __init__(self, flow: Path, format_: Format) -> None:
        self._flow = flow
        self._is_parquet = format_ is Format.PARQUET
        try:
            self._source = pa.OSFile(str(flow))
            if self._is_parquet:
                self._file: Any = parquet.ParquetFile(self._source)
                schema = self._file.schema_arrow
            else:
                self._file = ipc.open_file(self._source)
                schema = self._file.schema
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from None
        check_names(str(flow), schema.names)
        self._writers = {field.name: self._writer(field) for field in schema}

    @property
    def rows(self) -> int | None:
        """How many it has, if it says so at its end."""
        return int(self._file.metadata.num_rows) if self._is_parquet else None

    def lines(self) -> Iterator[list[bytes]]:
        """Yield the rows as JSON lines, some at a time."""
        batches = self._batches()
        while (lines := self._next_lines(batches)) is not None:
            yield lines

    def _next_lines(self, batches: Iterator[Any]) -> list[bytes] | None:
        try:
            batch = next(batches, None)
            return None if batch is None else _lines_of(batch, self._writers)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from None

    def _batches(self) -> Iterator[Any]:
        if self._is_parquet:
            yield from self._file.iter_batches(batch_size=ROWS)
            return
        for at in range(self._file.num_record_batches):
            batch = self._file.get_batch(at)
            for start in range(0, batch.num_rows, ROWS):
                yield batch.slice(start, ROWS)

    def _writer(self, field: Any) -> Callable[[Any], list[str]]:
        """Return what writes the cells of a column as the values of their key."""
        kind, type_ = EVENT[field.name], field.type
        if types.is_dictionary(type_):
            type_ = type_.value_type
        for is_of, write in _WRITERS[kind]:
            if is_of(type_):
                return lambda column: write(field.name, column)
        said = f"{self._flow}: column {field.name} is {field.type}; {_MEANT[kind]}"
        raise ExitError(Exit.UNREADABLE, said)

    def _unreadable(self, error: Exception) -> ExitError:
        if isinstance(error, OSError) and error.strerror:
            return ExitError(Exit.IO_FAILED, f"cannot read {self._flow}: {error.strerror}")
        said = str(error).partition("\n")[0]
        return ExitError(Exit.UNREADABLE, f"cannot read {self._flow}: {said}")

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()


def _lines_of(batch: Any, writers: dict[str, Callable[[Any], list[str]]]) -> list[bytes]:
    """Return the rows as JSON lines."""
    named = zip(batch.schema.names, batch.columns, strict=True)
    columns = [writers[name](column) for name, column in named]
    return [f"{{{''.join(row)[1:]}}}".encode() for row in zip(*columns, strict=True)]


# --- columns --------------------------------------------------------------------------------------


def _texts(name: str, column: Any) -> list[str]:
    key = f',"{name}":'
    column = _plain(column)
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        # Nobody checks what is written as text. A surrogate is none, as the reason of its row says.
        texts = compute.cast(column, pa.binary()).to_pylist()
        values = [text and text.decode(errors="surrogateescape") for text in texts]
    return ["" if value is None else key + _quoted(value) for value in values]


def _wholes(name: str, column: Any) -> list[str]:
    key = f',"{name}":'
    return ["" if value is None else f"{key}{value}" for value in _plain(column).to_pylist()]


def _whole_floats(name: str, column: Any) -> list[str]:
    """Write what pandas makes of whole numbers where some are missing: they are whole still."""
    key = f',"{name}":'
    return [
        ""
        if value is None or isnan(value)  # as pandas marks what is missing
        else f"{key}{int(value) if abs(value) <= EXACT and value.is_integer() else value!r}"
        for value in _plain(column).to_pylist()
    ]


def _decimals(name: str, column: Any) -> list[str]:
    key = f',"{name}":"'
    return ["" if value is None else f'{key}{value:f}"' for value in _plain(column).to_pylist()]


def _times(name: str, column: Any) -> list[str]:
    column = _plain(column)
    since = compute.cast(column, pa.timestamp("ns", tz=column.type.tz))
    return _wholes(name, compute.cast(since, pa.int64()))


def _plain(column: Any) -> Any:
    """Return a column without the dictionary that pandas gives one of few values."""
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _is_text(type_: Any) -> bool:
    return bool(
        types.is_string(type_)
        or types.is_large_string(type_)
        or types.is_string_view(type_)
        or types.is_null(type_)
    )


_TEXT = (_is_text, _texts)
_WHOLE = (types.is_integer, _wholes)

_Writer: TypeAlias = "tuple[Callable[[Any], bool], Callable[[str, Any], list[str]]]"

_WRITERS: dict[ColumnKind, tuple[_Writer, ...]] = {
    ColumnKind.TEXT: (_TEXT,),
    ColumnKind.ID: (_TEXT, _WHOLE, (types.is_floating, _whole_floats)),
    ColumnKind.TIME: (_WHOLE, (types.is_null, _texts), (types.is_timestamp, _times)),
    ColumnKind.AMOUNT: (_TEXT, _WHOLE, (types.is_decimal, _decimals)),
}

_MEANT = {
    ColumnKind.TEXT: "it has to be text",
    ColumnKind.ID: "ids are whole numbers or text",
    ColumnKind.TIME: "times are whole nanoseconds or timestamps",
    ColumnKind.AMOUNT: "amounts are text, whole numbers or decimals, not binary fractions",
}
