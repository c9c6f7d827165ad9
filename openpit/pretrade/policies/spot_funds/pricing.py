"""What the market says: prices for orders without a limit, conversion between currencies."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from openpit.marketdata.store import EXPIRED
from openpit.param.decimals import ZERO, DecimalOverflow, add, multiply, subtract
from openpit.param.division import divide

if TYPE_CHECKING:
    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.policies.spot_funds.request import FundsRequest
    from openpit.pretrade.policies.spot_funds.settings import Settings

__all__ = ["MarketPrices", "PriceFailure"]

_ONE: Final = Decimal(1)
_BASIS_POINTS: Final = Decimal(10_000)


class PriceFailure(Exception):  # noqa: N818 - an outcome, not an error
    """An order has no market price; carries the code and the reason of its reject."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__()
        self.code = code
        self.reason = reason


class MarketPrices:
    """A policy's view of a market-data service.

    Orders are priced by quotes that have not expired; conversion takes a quote however old it is.
    """

    __slots__ = ("service",)

    def __init__(self, service: MarketDataService) -> None:
        self.service = service

    def order_price(self, settings: Settings, request: FundsRequest, now: int) -> Decimal:
        """Return the market price of an order, moved against it by the slippage.

        Raises :class:`PriceFailure` without a quote, without the field of it that counts, or where
        the price does not come out positive.
        """
        account, group, underlying, settlement, buys = request[:5]
        service = self.service
        quote = service._read(underlying, settlement, account, group, now)
        book = service._store.book_of(underlying, settlement)
        if quote is None or quote is EXPIRED or book is None:
            raise _unavailable()
        mark, bid, ask = quote
        taken = ask if buys else bid
        base = taken if settings.book_top else mark
        if base is None:
            raise _unavailable()
        bps = settings.slippage.effective(book.number, account, group)
        slippage = divide(Decimal(bps), _BASIS_POINTS)
        try:
            price = multiply(base, add(_ONE, slippage) if buys else subtract(_ONE, slippage))
        except DecimalOverflow:
            raise _incalculable() from None
        if base <= ZERO or price <= ZERO:
            raise _incalculable()
        return price

    def convert(
        self, amount: Decimal, source: str, target: str, account: int, group: int | None
    ) -> Decimal | None:
        """Return an amount of ``source`` in ``target``, None where no quote joins the two.

        Raises ``DecimalOverflow``.
        """
        read = self.service._read_stale
        quote = read(source, target, account, group)
        if quote is not None and quote[0] is not None:
            return multiply(amount, quote[0])
        quote = read(target, source, account, group)
        if quote is None or quote[0] is None:
            return None
        if not quote[0]:
            return ZERO
        return multiply(amount, divide(_ONE, quote[0]))


def _unavailable() -> PriceFailure:
    return PriceFailure("MarkPriceUnavailable", "mark price unavailable")


def _incalculable() -> PriceFailure:
    return PriceFailure("OrderValueCalculationFailed", "price calculation failed")
