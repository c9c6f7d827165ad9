"""What an amount is worth in an account's currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.param.decimals import ZERO, DecimalOverflow
from openpit.param.enums import PnlHaltReason

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.pretrade.policies.spot_funds.desk import Desk

__all__ = ["Valuation"]


class Valuation:
    """Conversion into the currency that an account has while one report is applied."""

    __slots__ = ("_account", "_desk", "_group", "currency")

    def __init__(self, desk: Desk, account: int, group: int | None) -> None:
        self._desk = desk
        self._account = account
        self._group = group
        self.currency = desk.accounts.currency_of(account)

    def value(self, asset: str, amount: Decimal) -> Decimal | PnlHaltReason:
        """Return the worth of an amount of ``asset``, or why it cannot be told."""
        currency = self.currency
        if asset == currency:
            return amount or ZERO
        if currency is None:
            return PnlHaltReason.MISSING_ACCOUNT_CURRENCY
        market = self._desk.market
        if market is None:
            return PnlHaltReason.MISSING_FX
        try:
            converted = market.convert(amount, asset, currency, self._account, self._group)
        except DecimalOverflow:
            return PnlHaltReason.ARITHMETIC_OVERFLOW
        return PnlHaltReason.MISSING_FX if converted is None else converted
