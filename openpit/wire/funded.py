"""The reply to a plain order of spot funds: what the order said, and three figures after it.

Lock and outcomes follow from these, and are made of them where somebody asks: most callers never
do. A shard keeps the same row until the order's fate is known; decimals may be themselves in it as
long as they have not travelled. See ``FUNDED`` in the table of :mod:`openpit.wire.kinds`.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from openpit.core.lock import Lock, new_lock
from openpit.core.lock_shape import MAX_GROUP
from openpit.wire.decimal_texts import ASSETS, FIGURE, UNSIGNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.pretrade.outcomes import GroupRow

__all__ = ["are_usual_funded", "funded_lock", "funded_outcomes", "is_usual_funded"]

Row = tuple[Any, ...]

_multiply: Final = Context(prec=60).multiply
"""Of any two fixed decimals: exact, and of the scale that the shard's own product has."""

_are_figures: Final = re.compile(rf"(?:{FIGURE};)++").fullmatch
_FIGURES: Final = 3
_INTEGERS: Final = {int}
_FLAGS: Final = {bool}


def funded_lock(reply: Row) -> Lock:
    """Return a new lock with the order's price."""
    return new_lock({reply[2]: [Decimal(reply[7])]})


def funded_outcomes(reply: Row) -> list[GroupRow]:
    """Return what the order has changed: of the asset that it pays, and of the one that it buys."""
    _, _, group, underlying, settlement, buys, *decimals = reply
    quantity, price, available, held, expected = map(Decimal, decimals)
    notional = _multiply(price, quantity)
    if buys:
        paid, hold, bought, incoming = settlement, notional, underlying, quantity
    else:
        paid, hold, bought, incoming = underlying, quantity, settlement, notional
    spent = hold.copy_negate()
    nothing = (None, None, None, None)
    return [
        (group, (paid, spent, available, hold, held, None, None, *nothing)),
        (group, (bought, *nothing, incoming, expected, *nothing)),
    ]


def is_usual_funded(reply: Row) -> bool:
    """Tell whether such a reply is of the table at a glance; the table judges the others."""
    (_, account, group, underlying, settlement, buys, quantity, price, *figures) = reply
    return (
        type(account) is int
        and account >= 0
        and type(group) is int
        and 0 <= group <= MAX_GROUP
        and underlying in ASSETS
        and settlement in ASSETS
        and (buys is True or buys is False)
        and quantity in UNSIGNED
        and price in UNSIGNED
        and len(figures) == _FIGURES
        and _are_usual(";".join([*figures, ""]), _FIGURES)
    )


def are_usual_funded(replies: Sequence[Row]) -> bool:
    """Tell whether such replies are of the table, column by column; the table judges the others.

    Raises:
        WireError: a text is none of a decimal or an asset.
    """
    try:
        (kinds, accounts, groups, underlyings, settlements, sides, quantities, prices,
         *figures) = zip(*replies, strict=True)  # fmt: skip
    except ValueError:
        return False
    if (
        {*map(type, kinds)} != _INTEGERS
        or len(figures) != _FIGURES
        or {*map(type, accounts)} != _INTEGERS
        or {*map(type, groups)} != _INTEGERS
        or {*map(type, sides)} != _FLAGS
        or min(accounts) < 0
        or min(groups) < 0
        or max(groups) > MAX_GROUP
    ):
        return False
    for asset in {*underlyings, *settlements}:
        if ASSETS[asset] is None:
            return False
    for text in {*quantities, *prices}:
        if UNSIGNED[text] is None:
            return False
    return _are_usual(";".join([*map(";".join, figures), ""]), _FIGURES * len(replies))


def _are_usual(figures: str, count: int) -> bool:
    """Tell whether a text is so many figures that always fit, each with a semicolon behind it."""
    return figures.count(";") == count and _are_figures(figures) is not None
