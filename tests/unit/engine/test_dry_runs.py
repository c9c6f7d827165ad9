"""Dry runs answer as a real call would and record nothing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    block_fields,
    deposit,
    engine_with,
    mutation,
    order,
    reasons,
    reject,
    reject_fields,
)

from openpit.pretrade import AccountBlock, PolicyDecision, PolicyPreTradeResult, policies

if TYPE_CHECKING:
    import openpit


def test_an_order_that_would_pass_is_told_what_it_would_lock_and_change() -> None:
    engine = engine_with(policies.build_spot_funds().with_policy_group_id(4))
    engine.apply_account_adjustment(account(1), [deposit("USD", "5000")])

    report = engine.execute_pre_trade_dry_run(order(1, "10", "100"))

    assert report.is_pass
    assert report.rejects is None
    assert report.account_block is None
    assert repr(report.lock) == "Lock([(4, 100)])"
    usd, aapl = report.account_adjustments
    assert (usd.policy_group_id, usd.entry.asset, str(usd.entry.balance.delta)) == (
        4,
        "USD",
        "-1000",
    )
    assert (aapl.policy_group_id, aapl.entry.asset, aapl.entry.balance) == (4, "AAPL", None)
    # All the funds are there for each dry run, and for the order that follows.
    assert all(engine.execute_pre_trade_dry_run(order(1, "50", "100")) for _ in range(3))
    assert engine.execute_pre_trade(order(1, "50", "100"))


def test_rates_are_looked_at_and_not_counted() -> None:
    limit = policies.RateLimit(1, dt.timedelta(hours=1))
    engine = engine_with(
        policies.build_rate_limit().account_barriers(
            policies.RateLimitAccountBarrier(limit, account(1))
        )
    )

    assert engine.start_pre_trade_dry_run(order())
    assert engine.execute_pre_trade_dry_run(order())
    assert engine.execute_pre_trade(order())
    assert [item.details for item in engine.start_pre_trade_dry_run(order()).rejects or ()] == [
        "submitted 2 orders in 3600s window, max allowed: 1"
    ]


@pytest.mark.parametrize("method", ["start_pre_trade_dry_run", "execute_pre_trade_dry_run"])
def test_the_block_that_would_follow_is_told_and_not_made(method: str) -> None:
    engine = engine_with(Scripted(start=[reject("no"), reject("stop", scope="account")]))

    report = getattr(engine, method)(order())

    assert not report
    assert reasons(report) == ["no", "stop"]
    assert block_fields(report.account_block) == ("AccountBlocked", "stop", "", "Desk")
    assert reasons(engine.start_pre_trade(order())) == ["no", "stop"]


def test_a_blocked_account_is_told_its_cause_and_no_new_block() -> None:
    engine = engine_with(Scripted(start=[reject("stop", scope="account")]))
    engine.accounts().block(account(1), "under review")

    report = engine.execute_pre_trade_dry_run(order())

    assert reject_fields(report) == [
        ("AccountBlocked", "under review", "under review", "Engine", "account")
    ]
    assert report.account_block is None
    assert list(report.lock.entries()) == []


def test_mutations_are_neither_committed_nor_rolled_back() -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted("A", main=accepting(mutation(trace, "a"))),
        Scripted("B", main=PolicyDecision((reject("no"),), (mutation(trace, "b"),))),
        Scripted("C", main=PolicyPreTradeResult(lock_prices=("7",))),
    )

    report = engine.execute_pre_trade_dry_run(order())

    assert reasons(report) == ["no"]
    assert list(map(str, report.lock.prices_of(0))) == ["7"]
    assert trace == []


def test_a_policy_with_callbacks_for_dry_runs_is_asked_by_those() -> None:
    class Careful(Scripted):
        def check_pre_trade_start_dry_run(self, ctx: Any, order: Any) -> Any:
            asked.append("dry start")

        def perform_pre_trade_check_dry_run(self, ctx: Any, order: Any) -> Any:
            asked.append("dry main")
            return PolicyPreTradeResult(lock_prices=("9",))

    asked: list[str] = []
    engine = engine_with(
        Careful(
            start=lambda ctx, order: asked.append("start"),
            main=lambda ctx, order: asked.append("main"),
        )
    )

    report = engine.execute_pre_trade_dry_run(order())
    engine.execute_pre_trade(order())

    assert asked == ["dry start", "dry main", "start", "main"]
    assert len(report.lock) == 1


def test_without_such_callbacks_the_usual_ones_run_and_their_blocks_are_real() -> None:
    def block(ctx: Any, order: openpit.Order) -> None:
        ctx.account_control.block(
            AccountBlock(policy="Watch", code="Custom", reason="seen", details="")
        )

    engine = engine_with(Scripted(main=block))

    assert engine.execute_pre_trade_dry_run(order())
    assert reasons(engine.execute_pre_trade(order())) == ["seen"]


@pytest.mark.parametrize("stage", ["start", "main"])
def test_the_first_exception_is_raised_when_all_were_asked(stage: str) -> None:
    asked: list[str] = []

    def look(ctx: Any, order: openpit.Order) -> None:
        asked.append(stage)

    engine = engine_with(
        Scripted("A", **{stage: ValueError("first")}),
        Scripted("B", **{stage: KeyError("second")}),
        Scripted("C", **{stage: look}),
    )

    with pytest.raises(ValueError, match=r"^first$"):
        engine.execute_pre_trade_dry_run(order())

    assert asked == [stage]
