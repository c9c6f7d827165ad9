"""Building an engine, stage by stage."""

from __future__ import annotations

import re
from typing import Any

import pytest
from makers import Clock, Scripted, account, engine_with, order, reasons

import openpit
from openpit.marketdata import QuoteTtl
from openpit.pretrade import Policy, policies

ACCOUNT_1 = policies.PnlBoundsAccountAssetBarrier(
    policies.PnlBoundsBrokerBarrier("USD", lower_bound=-10), account(1), -10
)


def stage(sync: str = "no_sync") -> Any:
    return getattr(openpit.Engine.builder(), sync)()


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def test_a_policy_comes_first_and_only_then_can_an_engine_be_built() -> None:
    synced = stage()

    assert not hasattr(openpit.Engine.builder(), "build")
    assert not hasattr(synced, "build")
    assert isinstance(synced, openpit.SyncedEngineBuilder)
    ready = synced.pre_trade(Scripted())
    assert isinstance(ready, openpit.ReadyEngineBuilder)
    assert isinstance(ready.build(), openpit.Engine)


@pytest.mark.parametrize("sync", ["no_sync", "full_sync", "account_sync"])
def test_the_same_answers_however_calls_are_synchronised(sync: str) -> None:
    engine = engine_with(policies.build_order_validation(), Scripted(), sync=sync)

    assert engine.execute_pre_trade(order())
    assert reasons(engine.execute_pre_trade(order(quantity="0"))) == [
        "order quantity must be non-zero"
    ]


def test_the_first_two_stages_make_independent_builders_and_the_last_one_itself() -> None:
    synced = stage()

    first = synced.pre_trade(Scripted("A"))
    second = synced.pre_trade(Scripted("A"))
    assert first is not second
    assert first.pre_trade(Scripted("B")) is first
    assert first.builtin(policies.build_order_validation()) is first

    assert first.build().execute_pre_trade(order())
    assert second.build().execute_pre_trade(order())


@pytest.mark.parametrize("fails", [False, True])
def test_after_build_a_builder_is_gone(fails: bool) -> None:
    ready = stage().pre_trade(Scripted("A"))
    if fails:
        ready.pre_trade(Scripted("A"))
        with pytest.raises(ValueError, match=r"^duplicate policy name"):
            ready.build()
    else:
        ready.build()

    for call in (
        ready.build,
        lambda: ready.pre_trade(Scripted("B")),
        lambda: ready.builtin(policies.build_order_validation()),
    ):
        with pytest.raises(ValueError, match=exactly("engine builder is no longer available")):
            call()
    assert ready.market_data(QuoteTtl.infinite()).build()


def test_names_are_unique_among_all_policies() -> None:
    ready = stage().pre_trade(Scripted("OrderValidationPolicy"))
    ready.builtin(policies.build_order_validation())

    with pytest.raises(
        ValueError,
        match=exactly("duplicate policy name in engine configuration: OrderValidationPolicy"),
    ):
        ready.build()


def test_group_ids_are_unique_but_for_the_default() -> None:
    assert engine_with(Scripted("A"), Scripted("B"))
    ready = stage().pre_trade(Scripted("A", group_id=5))
    ready.builtin(policies.build_order_validation().with_policy_group_id(5))

    with pytest.raises(ValueError, match=exactly("duplicate non-default policy_group_id: 5")):
        ready.build()


@pytest.mark.parametrize("group_id", [-1, 65536, "5", 1.0, None])
def test_the_group_id_of_a_custom_policy(group_id: Any) -> None:
    with pytest.raises(
        ValueError, match=exactly("policy_group_id must be an integer in range 0..=65535")
    ):
        stage().pre_trade(Scripted(group_id=group_id))
    assert stage().pre_trade(Scripted(group_id=65535)).build()


def test_the_group_id_of_a_built_in_policy() -> None:
    for group_id in (-1, 65536):
        with pytest.raises(
            OverflowError, match=exactly("out of range integral type conversion attempted")
        ):
            stage().builtin(policies.build_order_validation().with_policy_group_id(group_id))
    with pytest.raises(
        TypeError, match=exactly("'str' object cannot be interpreted as an integer")
    ):
        stage().builtin(policies.build_order_validation().with_policy_group_id("5"))


