from __future__ import annotations

from dataclasses import replace

import pytest
from load_reports import plan_of

from openpit.loadtest.plan import Target
from openpit.loadtest.policies import POLICIES, binds_across_accounts
from openpit.loadtest.session import settled


def test_the_hash_is_of_what_decisions_depend_on() -> None:
    plan = plan_of(100)

    for same in (
        {"shards": 5},
        {"seed": 7},
        {"in_flight": 9},
        {"kill_at": 3},
        {"stall": 3},
        {"lag_limit": 3},
        {"target": Target.REFERENCE},
        {"inside": True},
    ):
        assert replace(plan, **same).digest() == plan.digest()
    for other in ({"rate": 11.0}, {"orders": 99}, {"policies": ""}, {"only_shard": 1}):
        assert replace(plan, **other).digest() != plan.digest()


def test_a_lane_for_each_shard_unless_order_matters() -> None:
    assert plan_of(9, shards=3).lanes == 3
    assert plan_of(9, shards=3, in_order=True).lanes == 1
    assert plan_of(9, shards=3, target=Target.IN_PROCESS).lanes == 1
    assert plan_of(9, shards=3, inside=True).lanes == 1


@pytest.mark.parametrize(
    ("policies", "binds"),
    [
        ("[order_validation]", False),
        ('[rate_limit]\nbroker = {max_orders = 100, window = "1s"}', False),
        ('[rate_limit]\nbroker = {max_orders = 99, window = "1s"}', True),
        (
            '[[rate_limit.asset]]\nsettlement_asset = "USD"\nmax_orders = 99\nwindow = "1s"',
            True,
        ),
        ('[[rate_limit.account]]\naccount = 1\nmax_orders = 9\nwindow = "1s"', False),
        (POLICIES["simple"], False),
        (POLICIES["spot-funds"], False),
    ],
)
def test_limits_over_all_accounts_that_a_hundred_orders_can_reach(
    policies: str, binds: bool
) -> None:
    assert binds_across_accounts(policies, 100) is binds
    assert settled(plan_of(100, policies=policies)).in_order is binds


def test_custom_policies_alone_bind_nothing() -> None:
    assert settled(plan_of(100, policies="")).in_order is False
