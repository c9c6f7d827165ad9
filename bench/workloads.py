"""What is timed in one process: one function per row, the same code on every library.

Run by :mod:`bench.child` in an interpreter that finds one of the libraries under the name
``openpit``: ours, an earlier state of ours, or the reference.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openpit
from bench.running import Running
from openpit import param
from openpit.pretrade import Policy, PolicyDecision, policies

ACCOUNTS = 1000
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "JPM")
# Prices and sizes differ from order to order, so that nothing is measured on one cached value.
PRICES = [f"{100 + index * 0.37:.2f}" for index in range(997)]
SIZES = [str(1 + index % 97) for index in range(499)]


def order(index: int, *, account: int | None = None) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument(SYMBOLS[index % 8], "USD"),
            account_id=param.AccountId.from_int(index % ACCOUNTS if account is None else account),
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


def at_most(orders: int) -> list[object]:
    """Return the four policies, with so many orders a second of the broker and of an asset."""
    limit = policies.RateLimit(orders, dt.timedelta(seconds=1))
    validation, _, *others = four_policies()
    rate = policies.build_rate_limit()
    broker = rate.broker_barrier(policies.RateLimitBrokerBarrier(limit))
    return [
        validation,
        broker.asset_barriers(policies.RateLimitAssetBarrier(limit, "USD")),
        *others,
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


def funded_engine(*, currency: str | None = None) -> Any:
    """Return an engine whose accounts own all symbols.

    With an account currency, they also have an entry price for each, so that their PnL is kept;
    without one it is halted by the first fill.
    """
    engine = engine_of([policies.build_spot_funds()])
    amount = openpit.AccountAdjustmentAmount(balance=param.AdjustmentAmount.absolute(10**12))
    for number in range(ACCOUNTS):
        account = param.AccountId.from_int(number)
        for asset in ("USD", *SYMBOLS):
            owned = currency is not None and asset != currency
            operation = openpit.AccountAdjustmentBalanceOperation(
                asset=asset, average_entry_price=param.Price("150.25") if owned else None
            )
            engine.apply_account_adjustment(
                account, [openpit.AccountAdjustment(operation=operation, amount=amount)]
            )
        if currency is not None:
            engine.accounts().set_currency(account, currency)
    return engine


def _report_operation(index: int) -> openpit.ExecutionReportOperation:
    return openpit.ExecutionReportOperation(
        instrument=openpit.Instrument(SYMBOLS[index % 8], "USD"),
        account_id=param.AccountId.from_int(index % ACCOUNTS),
        side=param.Side.BUY if index % 2 else param.Side.SELL,
    )


def fill(index: int, *, remaining: int = 0) -> openpit.ExecutionReport:
    """Return the last report of an order: one trade, and what is left is given back."""
    price = param.Price(PRICES[index % 997])
    details = openpit.ExecutionReportFillDetails(
        last_trade=param.Trade(price=price, quantity=param.Quantity(SIZES[index % 499])),
        remaining_reserved_quantity=param.Quantity(remaining),
        lock=openpit.pretrade.Lock([(0, price)]),
        is_final=True,
    )
    return openpit.ExecutionReport(operation=_report_operation(index), fill=details)


def pnl(index: int) -> openpit.ExecutionReport:
    impact = openpit.FinancialImpact(pnl=param.Pnl("1.25"), fee=param.Fee("0.05"))
    return openpit.ExecutionReport(operation=_report_operation(index), financial_impact=impact)


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


def _kept_open(most: int) -> Operation:
    """Keep orders open up to so many, then commit them all; the cost of one, commit included."""
    execute = funded_engine().execute_pre_trade
    kept: list[Any] = []

    def operation(index: int) -> None:
        kept.append(execute(order=order(index)).reservation)
        if len(kept) == most:
            for reservation in kept:
                reservation.commit()
            kept.clear()

    return operation


def thousand_open() -> Operation:
    return _kept_open(1000)


def hundred_thousand_open() -> Operation:
    return _kept_open(100_000)


def _new_accounts(most: int) -> Operation:
    """Fund an account and send its first order, with a new engine after so many accounts."""
    amount = openpit.AccountAdjustmentAmount(balance=param.AdjustmentAmount.absolute(10**12))
    operation = openpit.AccountAdjustmentBalanceOperation(asset="USD")
    funds = [openpit.AccountAdjustment(operation=operation, amount=amount)]
    engine = engine_of([policies.build_spot_funds()])

    def first_order(index: int) -> None:
        nonlocal engine
        number = index % most
        if number == 0:
            engine = engine_of([policies.build_spot_funds()])
        engine.apply_account_adjustment(param.AccountId.from_int(number), funds)
        engine.execute_pre_trade(order=order(2 * index + 1, account=number)).reservation.commit()

    return first_order


def thousand_accounts() -> Operation:
    return _new_accounts(1000)


def thirty_thousand_accounts() -> Operation:
    return _new_accounts(30_000)


def _applying(engine: Any, reports: list[openpit.ExecutionReport]) -> Operation:
    apply, count = engine.apply_execution_report, len(reports)
    return lambda index: apply(report=reports[index % count])


def fill_plain() -> Operation:
    """Fills in the account's own currency that leave nothing to give back."""
    return _applying(funded_engine(currency="USD"), [fill(index) for index in range(1000)])


def fill_general() -> Operation:
    """Fills that also give back what the rest of the order had set aside."""
    reports = [fill(index, remaining=1) for index in range(1000)]
    return _applying(funded_engine(currency="USD"), reports)


def fill_unvalued() -> Operation:
    """Fills of accounts without a currency, whose PnL is not kept."""
    return _applying(funded_engine(), [fill(index) for index in range(1000)])


def pnl_report() -> Operation:
    return _applying(engine_of(four_policies()), [pnl(index) for index in range(1000)])


WORKLOADS: dict[str, Callable[[], Operation]] = {
    workload.__name__: workload
    for workload in (
        construct,
        execute_commit,
        construct_execute_commit,
        custom_policy,
        construct_custom,
        spot_funds,
        thousand_open,
        hundred_thousand_open,
        thousand_accounts,
        thirty_thousand_accounts,
        fill_plain,
        fill_general,
        fill_unvalued,
        pnl_report,
    )
}


@contextmanager
def opened(workload: str) -> Iterator[Running]:
    """Set a workload up, ready for its rounds."""
    operation = WORKLOADS[workload]()

    def run(count: int) -> None:
        for index in range(count):
            operation(index)

    yield Running(run)
