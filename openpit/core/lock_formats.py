"""A lock as JSON, MessagePack and CBOR: three encodings of one shape (spec section 8).

An array whose first element is the array of the default group's prices and whose further elements
are arrays of a group id and that group's prices; empty when there are no prices. Prices are texts,
but numbers are understood. What cannot be read is a ``ValueError`` with the reference's text.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from openpit.core.debug_text import quoted, truth
from openpit.core.lock_json import JsonReader
from openpit.core.lock_shape import (
    GROUP_EXPECTED,
    LOCK_EXPECTED,
    NO_GROUP,
    PRICE_EXPECTED,
    PRICES_EXPECTED,
    SECTION_EXPECTED,
    UnreadableLock,
    read_price,
    wrong_group,
)
from openpit.param.decimals import plain, shortest_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from openpit.core.lock_shape import Groups

__all__ = ["from_cbor", "from_json", "from_msgpack", "to_cbor", "to_json", "to_msgpack"]


# --- writing ------------------------------------------------------------------------------------


def to_json(sections: Sequence[tuple[int, list[Decimal]]]) -> str:
    """Write groups, the default one first, without any blanks."""
    rows = []
    for row in _shape(sections):
        cells = (str(cell) if isinstance(cell, int) else f'"{cell}"' for cell in row)
        rows.append(f"[{','.join(cells)}]")
    return f"[{','.join(rows)}]"


def to_msgpack(sections: Sequence[tuple[int, list[Decimal]]]) -> bytes:
    """Write groups, the default one first."""
    packed: bytes = msgpack.packb(_shape(sections))
    return packed


def to_cbor(sections: Sequence[tuple[int, list[Decimal]]]) -> bytes:
    """Write groups, the default one first."""
    import cbor2  # noqa: PLC0415 - few programs use CBOR, and its import takes time

    return cbor2.dumps(_shape(sections))


def _shape(sections: Sequence[tuple[int, list[Decimal]]]) -> list[list[int | str]]:
    shape: list[list[int | str]] = []
    for group, prices in sections:
        if group:
            if not shape:
                shape.append([])
            shape.append([group, *map(plain, prices)])
        else:
            shape.append([*map(plain, prices)])
    return shape


# --- reading ------------------------------------------------------------------------------------


def from_json(text: str) -> Groups:
    """Read what :func:`to_json` wrote."""
    try:
        return JsonReader(text.encode()).lock()
    except UnreadableLock as problem:
        raise ValueError(f"lock json decode failed: {problem}") from None


def from_msgpack(data: bytes) -> Groups:
    """Read what :func:`to_msgpack` wrote; whatever follows it is not looked at."""
    try:
        return _read_lock(_unpacked(data), _MSGPACK)
    except UnreadableLock as problem:
        raise ValueError(f"lock msgpack decode failed: {problem}") from None


def _empty_map(_pairs: object) -> dict[object, object]:
    return {}


def _unpacked(data: bytes) -> object:
    """Return the first MessagePack object of ``data``."""
    # A map has no place in a lock, and its keys may be what Python cannot make a dict of.
    unpacker = msgpack.Unpacker(
        max_buffer_size=len(data), strict_map_key=False, object_pairs_hook=_empty_map
    )
    unpacker.feed(data)
    try:
        return unpacker.unpack()
    except msgpack.OutOfData:
        problem = "IO error while reading marker: failed to fill whole buffer"
    except UnicodeDecodeError as broken:
        problem = (
            "string found to be invalid utf8: invalid utf-8 sequence of "
            f"{broken.end - broken.start} bytes from index {broken.start}"
        )
    except ValueError:  # the base of what the package raises for broken data
        problem = "wrong msgpack marker Reserved"
    raise UnreadableLock(problem)


def from_cbor(data: bytes) -> Groups:
    """Read what :func:`to_cbor` wrote; whatever follows it is not looked at."""
    import cbor2  # noqa: PLC0415 - few programs use CBOR, and its import takes time

    try:
        tree = cbor2.load(BytesIO(data))
    except cbor2.CBORDecodeEOF:
        problem = 'Io(Error { kind: UnexpectedEof, message: "failed to fill whole buffer" })'
        raise ValueError(f"lock cbor decode failed: {problem}") from None
    except cbor2.CBORDecodeError:
        raise ValueError("lock cbor decode failed: Syntax(0)") from None
    try:
        return _read_lock(tree, _CBOR)
    except UnreadableLock as problem:
        text = f"Semantic(None, {quoted(str(problem))})"
        raise ValueError(f"lock cbor decode failed: {text}") from None


class _Wording(NamedTuple):
    """What a format's errors say they expected, and how they name what they found."""

    lock: str
    prices: str
    section: str
    group: str
    negative_group: str | None
    names: Mapping[str, str]  # by class, where an array or a group id belongs
    price_names: Mapping[str, str]  # by class, where a price belongs


