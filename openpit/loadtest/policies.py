"""The sets of policies that a load test knows by name, and what a set asks of the driver."""

from __future__ import annotations

import tomllib
from typing import Final

__all__ = ["POLICIES", "binds_accounts", "binds_across_accounts", "binds_by_time"]

SIMPLE: Final = """\
[order_validation]
[rate_limit]
broker = {max_orders = 1000000000, window = "1s"}
[order_size_limit]
broker = {max_quantity = "100000", max_notional = "100000000"}
[pnl_bounds_killswitch]
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-100000000"
"""

SPOT_FUNDS: Final = """\
[order_validation]
[spot_funds]
account_currency = "USD"
"""

POLICIES: Final = {"simple": SIMPLE, "spot-funds": SPOT_FUNDS}
"""By the names that the command line takes."""


def binds_across_accounts(policies: str, orders: int) -> bool:
    """Tell whether a rate limit over all accounts may refuse one of that many orders.

    Then decisions depend on the order in which accounts come, and one lane has to keep it.
    """
    return _binds(policies, orders, ("broker", "asset"))


def binds_by_time(policies: str, orders: int) -> bool:
    """Tell whether any rate limit may refuse one of that many orders: then their times decide."""
    return _binds(policies, orders, ("broker", "asset", "account", "account_asset"))


def binds_accounts(policies: str, orders: int) -> bool:
    """Tell whether a rate limit of an account may refuse one of that many orders."""
    return _binds(policies, orders, ("account", "account_asset"))


def _binds(policies: str, orders: int, axes: tuple[str, ...]) -> bool:
    limit = tomllib.loads(policies).get("rate_limit", {})
    found = [limit[axis] for axis in axes if axis in limit]
    barriers = [each for axis in found for each in (axis if isinstance(axis, list) else [axis])]
    return any(barrier["max_orders"] < orders for barrier in barriers)
