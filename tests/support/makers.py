"""Orders, reports, policies and engines for tests: only what a test is about has to be said."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import openpit
from openpit import param
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from openpit.pretrade import (
        AccountBlock,
        DropCopyOperation,
        Reject,
        Request,
        Reservation,
    )

__all__ = [
    "SECOND",
    "Clock",
    "Scripted",
    "account",
    "block_fields",
    "deposit",
    "engine_with",
    "fill",
    "holding",
    "in_another_thread",
    "mutation",
    "order",
    "pnl_report",
    "reasons",
    "recorded",
    "reject",
    "reject_fields",
    "reserved",
    "started",
]

SECOND = 1_000_000_000


class Clock:
    """Time in nanoseconds that stands still until a test moves it."""

    def __init__(self, now: int = 1_000 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


def account(number: int) -> param.AccountId:
    return param.AccountId.from_int(number)


def order(
    number: int | None = 1,
    quantity: str | None = "10",
    price: str | None = "100",
    *,
    volume: str | None = None,
    side: param.Side = param.Side.BUY,
    instrument: tuple[str, str] = ("AAPL", "USD"),
    kind: type[openpit.Order] = openpit.Order,
) -> openpit.Order:
    """An order of account ``number``: 10 AAPL at 100 USD, unless told otherwise."""
    amount = None
    if volume is not None:
        amount = param.TradeAmount.volume(volume)
    elif quantity is not None:
        amount = param.TradeAmount.quantity(quantity)
    return kind(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument(*instrument),
            account_id=None if number is None else account(number),
            side=side,
            trade_amount=amount,
            price=None if price is None else param.Price(price),
        )
    )


def _operation(
    number: int, side: param.Side, instrument: tuple[str, str]
) -> openpit.ExecutionReportOperation:
    return openpit.ExecutionReportOperation(
        instrument=openpit.Instrument(*instrument), side=side, account_id=account(number)
    )


def pnl_report(
    number: int | None = 1,
    pnl: str | None = None,
    fee: str = "0",
    *,
    instrument: tuple[str, str] = ("AAPL", "USD"),
) -> openpit.ExecutionReport:
    """A report of account ``number`` that brings a realized PnL, or nothing at all."""
    operation = None if number is None else _operation(number, param.Side.BUY, instrument)
    impact = None
    if pnl is not None:
        impact = openpit.FinancialImpact(pnl=param.Pnl(pnl), fee=param.Fee(fee))
    return openpit.ExecutionReport(operation=operation, financial_impact=impact)


def fill(
    number: int,
    quantity: str,
    price: str,
    remaining: str,
    *,
    lock: openpit.pretrade.Lock,
    side: param.Side = param.Side.BUY,
    instrument: tuple[str, str] = ("AAPL", "USD"),
) -> openpit.ExecutionReport:
    """A trade of an order of which ``remaining`` is still to come."""
    return openpit.ExecutionReport(
        operation=_operation(number, side, instrument),
        fill=openpit.ExecutionReportFillDetails(
            last_trade=param.Trade(price=param.Price(price), quantity=param.Quantity(quantity)),
            remaining_reserved_quantity=param.Quantity(remaining),
            lock=lock,
            is_final=remaining == "0",
        ),
    )


def deposit(asset: str, amount: str) -> openpit.AccountAdjustment:
    """An adjustment that adds ``amount`` to what an account has of an asset."""
    return openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
        amount=openpit.AccountAdjustmentAmount(balance=param.AdjustmentAmount.delta(amount)),
    )


def holding(engine: openpit.Engine, number: int, asset: str) -> tuple[Decimal, Decimal, Decimal]:
    """What an account has available of an asset, has held, and expects."""
    nothing = param.AdjustmentAmount.delta(0)
    look = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
        amount=openpit.AccountAdjustmentAmount(balance=nothing, held=nothing, incoming=nothing),
    )
    [outcome] = engine.apply_account_adjustment(account(number), [look]).outcomes
    entry = outcome.entry
    available, held, incoming = (
        amount.absolute.decimal for amount in (entry.balance, entry.held, entry.incoming)
    )
    return available, held, incoming


def reject(reason: str, *, code: str = "Custom", scope: str = "order") -> PolicyReject:
    return PolicyReject(code=code, reason=reason, details="", scope=RejectScope(scope))


def mutation(
    trace: list[str],
    name: str,
    *,
    commit: Callable[[], object] | BaseException | None = None,
    rollback: Callable[[], object] | BaseException | None = None,
) -> openpit.Mutation:
    """A mutation that writes ``commit name`` or ``rollback name``, then does what it is told."""

    def finaliser(verb: str, action: Callable[[], object] | BaseException | None) -> Any:
        def run() -> None:
            trace.append(f"{verb} {name}")
            if isinstance(action, BaseException):
                raise action
            if action is not None:
                action()

        return run

    return openpit.Mutation(
        commit=finaliser("commit", commit), rollback=finaliser("rollback", rollback)
    )


class Scripted(Policy):
    """A policy that does as it is told at each callback.

    A script is an exception to raise, a function of the callback's arguments, or the answer itself.
    """

    def __init__(
        self,
        name: str = "Desk",
        *,
        group_id: int = 0,
        start: Any = (),
        main: Any = None,
        report: Any = None,
        adjustment: Any = None,
    ) -> None:
        self._name = name
        self._group_id = group_id
        self._start = start
        self._main = main
        self._report = report
        self._adjustment = adjustment

    @property
    def name(self) -> str:
        return self._name

    @property
    def policy_group_id(self) -> int:
        return self._group_id

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        return _play(self._start, ctx, order)

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return _play(self._main, ctx, order)

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        return _play(self._report, ctx, report)

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        if self._adjustment is None:
            return super().apply_account_adjustment(ctx, account_id, adjustment)
        return _play(self._adjustment, ctx, account_id, adjustment)


def _play(script: Any, *arguments: Any) -> Any:
    if isinstance(script, BaseException):
        raise script
    return script(*arguments) if callable(script) else script


def accepting(*mutations: openpit.Mutation) -> PolicyDecision:
    return PolicyDecision.accept(mutations=mutations)


def engine_with(
    *policies: Any, sync: str = "no_sync", clock: Callable[[], int] | None = None
) -> openpit.Engine:
    """An engine of policies, built-in (ready builders) or custom, in this order."""
    builder = openpit.Engine.builder()
    if clock is not None:
        builder = builder.clock(clock)
    stage: Any = getattr(builder, sync)()
    for policy in policies:
        stage = stage.builtin(policy) if hasattr(policy, "_build") else stage.pre_trade(policy)
    return stage.build()


def started(engine: openpit.Engine, checked: openpit.Order | None = None) -> Request:
    """The request of an order that passes the start stage."""
    request = engine.start_pre_trade(checked or order()).request
    assert request is not None
    return request


def reserved(engine: openpit.Engine, checked: openpit.Order | None = None) -> Reservation:
    """The reservation of an order that passes."""
    reservation = engine.execute_pre_trade(checked or order()).reservation
    assert reservation is not None
    return reservation


def recorded(engine: openpit.Engine, copy: openpit.Order | None = None) -> DropCopyOperation:
    """The operation of a drop copy that succeeds."""
    operation = engine.apply_drop_copy(copy or order()).operation
    assert operation is not None
    return operation


def in_another_thread(call: Callable[[], object]) -> object:
    """What a call returned or raised in a thread of its own."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except RuntimeError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def reject_fields(result: Any) -> list[tuple[str, str, str, str, str]]:
    """Code, reason, details, policy and scope of a result's rejects."""
    return [
        (item.code, item.reason, item.details, item.policy, item.scope)
        for item in result.rejects or ()
    ]


def reasons(result: Any) -> list[str]:
    rejects: Iterable[Reject] = result.rejects or ()
    return [item.reason for item in rejects]


def block_fields(block: AccountBlock | None) -> tuple[str, str, str, str] | None:
    """Code, reason, details and policy of a block."""
    if block is None:
        return None
    return block.code, block.reason, block.details, block.policy
