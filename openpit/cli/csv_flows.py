"""Order flows as CSV with a header: each row becomes the JSON line that it stands for.

A cell has no type. An order or an account that is written as a number of JSON is one (``7``, not
``07``), and an error if it is not whole (``7.0``); all else is text. A cell that is empty is not
there. A row ends with its line: no cell has a line end in it, for nothing in a flow does.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any

from msgspec import Raw
from msgspec.json import Encoder

from openpit.cli.columns import EVENT, ColumnKind, check_names
from openpit.cli.events import BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.cli.lines import Line

__all__ = ["json_lines"]

_encoded = Encoder().encode
_is_number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch


def json_lines(flow: str, blocks: Iterator[list[Line]]) -> Iterator[list[Line]]:
    """Yield the JSON lines of a file's rows, with the numbers of their lines.

    ``flow`` is what the file is called. A row that has too few cells or too many, or that is no
    CSV, comes as a :class:`BadLine`.

    Raises:
        ExitError: the first line has no columns of a flow.
    """
    line_of: Callable[[int, bytes], Line] | None = None
    for block in blocks:
        rows = block
        if line_of is None and rows:
            line_of = _reader(flow, rows[0][1])
            rows = rows[1:]
        yield [
            line_of(number, row) if isinstance(row, bytes) else (number, row)  # type: ignore[misc]  # set with the first row
            for number, row in rows
        ]


def _reader(flow: str, header: bytes | BadLine) -> Callable[[int, bytes], Line]:
    """Return what makes a JSON line of a row below this header."""
    names: list[str] = []
    if isinstance(header, bytes):
        text = header.removeprefix(BOM_UTF8).decode(errors="replace")
        names = [name.strip() for name in next(csv.reader([text.rstrip("\r")]), [])]
    check_names(flow, names)
    count = len(names)
    bare = [name for name in names if EVENT[name] in _BARE]

    def line_of(number: int, row: bytes) -> Line:
        try:
            text = row.decode()
        except UnicodeDecodeError:
            return number, BadLine(number, "not UTF-8 text")
        text = text.removesuffix("\r")
        if '"' in text:
            try:
                cells = next(csv.reader([text], strict=True))
            except csv.Error as error:
                return number, BadLine(number, f"not CSV: {error}")
        else:
            cells = text.split(",")
        if len(cells) != count:
            return number, BadLine(number, f"{count} columns expected, {len(cells)} found")
        told: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
        for name in bare:
            if name in told and _is_number(told[name]):
                told[name] = Raw(told[name])
        return number, _encoded(told)

    return line_of


_BARE = (ColumnKind.ID, ColumnKind.TIME)
"""Cells that are numbers in JSON if they look so; amounts may be texts, and others have to be."""
