"""Numbered lines of a file of any size, in bounded memory.

Reading and handing on in blocks is faster than iterating over the file, tells how far it got (for
the progress bar), and keeps a file without line ends from filling the memory.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import IO, TYPE_CHECKING

from openpit.cli.events import BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LINE_LIMIT", "Line", "compression_of", "numbered_lines"]

Line = tuple[int, bytes | BadLine]
"""A line with its number, or one that is too long to be kept."""

BLOCK = 1 << 18
"""Bytes per read: large enough that the reads do not show, small enough for a smooth progress."""

LINE_LIMIT = 1 << 16
"""Bytes per line. An event takes about 150; a longer line is not one, and is not kept."""

_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
"""What compressed files begin with."""


def compression_of(file: IO[bytes]) -> str | None:
    """Return how the rest of a file is compressed, or None; nothing is taken from it."""
    peek = getattr(file, "peek", None)
    head = b"" if peek is None else peek(6)
    for mark, name in _PACKED.items():
        if head.startswith(mark):
            return name
    return None


def numbered_lines(
    file: IO[bytes], advance: Callable[[int], None] | None = None
) -> Iterator[list[Line]]:
    """Yield block after block the lines that are not blank with their numbers, without their ends.

    The byte order mark that some editors put before the first line is no part of it.

    A line over LINE_LIMIT comes as a :class:`BadLine`. ``advance`` is told the bytes of each block
    once its lines are through.
    """
    number = 0  # of the last line that is whole
    rest = b""
    skipping = False
    while block := file.read(BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if not number and lines:
            lines[0] = lines[0].removeprefix(BOM_UTF8)
        found: list[Line] = []
        if skipping and lines:
            skipping = False
            number += 1
            del lines[0]
        if _are_plain(lines):
            found += enumerate(lines, number + 1)
        else:
            found += _looked_at(lines, number + 1)
        number += len(lines)
        if len(rest) > LINE_LIMIT:
            if not skipping:
                found.append((number + 1, _too_long(number + 1)))
                skipping = True
            rest = b""
        yield found
        if advance is not None:
            advance(len(block))
    if not number:
        rest = rest.removeprefix(BOM_UTF8)
    if rest and not skipping and not rest.isspace():
        yield [(number + 1, rest)]


def _are_plain(lines: list[bytes]) -> bool:
    """Tell whether all lines are to be kept, as most blocks' are: without a look at each."""
    if not all(lines) or any(map(bytes.isspace, lines)):
        return False
    return max(map(len, lines), default=0) <= LINE_LIMIT


def _looked_at(lines: list[bytes], first: int) -> Iterator[Line]:
    """Yield the lines that are not blank with their numbers; ``first`` is that of the first."""
    for place, line in enumerate(lines, first):
        if len(line) > LINE_LIMIT:
            yield place, _too_long(place)
        elif line and not line.isspace():
            yield place, line


def _too_long(number: int) -> BadLine:
    return BadLine(number, f"longer than {LINE_LIMIT} bytes")
