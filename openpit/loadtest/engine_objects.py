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
    from collections.abc import Iterable

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
        operation, impact, details = self.report_parts(event)
        return openpit.ExecutionReport(
            operation=operation,
            financial_impact=impact,
            fill=openpit.ExecutionReportFillDetails(lock=lock, is_final=event[4], **details),
        )

    def report_parts(
        self, event: Event
    ) -> tuple[openpit.ExecutionReportOperation, openpit.FinancialImpact, dict[str, Any]]:
        """Return what of a report does not depend on its order's lock; the last, by keyword."""
        _, _, _, account, _, symbol, is_buy, price, quantity, left, pnl, fee = event
        details: dict[str, Any] = {"remaining_reserved_quantity": Quantity(left)}
        if quantity is not None:
            details["last_trade"] = Trade(price=Price(price), quantity=Quantity(quantity))
            details["fee"] = MonetaryAmount(Fee(fee), Asset(self._currency))
        operation = openpit.ExecutionReportOperation(
            instrument=self._instrument(symbol),
            side=Side.BUY if is_buy else Side.SELL,
            account_id=AccountId.from_int(account),
        )
        return operation, openpit.FinancialImpact(pnl=Pnl(pnl), fee=Fee(fee)), details

    def deposit(self, amount: str) -> list[Adjustment]:
        """Return what adds an amount to an account's funds."""
        return [
            Adjustment(
                operation=BalanceOperation(asset=self._currency),
                amount=Amount(balance=AdjustmentAmount.delta(amount)),
            )
        ]

    def fund(self, engine: Any, accounts: Iterable[int], amount: str) -> None:
        """Give accounts their first funds, "0" being none."""
        if not amount.strip("0."):
            return
        adjustments = self.deposit(amount)
        for account in accounts:
            engine.apply_account_adjustment(AccountId.from_int(account), adjustments)
