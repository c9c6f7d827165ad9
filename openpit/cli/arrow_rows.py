"""Writes rows to Parquet and Arrow files. Needs pyarrow: the extra ``arrow``."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import ipc, parquet

from openpit.cli.columns import ColumnKind
from openpit.cli.exits import Exit, ExitError
from openpit.cli.formats import Format

if TYPE_CHECKING:
    from openpit.cli.files import OutFile

__all__ = ["ArrowRows"]

_REJECT = pa.struct(
    [(name, pa.string()) for name in ("code", "reason", "details", "policy", "scope")]
)

_TYPES = {
    ColumnKind.TEXT: pa.string(),
    ColumnKind.TIME: pa.int64(),
    ColumnKind.AMOUNT: pa.string(),  # any of the 57 digits that it may have; a decimal128 has 38
    ColumnKind.TRUTH: pa.bool_(),
    ColumnKind.REJECTS: pa.list_(_REJECT),
    ColumnKind.NUMBER: pa.uint64(),
    ColumnKind.JSON: pa.string(),
}

_INT64_MAX = (1 << 63) - 1


class ArrowRows:
    """Rows of one file. Its ids are all whole numbers or all texts, as its first rows have them."""

    def __init__(self, file: OutFile, columns: dict[str, ColumnKind], format_: Format) -> None:
        self._path = file.path
        self._columns = columns
        self._is_parquet = format_ is Format.PARQUET
        self._target = _Sink(file)
        self._sink = pa.PythonFile(self._target, mode="w")
        self._schema: Any = None
        self._writer: Any = None

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Append some rows.

        Raises:
            ExitError: they do not fit into the columns, or the file cannot be written.
        """
        columns = {
            name: [_cell(row.get(name), kind) for row in rows]
            for name, kind in self._columns.items()
        }
        if self._writer is None:
            self._begin(columns)
        arrays = [self._array(field, columns[field.name]) for field in self._schema]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))

    def finish(self) -> None:
        """Write what the format has behind its rows; without rows, a file of none."""
        if self._writer is None:
            self._begin({name: [] for name in self._columns})
        self._writer.close()
        self._sink.flush()

    def abandon(self) -> None:
        """Write nothing more: pyarrow would, when it lets go of a file that is not finished."""
        self._target.is_abandoned = True
        if self._writer is not None:
            with suppress(pa.ArrowException):
                self._writer.close()

    def _begin(self, columns: dict[str, list[Any]]) -> None:
        self._schema = pa.schema(
            [
                (name, _id_type(columns[name]) if kind is ColumnKind.ID else _TYPES[kind])
                for name, kind in self._columns.items()
            ]
        )
        write = parquet.ParquetWriter if self._is_parquet else ipc.new_file
        self._writer = write(self._sink, self._schema)

    def _array(self, field: Any, values: list[Any]) -> Any:
        try:
            return pa.array(values, field.type)
        except (pa.ArrowException, OverflowError, TypeError):
            meant = "texts" if pa.types.is_string(field.type) else f"whole numbers ({field.type})"
            odd = next(value for value in values if not _fits(value, field.type))
            raise ExitError(
                Exit.IO_FAILED,
                f"cannot write {self._path}: {field.name} {odd!r} among {meant}: a column has one"
                " type; JSON lines have any",
            ) from None


def _cell(value: Any, kind: ColumnKind) -> Any:
    if kind is ColumnKind.JSON and value is not None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _id_type(values: list[Any]) -> Any:
    """Return the type that a column of ids has by its first ones."""
    if any(isinstance(value, str) for value in values):
        return pa.string()
    return pa.uint64() if any(value and value > _INT64_MAX for value in values) else pa.int64()


def _fits(value: object, type_: Any) -> bool:
    if value is None:
        return True
    if pa.types.is_string(type_):
        return isinstance(value, str)
    return isinstance(value, int) and (value <= _INT64_MAX or pa.types.is_uint64(type_))


class _Sink:
    """A file as pyarrow writes to one; whose it is, closes it."""

    closed = False
    is_abandoned = False

    def __init__(self, file: OutFile) -> None:
        self._file = file
        self._written = 0

    def write(self, content: Any) -> int:
        """Append bytes."""
        part = bytes(content)
        if not self.is_abandoned:
            self._file.write(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        """Return how many have been written."""
        return self._written

    def flush(self) -> None:
        """Do nothing: nothing is held back here."""

    def close(self) -> None:
        """Do nothing."""
