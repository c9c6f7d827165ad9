"""How the callbacks of a custom policy are found and called."""

from __future__ import annotations

from typing import Any

import pytest
from makers import Scripted, account, deposit, engine_with, order, pnl_report, reject

from openpit.engine.custom import CustomPolicy
from openpit.pretrade import (
    Policy,
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyPreTradeResult,
)


class Named(Policy):
    @property
    def name(self) -> str:
        return "Named"


def test_a_policy_with_nothing_but_a_name_accepts_everything() -> None:
    engine = engine_with(Named())

    assert engine.start_pre_trade(order())
    assert engine.execute_pre_trade(order())
    assert engine.execute_pre_trade_dry_run(order())
    assert engine.apply_drop_copy(order())
    assert engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
    assert engine.apply_execution_report(pnl_report()).account_blocks == []


def test_every_callback_is_found_when_it_is_called() -> None:
    class Late(Scripted):
        pass

    policy = Late()
    engine = engine_with(policy)
    asked: list[str] = []

    def start(ctx: Any, order: Any) -> None:
        asked.append("start")

    def main(ctx: Any, order: Any) -> None:
        asked.append("main")

    policy.check_pre_trade_start = start
    policy.perform_pre_trade_check = main

    engine.execute_pre_trade(order())

    assert asked == ["start", "main"]


@pytest.mark.parametrize(
    "answer",
    [None, [], 1, "x", PolicyDecision.accept(), PolicyPreTradeResult.accept(), object()],
)
def test_what_is_no_verdict_accepts(answer: Any) -> None:
    assert engine_with(Scripted(main=lambda ctx, order: answer)).execute_pre_trade(order())


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (5, TypeError, "'int' object is not iterable"),
        ([7], AttributeError, "'int' object has no attribute 'code'"),
    ],
)
def test_the_start_stage_answers_by_rejects_alone(
    answer: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^{text}$"):
        engine_with(Scripted(start=lambda ctx, order: answer)).execute_pre_trade(order())


def test_a_verdict_that_cannot_be_read_is_an_exception() -> None:
    class Verdict:
        rejects = [7]  # noqa: RUF012 - never changed
        mutations = ()

    with pytest.raises(AttributeError, match=r"^'int' object has no attribute 'code'$"):
        engine_with(Scripted(main=lambda ctx, order: Verdict())).execute_pre_trade(order())


def test_rejects_may_come_from_a_generator_and_bear_the_registered_name() -> None:
    class Loose:
        code = "Other"
        reason = "r"
        details = "d"
        scope = "ORDER"
        policy = "not asked"
        user_data = 5

    engine = engine_with(Scripted("Desk", start=lambda ctx, order: (Loose() for _ in range(2))))

    rejects = engine.execute_pre_trade(order()).rejects

    assert [(item.policy, item.scope, item.user_data) for item in rejects] == [
        ("Desk", "order", 5)
    ] * 2


def test_adjustments_are_called_by_position_with_the_account() -> None:
    seen: list[object] = []

    def adjust(*arguments: Any) -> PolicyAccountAdjustmentResult:
        seen.extend(arguments[1:])
        return PolicyAccountAdjustmentResult(rejects=(reject("no"),))

    adjustment = deposit("USD", "1")

    result = engine_with(Scripted(adjustment=adjust)).apply_account_adjustment(
        account(7), [adjustment]
    )

    assert seen == [account(7), adjustment]
    assert [item.reason for item in result.rejects] == ["no"]


def test_a_start_callback_that_the_base_class_provides_is_not_called() -> None:
    class OnInstance(Named):
        def __init__(self) -> None:
            self.check_pre_trade_start = lambda ctx, order: ()

    class Own(Named):
        def check_pre_trade_start(self, ctx: Any, order: Any) -> tuple[()]:
            return ()

    assert CustomPolicy(Named()).skips_start
    assert not CustomPolicy(OnInstance()).skips_start
    assert not CustomPolicy(Own()).skips_start
