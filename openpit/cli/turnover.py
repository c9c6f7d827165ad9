"""The money of a replay: what the fills that the engine was told of amount to, by currency."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpit.cli.book import TicketReport

__all__ = ["Sums", "Turnover"]

_EXACT = Context(prec=200, traps=[Inexact])
"""A product of two decimals of the engine has 58 digits: no number of fills comes to 200."""

_fma, _add = _EXACT.fma, _EXACT.add  # looking them up costs as much as they do


class Sums:
    """Fills in one currency and their exact sums."""

    __slots__ = ("fees", "fills", "pnl", "traded")

    def __init__(self) -> None:
        self.fills = 0
        self.traded = Decimal(0)
        """Price times quantity, a negative price with its sign."""
        self.fees = Decimal(0)
        self.pnl = Decimal(0)
        """Realized, before fees."""


class Turnover:
    """Sums by currency."""

    __slots__ = ("by_currency",)

    def __init__(self) -> None:
        self.by_currency: dict[str, Sums] = {}

    def add(self, report: TicketReport) -> None:
        """Count a report that the engine has taken; a cancel has no trade and no money."""
        price, quantity = report.price, report.quantity
        if price is None or quantity is None:
            return
        currency = report.ticket.settlement
        sums = self.by_currency.get(currency)
        if sums is None:
            sums = self.by_currency[currency] = Sums()
        sums.fills += 1
        sums.traded = _fma(price, quantity, sums.traded)
        sums.fees = _add(sums.fees, report.fee)
        sums.pnl = _add(sums.pnl, report.pnl)

    def merge(self, currency: str, other: Sums) -> None:
        """Add what has been counted elsewhere."""
        sums = self.by_currency.get(currency)
        if sums is None:
            sums = self.by_currency[currency] = Sums()
        sums.fills += other.fills
        sums.traded = _add(sums.traded, other.traded)
        sums.fees = _add(sums.fees, other.fees)
        sums.pnl = _add(sums.pnl, other.pnl)
