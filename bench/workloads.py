"""What is timed: one function per row, the same code on either library.

Run by ``python -m bench`` in an interpreter that finds one of the two libraries under the name
``openpit``. Prints the best time of one operation in nanoseconds.
"""

from __future__ import annotations

import datetime as dt
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import openpit
from openpit import param
from openpit.pretrade import Policy, PolicyDecision, policies

ACCOUNTS = 1000
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "JPM")
# Prices and sizes differ from order to order, so that nothing is measured on one cached value.
PRICES = [f"{100 + index * 0.37:.2f}" for index in range(997)]
SIZES = [str(1 + index % 97) for index in range(499)]


def order(index: int) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument(SYMBOLS[index % 8], "USD"),
            account_id=param.AccountId.from_int(index % ACCOUNTS),
            side=param.Side.BUY if index % 2 else param.Side.SELL,
            trade_amount=param.TradeAmount.quantity(SIZES[index % 499]),
            price=param.Price(PRICES[index % 997]),
        )
    )


def four_policies() -> list[object]:
    """Order validation, rate limit, order size limit, PnL bounds; none of them rejects."""
    hour = dt.timedelta(hours=1)
    return [
        policies.build_order_validation(),
        policies.build_rate_limit().broker_barrier(
            policies.RateLimitBrokerBarrier(policies.RateLimit(10**9, hour))
        ),
        policies.build_order_size_limit().broker_barrier(
            policies.OrderSizeBrokerBarrier(
                policies.OrderSizeLimit(max_quantity=1000, max_notional=1_000_000)
            )
        ),
        policies.build_pnl_bounds_killswitch().broker_barriers(
            policies.PnlBoundsBrokerBarrier("USD", lower_bound=-1000, upper_bound=10**12)
        ),
    ]


def registered(stage: Any, registrations: list[object]) -> Any:
    """Return the builder's stage with policies, built in and custom, in this order."""
    for registration in registrations:
        custom = isinstance(registration, Policy)
        stage = stage.pre_trade(registration) if custom else stage.builtin(registration)
    return stage


def engine_of(registrations: list[object]) -> Any:
    return registered(openpit.Engine.builder().no_sync(), registrations).build()


class CountingPolicy(Policy):
    """A custom policy that counts what it lets through, by way of a mutation."""

    def __init__(self) -> None:
        self.open = self.sent = 0

    @property
    def name(self) -> str:
        return "Counting"

    def perform_pre_trade_check(self, ctx: object, order: object) -> PolicyDecision:
        self.open += 1
        return PolicyDecision.accept(
            mutations=[openpit.Mutation(commit=self._commit, rollback=self._rollback)]
        )

    def _commit(self) -> None:
        self.open -= 1
        self.sent += 1

    def _rollback(self) -> None:
        self.open -= 1


def funded_engine() -> Any:
    engine = engine_of([policies.build_spot_funds()])
    for account in range(ACCOUNTS):
        for asset in ("USD", *SYMBOLS):
            engine.apply_account_adjustment(
                param.AccountId.from_int(account),
                [
                    openpit.AccountAdjustment(
                        operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
                        amount=openpit.AccountAdjustmentAmount(
                            balance=param.AdjustmentAmount.absolute(10**12)
                        ),
                    )
                ],
            )
    return engine


def report(index: int, *, pnl: bool) -> openpit.ExecutionReport:
    instrument = openpit.Instrument(SYMBOLS[index % 8], "USD")
    account = param.AccountId.from_int(index % ACCOUNTS)
    side = param.Side.BUY if index % 2 else param.Side.SELL
    operation = openpit.ExecutionReportOperation(
        instrument=instrument, side=side, account_id=account
    )
    if pnl:
        impact = openpit.FinancialImpact(pnl=param.Pnl("1.25"), fee=param.Fee("0.05"))
        return openpit.ExecutionReport(operation=operation, financial_impact=impact)
    price = param.Price(PRICES[index % 997])
    quantity = param.Quantity(SIZES[index % 499])
    fill = openpit.ExecutionReportFillDetails(
        last_trade=param.Trade(price=price, quantity=quantity),
        remaining_reserved_quantity=param.Quantity(0),
        lock=openpit.pretrade.Lock([(0, price)]),
        is_final=True,
    )
    return openpit.ExecutionReport(operation=operation, fill=fill)


Operation = Callable[[int], object]


def construct() -> Operation:
    return order


def execute_commit() -> Operation:
    execute = engine_of(four_policies()).execute_pre_trade
    orders = [order(index) for index in range(1000)]
    return lambda index: execute(order=orders[index % 1000]).reservation.commit()


def construct_execute_commit() -> Operation:
    execute = engine_of(four_policies()).execute_pre_trade
    return lambda index: execute(order=order(index)).reservation.commit()


def custom_policy() -> Operation:
    execute = engine_of([CountingPolicy()]).execute_pre_trade
    orders = [order(index) for index in range(1000)]
    return lambda index: execute(order=orders[index % 1000]).reservation.commit()


def construct_custom() -> Operation:
    execute = engine_of([CountingPolicy()]).execute_pre_trade
    return lambda index: execute(order=order(index)).reservation.commit()


def spot_funds() -> Operation:
    execute = funded_engine().execute_pre_trade
    return lambda index: execute(order=order(index)).reservation.rollback()


def fill_report() -> Operation:
    apply = funded_engine().apply_execution_report
    reports = [report(index, pnl=False) for index in range(1000)]
    return lambda index: apply(report=reports[index % 1000])


def pnl_report() -> Operation:
    apply = engine_of(four_policies()).apply_execution_report
    reports = [report(index, pnl=True) for index in range(1000)]
    return lambda index: apply(report=reports[index % 1000])


WORKLOADS: dict[str, Callable[[], Operation]] = {
    workload.__name__: workload
    for workload in (
        construct,
        execute_commit,
        construct_execute_commit,
        custom_policy,
        construct_custom,
        spot_funds,
        fill_report,
        pnl_report,
    )
}


def best_of(operation: Operation, rounds: int, count: int) -> float:
    """Return the nanoseconds of one operation in the quickest of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        started = time.perf_counter_ns()
        for index in range(count):
            operation(index)
        best = min(best, (time.perf_counter_ns() - started) / count)
    return best


if __name__ == "__main__":
    name, rounds, count = sys.argv[1:]
    print(best_of(WORKLOADS[name](), int(rounds), int(count)))
