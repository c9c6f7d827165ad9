"""The shape that the three formats of a lock share.

A list whose first element is the list of the default group's prices and whose further elements are
lists of a group id and that group's prices; empty when there are no prices. Prices are texts, but
numbers are understood.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from openpit.param.decimals import parse_int, parse_rounded_text, parse_text, plain, shortest_text
from openpit.param.errors import ParamError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_GROUP", "Groups", "groups_in", "shape_of"]

Groups: TypeAlias = dict[int, list[Decimal]]

MAX_GROUP = 65535  # group ids have 16 bits

_PRICES = "a list of prices"
_SECTION = "a list of a group id and its prices"
_GROUP = f"a group id in 1..={MAX_GROUP}"
_PRICE = "a price"

_SHOWN_BITS = 128  # of an integer in the text of its error
_SHOWN_LENGTH = 80


def shape_of(sections: Sequence[tuple[int, list[Decimal]]]) -> list[list[int | str]]:
    """Return what is written for groups, the default one first."""
    shape: list[list[int | str]] = []
    for group, prices in sections:
        if group:
            if not shape:
                shape.append([])
            shape.append([group, *map(plain, prices)])
        else:
            shape.append([*map(plain, prices)])
    return shape


def groups_in(tree: object) -> Groups:
    """Return the groups of a decoded lock; ``ValueError`` that names the place if it is none.

    Groups that come twice are put together, those without prices left out.
    """
    groups: Groups = {}
    if not isinstance(tree, list):
        raise _misplaced(tree, f"{_PRICES} by group")
    for index, row in enumerate(tree):
        if not isinstance(row, list):
            raise _misplaced(row, _SECTION if index else _PRICES, index)
        group = _group(row, index) if index else 0
        prices = []
        for place in range(1 if index else 0, len(row)):
            try:
                prices.append(_price(row[place]))
            except ParamError:
                raise _misplaced(row[place], _PRICE, index, place) from None
        if prices:
            groups.setdefault(group, []).extend(prices)
    return groups


def _group(row: list[object], index: int) -> int:
    group = row[0] if row else None
    if isinstance(group, int) and not isinstance(group, bool) and 1 <= group <= MAX_GROUP:
        return group
    raise _misplaced(group, _GROUP, index, 0)


def _price(value: object) -> Decimal:
    """Read a text or a number; texts of any precision are rounded to what fits."""
    if isinstance(value, str):
        try:
            return parse_text(value, "Price")
        except ValueError:
            return parse_rounded_text(value, "Price")
    if isinstance(value, float):
        return parse_rounded_text(shortest_text(value), "Price")
    if isinstance(value, int) and not isinstance(value, bool):
        return parse_int(value, "Price")
    raise ParamError


def _misplaced(found: object, expected: str, *path: int) -> ValueError:
    """Say what stands where something else belongs."""
    is_short = not isinstance(found, int) or found.bit_length() <= _SHOWN_BITS
    if found is None or (isinstance(found, (str, int, float)) and is_short):
        shown = f"{found!r:.{_SHOWN_LENGTH}}"
    else:
        shown = type(found).__name__
    where = "".join(f"[{step}]" for step in path)
    return ValueError(f"expected {expected}, found {shown}{where and f' at {where}'}")
