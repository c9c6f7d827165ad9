"""Numbered lines of a file of any size, in bounded memory.

Reading in blocks is faster than iterating over the file, tells how far it got (for the progress
bar), and keeps a file without line ends from filling the memory.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import IO, TYPE_CHECKING

from openpit.cli.events import BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LINE_LIMIT", "compression_of", "numbered_lines"]

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
) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield each line that is not blank with its number, without its end.

    The byte order mark that some editors put before the first line is no part of it.

    A line over LINE_LIMIT comes as a :class:`BadLine`. ``advance`` is told the bytes of each block
    once its lines are through.
    """
    number = 0
    rest = b""
    skipping = False
    while block := file.read(BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for line in lines:
            number += 1
            if number == 1:
                line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901 - the line without it
            if skipping:
                skipping = False
                continue
            if len(line) > LINE_LIMIT:
                yield number, _too_long(number)
                continue
            if line and not line.isspace():
                yield number, line
        if len(rest) > LINE_LIMIT:
            if not skipping:
                yield number + 1, _too_long(number + 1)
                skipping = True
            rest = b""
        if advance is not None:
            advance(len(block))
    if not number:
        rest = rest.removeprefix(BOM_UTF8)
    if rest and not skipping and not rest.isspace():
        yield number + 1, rest


def _too_long(number: int) -> BadLine:
    return BadLine(number, f"longer than {LINE_LIMIT} bytes")
