"""The files of a log: segments, named by the number of their first record, each with a header.

::

    magic    8 bytes
    format   u16
    length   u32    of the header
    crc      u32    CRC32C of the header
    header   JSON: an object

What a header says beside ``log``, ``first`` and ``wall`` (nanoseconds since 1970, when it was
written) is its writer's affair.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.records import crc32c

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openpit.journal.files import Disk

__all__ = [
    "FORMAT",
    "FRONT_BYTES",
    "HEADER_BYTES",
    "SEGMENT_BYTES",
    "Header",
    "Segment",
    "drop_segments",
    "header_in",
    "packed_header",
    "segment_path",
    "segments_of",
]

FORMAT: Final = 1
"""Of segments and records: a reader reads exactly its own."""

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""From this size on a segment is followed by the next: a reader holds one in memory."""

HEADER_BYTES: Final = 1024 * 1024
"""Largest header."""

_MAGIC: Final = b"openpitJ"
_FRONT: Final = Struct(">8sHII")
FRONT_BYTES: Final = _FRONT.size + HEADER_BYTES
"""What stands in front of the first record, at most."""
_NAME: Final = re.compile(r"(\d{20})\.log")


class Header(NamedTuple):
    """What a segment says in front of its records, and where those begin."""

    fields: Mapping[str, Any]
    end: int


class Segment(NamedTuple):
    """One file of a log."""

    path: Path
    first: int  # the number of its first record


def segment_path(folder: Path, first: int) -> Path:
    """Return where the segment stands that begins with a record."""
    return folder / f"{first:020d}.log"


def segments_of(disk: Disk, folder: Path) -> list[Segment]:
    """Return a log's segments, in order."""
    return [
        Segment(folder / name, int(match[1]))
        for name in disk.names(folder)
        if (match := _NAME.fullmatch(name))
    ]


def packed_header(log: str, first: int, wall: int, fields: Mapping[str, Any]) -> bytes:
    """Return a segment's first bytes.

    Raises:
        ValueError: the header is over ``HEADER_BYTES``.
    """
    said = {"log": log, "first": first, "wall": wall, **fields}
    header = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    if len(header) > HEADER_BYTES:
        raise ValueError(f"a header of {len(header)} bytes is over the limit of {HEADER_BYTES}")
    return _FRONT.pack(_MAGIC, FORMAT, len(header), crc32c(header)) + header


def header_in(data: bytes, segment: Segment) -> Header | None:
    """Return the header of a segment's bytes; None if it is not there, whole.

    Raises:
        JournalDamaged: it is that of another segment, or of another format.
    """
    if len(data) < _FRONT.size:
        return None
    magic, version, length, crc = _FRONT.unpack_from(data)
    end = _FRONT.size + length
    header = data[_FRONT.size : end]
    if magic != _MAGIC or length > HEADER_BYTES or len(header) < length or crc32c(header) != crc:
        return None
    if version != FORMAT:
        text = f"{segment.path}: format {version}, where this version reads {FORMAT}"
        raise JournalDamaged(text, segment.path, 0)
    fields = json.loads(header)
    if fields["first"] != segment.first:
        text = f"{segment.path}: its header says that it begins with record {fields['first']}"
        raise JournalDamaged(text, segment.path, 0)
    return Header(fields, end)


def drop_segments(disk: Disk, folder: Path, before: int) -> int:
    """Remove the segments that hold only records before a number; return how many.

    The last one stays, whatever it holds.
    """
    segments = segments_of(disk, folder)
    dropped = [one for one, after in pairwise(segments) if after.first <= before]
    for one in dropped:
        with suppress(FileNotFoundError):  # another process may be at it
            disk.remove(one.path)
    if dropped:
        disk.sync_folder(folder)
    return len(dropped)