_UNDEFINED = ("undefined_type", "UndefinedType")  # the class in cbor2 before version 6, and since

_MSGPACK = _Wording(
    lock=LOCK_EXPECTED,
    prices=PRICES_EXPECTED,
    section=SECTION_EXPECTED,
    group=GROUP_EXPECTED,
    negative_group=None,
    names={"NoneType": "unit value", "bytes": "byte array", "ExtType": "newtype struct"},
    price_names={"NoneType": "unit value", "bytes": "byte array", "ExtType": "newtype struct"},
)
_CBOR = _Wording(
    lock="array",
    prices="array",
    section="array",
    group="integer",
    negative_group="unexpected negative integer",
    names={
        "NoneType": "null",
        "bytes": "bytes",
        "str": "string",
        **dict.fromkeys(_UNDEFINED, "undefined"),
        "CBORSimpleValue": "simple",
    },
    price_names={
        "NoneType": "Option value",
        "bytes": "byte array",
        **dict.fromkeys(_UNDEFINED, "Option value"),
    },
)


def _read_lock(tree: object, wording: _Wording) -> Groups:
    """Return the groups of a decoded lock."""
    groups: Groups = {}
    for index, row in enumerate(_array(tree, wording.lock, wording)):
        group, cells = 0, _array(row, wording.section if index else wording.prices, wording)
        if index:
            if not cells:
                raise UnreadableLock(NO_GROUP)
            group, cells = _group(cells[0], wording), cells[1:]
        prices = [_price(cell, wording) for cell in cells]
        if prices:
            groups.setdefault(group, []).extend(prices)
    return groups


def _array(value: object, expected: str, wording: _Wording) -> list[object]:
    if isinstance(value, list):
        return value
    raise UnreadableLock(f"invalid type: {_name(value, wording.names)}, expected {expected}")


def _group(value: object, wording: _Wording) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        found = _name(value, wording.names)
        raise UnreadableLock(f"invalid type: {found}, expected {wording.group}")
    if value < 0 and wording.negative_group is not None:
        raise UnreadableLock(wording.negative_group)
    problem = wrong_group(value)
    if problem is not None:
        raise UnreadableLock(problem)
    return value


def _price(value: object, wording: _Wording) -> Decimal:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return read_price(value, _shown(value) if isinstance(value, float) else "")
    found = _name(value, wording.price_names)
    raise UnreadableLock(f"invalid type: {found}, expected {PRICE_EXPECTED}")


def _name(value: object, names: Mapping[str, str]) -> str:
    """Name a value by its kind and, where the reference does, by itself."""
    name = names.get(value.__class__.__name__)
    if name is not None:
        return name
    if isinstance(value, bool):
        return f"boolean `{truth(value)}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{_shown(value)}`"
    if isinstance(value, str):
        return f"string {quoted(value)}"
    if isinstance(value, list):
        return "sequence"
    return "map" if isinstance(value, dict) else "enum"


def _shown(value: float) -> str:
    """Return a float without an exponent, as the two binary formats show it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else repr(value)
    text = shortest_text(value)
    return text if "." in text else f"{text}.0"
