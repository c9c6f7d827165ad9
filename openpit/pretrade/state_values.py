"""Figures as a policy's exported state has them: plain values, the same again when they are read.

Money is its digits as text, with all zeros and signs that it has, so that what is restored prints
and rounds as what was exported.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, TypeAlias

from openpit.param.decimals import ZERO
from openpit.param.enums import PnlHaltReason

__all__ = [
    "HALT_REASONS",
    "State",
    "amount_in",
    "optional_in",
    "optional_text",
    "pnl_in",
    "pnl_value",
    "text_of",
]

State: TypeAlias = Any
"""None, booleans, whole numbers of 64 bits, floats, text, bytes, and lists and maps of those."""

_ZERO_TEXT: Final = str(ZERO)

HALT_REASONS: Final[dict[int | None, PnlHaltReason | None]] = {
    None: None,
    **{
        int(reason): reason
        for reason in (
            PnlHaltReason.MISSING_FX,
            PnlHaltReason.MISSING_ACCOUNT_CURRENCY,
            PnlHaltReason.MISSING_INITIAL_PNL,
            PnlHaltReason.MISSING_COST_BASIS,
            PnlHaltReason.ARITHMETIC_OVERFLOW,
        )
    },
}
"""Why a PnL is halted, by the number that stands for it where values are plain."""

text_of: Final = Decimal.__str__
"""Return an amount's digits."""


def amount_in(text: str) -> Decimal:
    """Return the amount of such digits; ArithmeticError or TypeError for anything else."""
    return ZERO if text == _ZERO_TEXT else Decimal(text)


def optional_text(amount: Decimal | None) -> str | None:
    """Return an amount's digits, None for none."""
    return None if amount is None else text_of(amount)


def optional_in(text: str | None) -> Decimal | None:
    """Return the amount that :func:`optional_text` was given."""
    return None if text is None else amount_in(text)


def pnl_value(pnl: Decimal | PnlHaltReason | None) -> str | int | None:
    """Return a PnL's digits, or the number of the reason why it is not counted any more."""
    return int(pnl) if isinstance(pnl, PnlHaltReason) else optional_text(pnl)


def pnl_in(value: str | int | None) -> Decimal | PnlHaltReason | None:
    """Return the PnL that :func:`pnl_value` was given; KeyError for no reason's number."""
    return HALT_REASONS[value] if isinstance(value, int) else optional_in(value)
