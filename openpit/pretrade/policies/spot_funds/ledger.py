"""The position ledger: average entry price and realized PnL of a position, fill by fill.

All prices and amounts here are in the account's currency. What cannot be valued says why, by the
reason with which the PnL then halts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.param.decimals import (
    ZERO,
    DecimalOverflow,
    add,
    multiply,
    negate,
    subtract,
)
from openpit.param.division import divide
from openpit.param.enums import PnlHaltReason

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.pretrade.policies.spot_funds.barriers import PnlState

__all__ = ["UNKNOWN_POSITION", "FillBooking", "accumulate", "book_fill", "gravest"]

_GRAVITY: Final = (
    PnlHaltReason.ARITHMETIC_OVERFLOW,
    PnlHaltReason.MISSING_ACCOUNT_CURRENCY,
    PnlHaltReason.MISSING_FX,
    PnlHaltReason.MISSING_COST_BASIS,
    PnlHaltReason.MISSING_INITIAL_PNL,
)


def gravest(*reasons: PnlHaltReason | None) -> PnlHaltReason | None:
    """Return the reason that is reported when several come together, None for none."""
    for reason in _GRAVITY:
        if any(one is reason for one in reasons):
            return reason
    return None


class FillBooking(NamedTuple):
    """What a fill makes of a position.

    ``average`` is the average entry price after the fill; ``is_new`` tells whether the fill has
    left one to report. ``realized`` is zero where the fill does not realize anything; ``failure``
    says why the fill could not be booked.
    """

    average: Decimal | None
    is_new: bool
    realizes: bool
    realized: Decimal
    failure: PnlHaltReason | None


UNKNOWN_POSITION: Final = FillBooking(None, False, True, ZERO, PnlHaltReason.ARITHMETIC_OVERFLOW)
"""What a fill makes of a position that is too large to be told."""


def book_fill(
    position: Decimal,
    average: Decimal | None,
    change: Decimal,
    price: Decimal | PnlHaltReason,
    *,
    is_halted: bool,
) -> FillBooking:
    """Book a fill that changes ``position`` by a signed, non-zero quantity at ``price``.

    ``price`` is the reason when it has no value. A fill against the position realizes on what it
    closes; what is left of it opens a position at its own price. A position whose PnL
    ``is_halted`` goes on without its PnL: what it realizes does not change its entry price.
    """
    realizes = bool(position) and (position > ZERO) is not (change > ZERO)
    beyond = realizes and change.copy_abs() > position.copy_abs()
    closes = position == negate(change)
    if position and not realizes:
        try:
            grown_position = add(position, change)
        except DecimalOverflow:
            kept = average if is_halted and not isinstance(price, PnlHaltReason) else None
            return FillBooking(kept, False, False, ZERO, PnlHaltReason.ARITHMETIC_OVERFLOW)
    if isinstance(price, PnlHaltReason):
        kept = average if realizes and not beyond and not closes else None
        return FillBooking(kept, kept is not None, realizes, ZERO, price)
    if not position:
        return FillBooking(price, True, False, ZERO, None)
    if average is None:
        return FillBooking(None, False, realizes, ZERO, PnlHaltReason.MISSING_COST_BASIS)
    if not realizes:
        try:
            cost = add(multiply(position, average), multiply(change, price))
            grown = divide(cost, grown_position)
        except DecimalOverflow:
            kept = average if is_halted else None
            return FillBooking(kept, False, False, ZERO, PnlHaltReason.ARITHMETIC_OVERFLOW)
        return FillBooking(grown, True, False, ZERO, None)
    rest = price if beyond else None if closes else average
    try:
        realized = multiply(subtract(price, average), position if beyond else negate(change))
    except DecimalOverflow:
        kept = average if is_halted else None
        return FillBooking(kept, False, True, ZERO, PnlHaltReason.ARITHMETIC_OVERFLOW)
    return FillBooking(rest, rest is not None, True, realized, None)


def accumulate(
    state: PnlState, realized: Decimal, fee: Decimal, failure: PnlHaltReason | None
) -> tuple[PnlState, Decimal]:
    """Return a PnL after a realized amount and a fee's PnL, and what was added to it.

    A halted PnL stays as it is, one that was never set counts as zero.
    """
    if isinstance(state, PnlHaltReason):
        return state, ZERO
    if failure is not None:
        return failure, ZERO
    try:
        delta = add(realized, fee)
        return add(ZERO if state is None else state, delta), delta
    except DecimalOverflow:
        return PnlHaltReason.ARITHMETIC_OVERFLOW, ZERO
