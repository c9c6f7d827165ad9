"""Orders, reports and settings that many tests need, with literal figures."""

from __future__ import annotations

from openpit.core import (
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    FinancialImpact,
    Instrument,
    Order,
    OrderOperation,
)
from openpit.param import AccountId, Price, Quantity, Side, Trade, TradeAmount
from openpit.pretrade import Lock

AAPL = Instrument("AAPL", "USD")


# Whose shard is whose among two: slot_of() decides, a test of its own holds it to that.
IN_SHARD_0 = 2
IN_SHARD_1 = 1
ALSO_IN_SHARD_0 = 4


def account(number: int) -> AccountId:
    return AccountId.from_int(number)


def operation(
    number: int | None = 1, quantity: str = "10", price: str | None = "185.5"
) -> OrderOperation:
    return OrderOperation(
        instrument=AAPL,
        account_id=None if number is None else AccountId.from_int(number),  # type: ignore[arg-type]
        side=Side.BUY,
        trade_amount=TradeAmount.quantity(quantity),
        price=None if price is None else Price(price),
    )


def buy(number: int | None = 1, quantity: str = "10", price: str | None = "185.5") -> Order:
    return Order(operation=operation(number, quantity, price))


def report(number: int | None = 1, pnl: str = "0", fee: str = "0") -> ExecutionReport:
    return ExecutionReport(
        operation=ExecutionReportOperation(
            instrument=AAPL,
            side=Side.BUY,
            account_id=None if number is None else AccountId.from_int(number),  # type: ignore[arg-type]
        ),
        financial_impact=FinancialImpact(pnl=pnl, fee=fee),  # type: ignore[arg-type]
    )


def fill(number: int, price: str, quantity: str, remaining: str, *, final: bool) -> ExecutionReport:
    return ExecutionReport(
        operation=ExecutionReportOperation(
            instrument=AAPL, side=Side.BUY, account_id=AccountId.from_int(number)
        ),
        fill=ExecutionReportFillDetails(
            last_trade=Trade(price=Price(price), quantity=Quantity(quantity)),
            remaining_reserved_quantity=Quantity(remaining),
            lock=Lock([(0, Price(price))]),
            is_final=final,
        ),
    )
