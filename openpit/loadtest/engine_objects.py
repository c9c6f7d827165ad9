"""Events of a flow as the engine's orders, reports and adjustments.

Uses public names alone, as a broker would: the same code drives the reference library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import openpit
from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.param import (
    AccountId,
    AdjustmentAmount,
    Asset,
    Fee,
    MonetaryAmount,
    Pnl,
    Price,
    Quantity,
    Side,
    Trade,
    TradeAmount,
)

if TYPE_CHECKING:
    from openpit.loadtest.flow import Event
    from openpit.pretrade import Lock

__all__ = ["EngineObjects"]


class EngineObjects:
    """Makes the engine's objects; ``currency`` is what everything is paid in."""

    __slots__ = ("_currency", "_instruments")

    def __init__(self, currency: str) -> None:
        self._currency: Final = currency
        self._instruments: dict[str, openpit.Instrument] = {}

    def _instrument(self, symbol: str) -> openpit.Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            instrument = openpit.Instrument(symbol, self._currency)
            self._instruments[symbol] = instrument
        return instrument

    def order(self, event: Event) -> openpit.Order:
        """Return the order that an event places."""
        _, _, _, account, symbol, is_buy, quantity, price = event
        return openpit.Order(
            operation=openpit.OrderOperation(
                instrument=self._instrument(symbol),
                account_id=AccountId.from_int(account),
                side=Side.BUY if is_buy else Side.SELL,
                trade_amount=TradeAmount.quantity(quantity),
                price=None if price is None else Price(price),
            )
        )

    def report(self, event: Event, lock: Lock) -> openpit.ExecutionReport:
        """Return the report of a fill or a cancel; ``lock`` is its order's."""
        _, _, _, account, symbol, is_buy, price, quantity, left, is_final, pnl, fee = event
        trade = None
        paid: dict[str, Any] = {}
        if quantity is not None:
            trade = Trade(price=Price(price), quantity=Quantity(quantity))
            paid["fee"] = MonetaryAmount(Fee(fee), Asset(self._currency))
        return openpit.ExecutionReport(
            operation=openpit.ExecutionReportOperation(
                instrument=self._instrument(symbol),
                side=Side.BUY if is_buy else Side.SELL,
                account_id=AccountId.from_int(account),
            ),
            financial_impact=openpit.FinancialImpact(pnl=Pnl(pnl), fee=Fee(fee)),
            fill=openpit.ExecutionReportFillDetails(
                last_trade=trade,
                remaining_reserved_quantity=Quantity(left),
                lock=lock,
                is_final=is_final,
                **paid,
            ),
        )

    def deposit(self, amount: str) -> list[Adjustment]:
        """Return what adds an amount to an account's funds."""
        return [
            Adjustment(
                operation=BalanceOperation(asset=self._currency),
                amount=Amount(balance=AdjustmentAmount.delta(amount)),
            )
        ]

    def fund(self, engine: Any, accounts: int, amount: str) -> None:
        """Give accounts 1 to ``accounts`` their first funds, "0" being none."""
        if not amount.strip("0."):
            return
        adjustments = self.deposit(amount)
        for account in range(1, accounts + 1):
            engine.apply_account_adjustment(AccountId.from_int(account), adjustments)
