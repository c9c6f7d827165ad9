"""Which format a file has: by what the command line says, by its name, by its first line."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import click

from openpit.cli.columns import EVENT
from openpit.cli.exits import Exit, ExitError
from openpit.cli.streams import is_stream

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BINARY", "UNPACK", "Format", "flow_format", "out_format"]


class Format(StrEnum):
    """How events or decisions are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    LOBSTER = "lobster"


BINARY: Final = frozenset((Format.PARQUET, Format.ARROW))
"""Formats that pyarrow reads and writes; from a file, whose end is read first."""

_ENDS: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".arrow": Format.ARROW,
    ".feather": Format.ARROW,
}

_PACKED: Final = {".gz", ".bz2", ".xz", ".zst", ".zip"}
"""Ends of the names of files that have to be unpacked first."""

UNPACK: Final = "; unpack it first, as in: zcat FLOW | openpit replay - --format jsonl"

_FIRST_LINE: Final = 4096
"""Bytes that a header has at most: twelve names."""


def flow_format(flow: Path, asked: str | None) -> Format:
    """Return the format of a flow that is to be read; ``asked`` is what --format says.

    Raises:
        UsageError: nothing tells it, or that format cannot be read from a stream.
        ExitError: the file cannot be read.
    """
    end = flow.suffix.lower()
    if asked is not None:
        found = Format(asked)
    elif is_stream(flow):
        found = Format.JSONL
    elif end not in _ENDS:
        raise click.UsageError(
            f"the format of {flow.name} is not told by its name: give --format"
            + (UNPACK if end in _PACKED else "")
        )
    else:
        found = _ENDS[end]
        if found is Format.CSV and not _has_header(flow):
            found = Format.LOBSTER
    if found in BINARY and not flow.is_file():
        raise click.UsageError(f"a flow of format {found} can only be read from a file")
    return found


def out_format(path: Path | None) -> Format:
    """Return the format of a file that is to be written: JSON lines, if its name says no other."""
    if path is None or is_stream(path):
        return Format.JSONL
    return _ENDS.get(path.suffix.lower(), Format.JSONL)


def _has_header(flow: Path) -> bool:
    """Tell whether a CSV file begins with names of columns: LOBSTER's begin with a number."""
    if not flow.is_file():
        return False  # what is read of a pipe is gone
    try:
        with flow.open("rb") as file:
            first = file.read(_FIRST_LINE).partition(b"\n")[0]
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {flow}: {error.strerror}") from None
    names = first.decode("utf-8-sig", errors="replace").replace('"', "").strip().split(",")
    return any(name in EVENT for name in names)
