"""Limit prices within a band around the close of the day before.

Nothing is kept: the same on any number of shards.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    import openpit
    from openpit.pretrade import Context


class PriceCollar(Policy):
    """Refuses prices that are further than ``percent`` from the close of their symbol.

    A market order has no price to look at and passes; let another policy judge its value.
    """

    name = "PriceCollar"

    def __init__(self, closes: Mapping[str, str], percent: str) -> None:
        self._closes = {symbol: Decimal(close) for symbol, close in closes.items()}
        self._width = Decimal(percent) / 100

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Compare the limit price with the band, whose edges belong to it."""
        operation = order.operation
        if operation is None or operation.price is None:
            return PolicyDecision.accept()
        symbol = str(operation.instrument.underlying_asset)
        close = self._closes.get(symbol)
        if close is None:
            return _refused(RejectCode.REFERENCE_DATA_UNAVAILABLE, "symbol has no close", symbol)
        low, high = close - abs(close) * self._width, close + abs(close) * self._width
        price = operation.price.decimal
        if low <= price <= high:
            return PolicyDecision.accept()
        return _refused(
            RejectCode.INVALID_FIELD_VALUE, "price outside its band", f"{price}: {low} to {high}"
        )

    def export_state(self) -> None:
        """Return nothing, of which an engine takes a snapshot all the same."""

    def restore_state(self, state: None) -> None:
        """Take over nothing."""


def _refused(code: RejectCode, reason: str, details: str) -> PolicyDecision:
    return PolicyDecision.reject([PolicyReject(code, reason, details)])