@pytest.mark.parametrize(
    "entry",
    [
        policies.build_rate_limit().with_policy_group_id(9).account_asset_barriers(),
        policies.build_rate_limit().asset_barriers().with_policy_group_id(9),
        policies.build_order_size_limit().with_policy_group_id(9).account_asset_barriers(),
        policies.build_order_size_limit().asset_barriers().with_policy_group_id(9),
        policies.build_pnl_bounds_killswitch().with_policy_group_id(9).account_barriers(ACCOUNT_1),
        policies.build_pnl_bounds_killswitch().account_barriers(ACCOUNT_1).with_policy_group_id(9),
        policies.build_order_validation().with_policy_group_id(9),
    ],
)
def test_a_group_id_may_be_given_before_or_after_the_barriers(entry: Any) -> None:
    ready = stage().builtin(entry).pre_trade(Scripted(group_id=9))

    with pytest.raises(ValueError, match=exactly("duplicate non-default policy_group_id: 9")):
        ready.build()


def test_the_name_of_a_custom_policy_is_a_text_read_once() -> None:
    with pytest.raises(ValueError, match=exactly("policy.name must be a string")):
        stage().pre_trade(Scripted(5))
    policy = Scripted("", start=[])
    engine = stage().pre_trade(policy).build()

    policy._name = "Other"
    policy._start = [_reject()]

    assert [item.policy for item in engine.execute_pre_trade(order()).rejects] == [""]


def _reject() -> Any:
    class Duck:
        code = "Custom"
        reason = "no"
        details = ""
        scope = "order"

    return Duck()


@pytest.mark.parametrize(
    "missing",
    [
        "name",
        "check_pre_trade_start",
        "perform_pre_trade_check",
        "apply_execution_report",
        "apply_account_adjustment",
    ],
)
def test_what_a_custom_policy_must_have_is_told_by_name(missing: str) -> None:
    members: dict[str, Any] = {
        name: getattr(Policy, name)
        for name in (
            "check_pre_trade_start",
            "perform_pre_trade_check",
            "apply_execution_report",
            "apply_account_adjustment",
        )
    }
    members |= {"name": "Duck", "__slots__": ()}
    complete = type("Duck", (), members)()
    assert stage().pre_trade(complete).build().execute_pre_trade(order())

    del members[missing]
    incomplete = type("Duck", (), members)()

    with pytest.raises(
        AttributeError, match=exactly(f"'Duck' object has no attribute '{missing}'")
    ):
        stage().pre_trade(incomplete)


def test_a_built_in_policy_is_whatever_builds_itself() -> None:
    for unready in (5, policies.build_rate_limit()):
        with pytest.raises(AttributeError, match=r"has no attribute '_build'$"):
            stage().builtin(unready)


def test_settings_errors_are_told_by_builtin() -> None:
    with pytest.raises(
        ValueError, match=exactly("at least one broker or account+asset barrier must be configured")
    ) as refusal:
        stage().builtin(policies.build_pnl_bounds_killswitch().broker_barriers())
    assert type(refusal.value) is ValueError


def test_a_ready_builder_serves_several_engines_with_a_state_each() -> None:
    ready = policies.build_pnl_bounds_killswitch().account_barriers(ACCOUNT_1)
    first, second = engine_with(ready), engine_with(ready)

    first.configure().set_account_pnl(
        "PnlBoundsKillSwitchPolicy", account=account(1), settlement_asset="USD", pnl=-11
    )

    assert not first.execute_pre_trade(order(1))
    assert second.execute_pre_trade(order(1))


def test_all_time_is_that_of_the_clock() -> None:
    clock = Clock()
    readings: list[int] = []

    def read() -> int:
        readings.append(clock.now)
        return clock.now

    ready = openpit.Engine.builder().clock(read).no_sync().pre_trade(Scripted("A"))
    engine = ready.build()
    assert readings == []

    clock.move(1)
    engine.execute_pre_trade(order())
    request = engine.start_pre_trade(order()).request
    clock.move(1)
    assert request is not None
    request.execute()

    assert [reading // 10**9 for reading in readings] == [1001, 1001, 1002]


def test_a_policy_registers_while_the_market_is_not_synchronised() -> None:
    synced = stage("full_sync")
    service = synced.market_data(QuoteTtl.infinite()).no_sync().build()

    with pytest.raises(ValueError, match=r"^market data service is in no-sync mode"):
        synced.builtin(policies.build_spot_funds().market_data(service, 0))


@pytest.mark.parametrize(
    "kind",
    [
        openpit.Engine,
        openpit.EngineBuilder,
        openpit.SyncedEngineBuilder,
        openpit.ReadyEngineBuilder,
    ],
)
def test_programs_cannot_make_them(kind: type) -> None:
    with pytest.raises(TypeError, match=f"^cannot create 'openpit.{kind.__name__}' instances$"):
        kind()
