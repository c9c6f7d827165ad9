"""Plans of load tests that take a second or two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openpit.loadtest.plan import SECOND, Plan
from openpit.loadtest.policies import POLICIES
from openpit.loadtest.workload import load_workload

__all__ = ["BINDING", "BINDING_PLAN", "WORKLOAD", "plan_of"]

HOUR = 3_600 * SECOND

WORKLOAD = load_workload(
    """
    [accounts]
    count = 200
    [venue]
    delay_median = "5ms"
    [funding]
    initial = "300000"
    deposit_every = 20
    """
)


def plan_of(**changes: Any) -> Plan:
    """A plan of 400 orders in 2 s that no machine is too slow for to count as valid."""
    plan = Plan(
        workload=WORKLOAD,
        seed=11,
        rate=200.0,
        orders=400,
        warm_up=0,
        shards=2,
        policies=POLICIES["simple"],
        lag_limit=HOUR,
    )
    return replace(plan, **changes)


# Funds that run out, a rate for single accounts, and losses that end accounts.
BINDING = """
[order_validation]
[rate_limit]
[[rate_limit.account]]
account = 199
max_orders = 3
window = "200ms"
[[rate_limit.account]]
account = 200
max_orders = 3
window = "200ms"
[order_size_limit]
broker = {max_quantity = "500"}
[pnl_bounds_killswitch]
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-2"
[spot_funds]
account_currency = "USD"
"""

BINDING_PLAN = plan_of(orders=3_000, rate=1_000.0, policies=BINDING)
