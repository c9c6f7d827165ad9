"""The position ledger: average entry price and realized PnL of a position, fill by fill.

All prices and amounts here are in the account's currency. What cannot be valued says why, by the
reason with which the PnL then halts (spec section 9.5.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.param.decimals import (
    ZERO,
    DecimalOverflow,
    add,
    divide,
    multiply,
    negate,
    subtract,
)
from openpit.param.enums import PnlHaltReason

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.pretrade.policies.spot_funds.barriers import PnlState

__all__ = ["FillBooking", "accumulate", "book_fill", "gravest"]

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

    ``realized`` is None where the fill realizes nothing; ``failure`` says why the fill could not be
    booked.
    """

    average: Decimal | None
    realizes: bool
    realized: Decimal
    failure: PnlHaltReason | None


def book_fill(
    position: Decimal,
    average: Decimal | None,
    change: Decimal,
    price: Decimal | PnlHaltReason,
) -> FillBooking:
    """Book a fill that changes ``position`` by a signed, non-zero quantity at ``price``.

    ``price`` is the reason when it has no value. A fill against the position realizes on what it
    closes; what is left of it opens a position at its own price.
    """
    realizes = bool(position) and (position > ZERO) is not (change > ZERO)
    beyond = realizes and change.copy_abs() > position.copy_abs()
    if isinstance(price, PnlHaltReason):
        kept = average if realizes and not beyond and position != negate(change) else None
        return FillBooking(kept, realizes, ZERO, price)
    if not position:
        return FillBooking(price, realizes=False, realized=ZERO, failure=None)
    if average is None:
        return FillBooking(None, realizes, ZERO, PnlHaltReason.MISSING_COST_BASIS)
    try:
        after = add(position, change)
        if not realizes:
            cost = add(multiply(position, average), multiply(change, price))
            return FillBooking(divide(cost, after), realizes, ZERO, None)
    except DecimalOverflow:
        return FillBooking(None, realizes, ZERO, PnlHaltReason.ARITHMETIC_OVERFLOW)
    rest = price if beyond else average if after else None
    try:
        realized = multiply(subtract(price, average), position if beyond else negate(change))
    except DecimalOverflow:
        return FillBooking(rest, realizes, ZERO, PnlHaltReason.ARITHMETIC_OVERFLOW)
    return FillBooking(rest, realizes, realized, None)


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
