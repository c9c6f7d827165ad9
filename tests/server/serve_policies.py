"""Policies that servers of tests are started with."""

from __future__ import annotations

import os
import time
from typing import Any

import openpit
from openpit.marketdata import MarketDataService, QuoteResolution, QuoteTtl
from openpit.pretrade import Policy, PolicyReject, RejectCode
from openpit.pretrade.policies import build_spot_funds


class Slow(Policy):
    """Takes its time."""

    name = "Slow"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        time.sleep(0.2)
        return ()


class Stuck(Policy):
    """Never comes back."""

    name = "Stuck"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        time.sleep(3600)
        return ()


class EvenOnly(Policy):
    """Takes even quantities."""

    name = "EvenOnly"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        if int(order.operation.trade_amount.as_quantity.decimal) % 2:
            return [PolicyReject(code=RejectCode.OTHER, reason="odd", details="")]
        return ()


class Needy:
    """A policy that cannot be made without arguments."""

    def __init__(self, limit: int) -> None:
        self.limit = limit


class Late(Policy):
    """Takes so long to arrive in a worker that nobody waits for it."""

    name = "Late"

    def __getstate__(self) -> dict[str, Any]:
        return {"seconds": 60}

    def __setstate__(self, state: dict[str, Any]) -> None:
        time.sleep(state["seconds"])


def new_market() -> MarketDataService:
    """A service as a desk's module makes it, with an instrument that is known from the start."""
    service = openpit.Engine.builder().full_sync().market_data(QuoteTtl.infinite()).build()
    service.register(openpit.Instrument("AAPL", "USD"))
    return service


class Collar(Policy):
    """Takes no order at more than twice the mark, where there is one."""

    name = "Collar"

    def __init__(self) -> None:
        self.market = new_market()

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        operation = order.operation
        number = self.market.resolve(operation.instrument)
        quote = number and self.market.get_optional(
            number, operation.account_id, ctx, QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT
        )
        if not (quote and quote.mark) or operation.price.decimal <= 2 * quote.mark.decimal:
            return ()
        return [PolicyReject(code=RejectCode.OTHER, reason="collar", details="")]


class Quoted(Policy):
    """Has a service of market data, and looks at nothing."""

    name = "Quoted"

    def __init__(self) -> None:
        self.market = new_market()


MARKET = new_market()
"""What a desk's own process could still look at; its sessions do so through their engines."""

SPOT = build_spot_funds().market_data(MARKET, 100)
"""Market orders at the quote and one per cent."""


class Fatal(Policy):
    """Ends its process at 77 shares, as a fault in a library may."""

    name = "Fatal"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        if int(order.operation.trade_amount.as_quantity.decimal) == 77:
            os._exit(1)
        return ()
