"""No order that is worth too much, or priced too far away, by the last price of the market.

The last price is a quote's mark in a market data service, which each shard follows: nothing else
is kept, and the answers are the same on any number of shards.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from openpit.marketdata import QuoteResolution
from openpit.param import Side
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    import openpit
    from openpit.marketdata import MarketDataService
    from openpit.pretrade import Context


class FatFinger(Policy):
    """Values an order at the last price, and compares its own price with that.

    ``most`` is the most that an order may be worth, in its settlement asset; ``percent`` is how far
    above the last price a buy, and below it a sale may be priced. Without a last price, or with one
    that is too old, nothing passes.
    """

    name = "FatFinger"

    def __init__(self, quotes: MarketDataService, most: str, percent: str) -> None:
        self._quotes = quotes
        self._most = Decimal(most)
        self._width = Decimal(percent) / 100

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Look the last price up, and judge by it."""
        operation = order.operation
        if (
            operation is None
            or operation.account_id is None
            or operation.side is None
            or operation.trade_amount is None
        ):
            return _refused(
                RejectCode.MISSING_REQUIRED_FIELD, "order cannot be valued", "account, side, amount"
            )
        number = self._quotes.resolve(operation.instrument)
        quote = number and self._quotes.get_optional(
            number, operation.account_id, ctx, QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT
        )
        if not quote or quote.mark is None:
            symbol = str(operation.instrument.underlying_asset)
            return _refused(RejectCode.MARK_PRICE_UNAVAILABLE, "no last price", symbol)
        last, amount = quote.mark.decimal, operation.trade_amount
        if amount.as_quantity is not None:
            worth = abs(last) * amount.as_quantity.decimal
        else:
            assert amount.as_volume is not None
            worth = amount.as_volume.decimal
        if worth > self._most:
            return _refused(
                RejectCode.ORDER_NOTIONAL_EXCEEDS_LIMIT,
                "order is worth too much",
                f"{worth} of {self._most}",
            )
        if operation.price is not None:
            price, width = operation.price.decimal, abs(last) * self._width
            beyond = price - last if operation.side is Side.BUY else last - price
            if beyond > width:
                return _refused(
                    RejectCode.INVALID_FIELD_VALUE, "price too far away", f"{price}, last {last}"
                )
        return PolicyDecision.accept()


def _refused(code: RejectCode, reason: str, details: str) -> PolicyDecision:
    return PolicyDecision.reject([PolicyReject(code, reason, details)])
