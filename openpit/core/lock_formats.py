"""A lock as JSON, MessagePack and CBOR: three encodings of one shape, each read by its library.

What cannot be read is a ``ValueError`` that names the format and says what the library, or the
shape, finds wrong with it.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import msgpack

from openpit.core.lock_shape import groups_in, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from openpit.core.lock_shape import Groups

__all__ = ["from_cbor", "from_json", "from_msgpack", "to_cbor", "to_json", "to_msgpack"]


def to_json(sections: Sequence[tuple[int, list[Decimal]]]) -> str:
    """Write groups, the default one first, without any blanks."""
    rows = []
    for row in shape_of(sections):
        cells = (str(cell) if isinstance(cell, int) else f'"{cell}"' for cell in row)
        rows.append(f"[{','.join(cells)}]")
    return f"[{','.join(rows)}]"


def to_msgpack(sections: Sequence[tuple[int, list[Decimal]]]) -> bytes:
    """Write groups, the default one first."""
    packed: bytes = msgpack.packb(shape_of(sections))
    return packed


def to_cbor(sections: Sequence[tuple[int, list[Decimal]]]) -> bytes:
    """Write groups, the default one first."""
    import cbor2  # noqa: PLC0415 - few programs use CBOR, and its import takes time

    return cbor2.dumps(shape_of(sections))


def from_json(text: str) -> Groups:
    """Read what :func:`to_json` wrote."""
    from openpit.core import lock_json  # noqa: PLC0415 - few programs need Python's json for it

    try:
        return groups_in(lock_json.decode(text))
    except (ValueError, RecursionError) as problem:
        raise _unreadable("json", problem) from None


def from_msgpack(data: bytes) -> Groups:
    """Read what :func:`to_msgpack` wrote; whatever follows it is not looked at."""
    # A map has no place in a lock, and its keys may be what Python cannot make a dict of.
    unpacker = msgpack.Unpacker(
        max_buffer_size=len(data), strict_map_key=False, object_pairs_hook=_empty_map
    )
    unpacker.feed(data)
    try:
        return groups_in(unpacker.unpack())
    except (ValueError, msgpack.UnpackException) as problem:
        raise _unreadable("msgpack", problem) from None


def from_cbor(data: bytes) -> Groups:
    """Read what :func:`to_cbor` wrote; whatever follows it is not looked at."""
    import cbor2  # noqa: PLC0415 - few programs use CBOR, and its import takes time

    try:
        return groups_in(cbor2.load(BytesIO(data)))
    except (ValueError, RecursionError, cbor2.CBORDecodeError) as problem:
        raise _unreadable("cbor", problem) from None


def _empty_map(_pairs: object) -> dict[object, object]:
    return {}


def _unreadable(form: str, problem: Exception) -> ValueError:
    return ValueError(f"lock {form} decode failed: {str(problem) or type(problem).__name__}")
