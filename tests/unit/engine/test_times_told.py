"""A custom policy is told the time of its call by every callback, on every kind of engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from link import link
from makers import Clock, account, deposit, engine_with, order, pnl_report

import openpit
from openpit.pretrade import Policy, PolicyAccountAdjustmentResult, PolicyReject

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_000_000_000_000


class Watch(Policy):
    """Refuses every order by the time, and says it of everything else in an attribute."""

    name = "Watch"
    told: list[tuple[str, int]]

    def __init__(self, *, start: bool) -> None:
        self._start = start

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        return [_time(ctx)] if self._start else ()

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return openpit.pretrade.PolicyDecision.reject([_time(ctx)])

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        raise ValueError(f"{ctx.now - START}")

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        return PolicyAccountAdjustmentResult(rejects=(_time(ctx),))


def _time(ctx: Any) -> PolicyReject:
    return PolicyReject("Custom", f"{ctx.now - START}", "")


def engines() -> list[Callable[[Clock, Policy], Any]]:
    return [
        lambda clock, policy: engine_with(policy, clock=clock),
        lambda clock, policy: link(
            openpit.Engine.builder().clock(clock).sharded(2).pre_trade(policy)
        ),
    ]


@pytest.mark.parametrize("make", engines(), ids=["one engine", "2 shards"])
@pytest.mark.parametrize("start", [True, False], ids=["start", "main"])
def test_each_callback_is_told_the_time_of_its_call(make: Any, start: bool) -> None:
    clock = Clock(START)
    engine = make(clock, Watch(start=start))

    def said(result: Any) -> list[str]:
        clock.now += 1
        return [reject.reason for reject in result.rejects]

    assert said(engine.execute_pre_trade(order())) == ["0"]
    assert said(engine.execute_pre_trade(order())) == ["1"]
    assert said(engine.execute_pre_trade_dry_run(order())) == ["2"]
    adjusted = engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
    assert said(adjusted) == ["3"]
    with pytest.raises(ValueError, match=r"^4$"):
        engine.apply_execution_report(pnl_report(1, "1"))


@pytest.mark.parametrize("make", engines(), ids=["one engine", "2 shards"])
def test_each_stage_of_an_order_has_a_time_of_its_own(make: Any) -> None:
    clock = Clock(START)
    engine = make(clock, Watch(start=False))
    request = engine.start_pre_trade(order()).request
    clock.now += 7
    assert [reject.reason for reject in request.execute().rejects] == ["7"]
