from __future__ import annotations

from typing import Any

import pytest
from load_reports import plan_of

from openpit.limits.tables import ConfigError
from openpit.loadtest.busy import BusyPolicy
from openpit.loadtest.engine_objects import EngineObjects
from openpit.loadtest.lane import TimelineClock
from openpit.loadtest.plan import Target
from openpit.loadtest.targets import build, check, custom_policies, outside

ORDER = (0, 1, 0, 7, "S001", True, "5", "100.00")


def engine_of(**changes: Any) -> Any:
    return build(plan_of(1, target=Target.IN_PROCESS, **changes), TimelineClock())


def test_custom_policies_come_after_those_of_the_file() -> None:
    engine = engine_of(custom=("load_policies:RefusesAll",))

    accepted = engine.execute_pre_trade(order=EngineObjects("USD").order(ORDER))
    refused = engine.execute_pre_trade(
        order=EngineObjects("USD").order((*ORDER[:6], "0", "100.00"))
    )

    assert [reject.policy for reject in accepted.rejects] == ["RefusesAll"]
    assert [reject.policy for reject in refused.rejects] == ["OrderValidationPolicy"]


def test_accounts_that_may_start_outside_their_bounds() -> None:
    own = "[[pnl_bounds_killswitch.account]]\naccount = 7\nlower_bound = -5\n"
    told = outside(plan_of(1, policies=f'{own}settlement_asset = "USD"'))

    assert told is not None
    assert [account for account in range(1, 10) if told(account)] == [7]
    assert outside(plan_of(1)) is None
    assert outside(plan_of(1, policies="")) is None


def test_policies_are_checked_before_anything_is_started() -> None:
    check(plan_of(1, custom=("load_policies:RefusesAll",)))

    for custom, why in (
        ("nowhere:Policy", "policy nowhere:Policy: ModuleNotFoundError: No module named 'nowhere'"),
        ("load_policies:Nobody", "policy load_policies:Nobody: AttributeError: "),
        ("sys:exit", "policy sys:exit: SystemExit: "),
        ("builtins:dict", "policy builtins:dict: made a dict, which is no policy"),
    ):
        with pytest.raises(ConfigError) as caught:
            check(plan_of(1, custom=(custom,)))
        assert str(caught.value).startswith(why)
    with pytest.raises(ConfigError, match="RefusesAll"):
        check(plan_of(1, custom=("load_policies:RefusesAll", "load_policies:RefusesAll")))
    with pytest.raises(ConfigError, match=r"^\[pnl_bounds_killswitch\] "):
        check(plan_of(1, policies="[pnl_bounds_killswitch]\n"))


def test_custom_policies_alone() -> None:
    result = engine_of(policies="", custom=("load_policies:RefusesAll",)).execute_pre_trade(
        order=EngineObjects("USD").order(ORDER)
    )

    assert [reject.policy for reject in result.rejects] == ["RefusesAll"]


def test_a_busy_policy_takes_its_time_and_accepts() -> None:
    (policy,) = custom_policies(plan_of(1, busy_microseconds=20))
    assert isinstance(policy, BusyPolicy)

    result = engine_of(busy_microseconds=20).execute_pre_trade(
        order=EngineObjects("USD").order(ORDER)
    )

    assert result.ok


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere:Policy", "policy nowhere:Policy: ModuleNotFoundError: No module named 'nowhere'"),
        ("load_policies:Nobody", "policy load_policies:Nobody: AttributeError: "),
        ("load_policies", "policy load_policies: AttributeError: "),
        ("load_policies:is_running", "policy load_policies:is_running: AttributeError: "),
    ],
)
def test_policies_that_cannot_be_made(spec: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        engine_of(custom=(spec,))

    assert str(caught.value).startswith(message)


def test_what_makes_no_policy() -> None:
    with pytest.raises(ConfigError, match="is_worker: made a bool, which is no policy"):
        engine_of(custom=("load_policies:is_worker",))


def test_first_funds_reach_every_account() -> None:
    engine = engine_of(policies='[spot_funds]\naccount_currency = "USD"')
    objects = EngineObjects("USD")
    objects.fund(engine, accounts=[1, 2, 3], amount="500.00")

    results = [
        engine.execute_pre_trade(order=objects.order((0, 1, 0, account, "S001", True, *order)))
        for account, order in (
            (1, ("5", "100.00")),
            (3, ("5", "100.00")),
            (3, ("1", "100.00")),
            (4, ("1", "100.00")),
        )
    ]

    assert [result.ok for result in results] == [True, True, False, False]


def test_no_first_funds() -> None:
    EngineObjects("USD").fund(None, accounts=[1, 2, 3], amount="0.00")  # asks nothing of the engine
