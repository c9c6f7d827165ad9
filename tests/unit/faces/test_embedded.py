"""The public engine: what it takes, and calls over many items."""

from __future__ import annotations

import datetime as dt
import gc
import weakref
from typing import Any

import pytest
from makers import (
    Clock,
    Scripted,
    accepting,
    account,
    deposit,
    engine_with,
    mutation,
    order,
    pnl_report,
    reasons,
)

import openpit
from openpit.errors import SomeItemsFailed
from openpit.pretrade import AccountBlock, PostTradeResult, policies


class Book(Scripted):
    """Counts what is open; refuses account 13 by an exception."""

    def __init__(self, *, commit: BaseException | None = None) -> None:
        super().__init__("Book")
        self.trace: list[str] = []
        self._commit = commit

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        number = order.operation.account_id.value
        if number == 13:
            raise ValueError("unlucky")
        failing = self._commit if number == 7 else None
        return accepting(mutation(self.trace, str(number), commit=failing))


ORDER_METHODS = [
    "start_pre_trade",
    "start_pre_trade_dry_run",
    "execute_pre_trade",
    "execute_pre_trade_dry_run",
    "apply_drop_copy",
]


@pytest.mark.parametrize("sync", ["no_sync", "full_sync"])
@pytest.mark.parametrize("method", ORDER_METHODS)
def test_what_is_no_order_is_a_type_error(method: str, sync: str) -> None:
    engine = engine_with(Scripted(), sync=sync)

    for other in (5, None, pnl_report()):
        with pytest.raises(TypeError, match=r"^order must inherit from openpit\.Order$"):
            getattr(engine, method)(other)
    assert getattr(engine, method)(order=order())


def test_what_is_no_report_or_adjustment_is_a_type_error() -> None:
    engine = engine_with(Scripted())

    with pytest.raises(TypeError, match=r"^report must inherit from openpit\.ExecutionReport$"):
        engine.apply_execution_report(order())
    with pytest.raises(
        TypeError, match=r"^adjustment must inherit from openpit\.AccountAdjustment$"
    ):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1"), order()])
    with pytest.raises(TypeError, match=r"^account_id must be openpit\.param\.AccountId$"):
        engine.apply_account_adjustment(1, [])
    with pytest.raises(TypeError, match=r"^'int' object is not iterable$"):
        engine.apply_account_adjustment(account(1), 5)


def test_policies_get_the_very_objects_that_were_given() -> None:
    class Ticket(openpit.Order):
        desk = "rates"

    seen: list[object] = []
    engine = engine_with(Scripted(start=lambda ctx, order: seen.append(order)))
    ticket = order(kind=Ticket)

    engine.execute_pre_trade(ticket)

    assert seen[0] is ticket


def test_an_engine_and_its_policies_go_with_the_last_reference() -> None:
    gc.collect()
    gc.disable()
    try:
        engine = engine_with(policies.build_spot_funds(), Book(), sync="full_sync")
        policy = weakref.ref(engine._core.policies[1]._policy)
        engine.apply_account_adjustment(account(1), [deposit("USD", "5000")])
        engine.execute_pre_trade(order(1)).reservation.commit()

        del engine

        assert policy() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("sync", ["no_sync", "full_sync"])
def test_many_orders_answer_in_their_order(sync: str) -> None:
    book = Book()
    engine = engine_with(policies.build_order_validation(), book, sync=sync)

    results = engine.execute_pre_trade_many(
        order(number, "0" if number == 2 else "1") for number in (1, 2, 3)
    )

    assert [reasons(result) for result in results] == [[], ["order quantity must be non-zero"], []]
    engine.commit_many(result.reservation for result in results if result)
    assert book.trace == ["commit 1", "commit 3"]
    assert engine.execute_pre_trade_many([]) == []


def test_each_order_has_the_time_at_which_it_was_taken() -> None:
    clock = Clock()
    limit = policies.RateLimit(1, dt.timedelta(seconds=1))
    engine = engine_with(
        policies.build_rate_limit().account_barriers(
            policies.RateLimitAccountBarrier(limit, account(1))
        ),
        clock=clock,
    )

    def every_half_second() -> Any:
        for _ in range(5):
            clock.move(0.5)
            yield order(1)

    assert [result.ok for result in engine.execute_pre_trade_many(every_half_second())] == [
        *[True, False, False, False, False],
    ]


def test_an_order_that_raises_leaves_the_others_with_their_reservations() -> None:
    book = Book()
    engine = engine_with(book)
    gc.collect()
    gc.disable()
    try:
        try:
            engine.execute_pre_trade_many(order(number) for number in (1, 13, 2, 13))
        except SomeItemsFailed as failed:
            told = (failed.message, str(failed.failures), [bool(one) for one in failed.results])
            failed.results[0].reservation.commit()
            book.trace.append("handled")
        assert book.trace == ["commit 1", "handled", "rollback 2"]
    finally:
        gc.enable()

    assert told == (
        "execute_pre_trade_many failed at index 1, 3",
        "{1: ValueError('unlucky'), 3: ValueError('unlucky')}",
        [True, False, True, False],
    )


def test_many_commits_are_all_made_and_failures_told_by_index() -> None:
    book = Book(commit=OSError("disk"))
    engine = engine_with(book)
    reservations = [engine.execute_pre_trade(order(number)).reservation for number in (1, 7, 2)]

    with pytest.raises(ExceptionGroup) as caught:
        engine.commit_many([*reservations, reservations[0]])

    assert caught.value.message == "commit_many failed at index 1, 3"
    assert [repr(error) for error in caught.value.exceptions] == [
        "OSError('disk')",
        "RuntimeError('reservation has already been finalized')",
    ]
    assert caught.value.results == [True, None, True, None]
    assert book.trace == ["commit 1", "commit 7", "commit 2"]


def test_many_rollbacks() -> None:
    book = Book()
    engine = engine_with(book)
    reservations = [engine.execute_pre_trade(order(number)).reservation for number in (1, 2)]

    assert engine.rollback_many(reservations) is None
    with pytest.raises(ExceptionGroup, match=r"^rollback_many failed at index 0, 1$"):
        engine.rollback_many(reservations)

    assert book.trace == ["rollback 1", "rollback 2"]


def test_many_reports() -> None:
    def report(ctx: Any, report: Any) -> Any:
        number = report.operation.account_id.value
        if number == 13:
            raise ValueError("unlucky")
        block = AccountBlock(policy="Watch", code="Custom", reason=str(number), details="")
        return PostTradeResult(account_blocks=[block])

    engine = engine_with(Scripted(report=report))

    results = engine.apply_execution_report_many(pnl_report(number) for number in (1, 2))
    assert [[item.reason for item in result.account_blocks] for result in results] == [["1"], ["2"]]
    with pytest.raises(
        SomeItemsFailed, match=r"^apply_execution_report_many failed at index 0"
    ) as failed:
        engine.apply_execution_report_many(pnl_report(number) for number in (13, 3))

    refused, applied = failed.value.results
    assert refused is None
    assert [block.reason for block in applied.account_blocks] == ["3"]
    assert reasons(engine.execute_pre_trade(order(3))) == ["3"]


def test_an_item_that_is_no_order_is_a_failure_of_its_index() -> None:
    engine = engine_with(Scripted())

    with pytest.raises(
        ExceptionGroup, match=r"^execute_pre_trade_many failed at index 1$"
    ) as group:
        engine.execute_pre_trade_many([order(), 5])

    assert [str(error) for error in group.value.exceptions] == [
        "order must inherit from openpit.Order"
    ]
