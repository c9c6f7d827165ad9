"""Settings of a sharded engine: what one engine takes, all shards take, or none."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from link import link

from openpit import Engine
from openpit.param import Pnl
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_size_limit,
    build_pnl_bounds_killswitch,
    build_rate_limit,
)

if TYPE_CHECKING:
    from openpit.faces.blocking.engine import ShardedEngine

SECOND = timedelta(seconds=1)


class Currency(StrEnum):
    USD = "USD"


class Orders(IntEnum):
    FEW = 1


class DeskBarrier(RateLimitBrokerBarrier):
    """A barrier as a user may name it."""


class DeskLimit(OrderSizeLimit):
    """A limit as a user may name it."""


def engine() -> ShardedEngine:
    rate = RateLimitBrokerBarrier(RateLimit(100, SECOND))
    size = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="100", max_notional="100000"))
    loss = PnlBoundsBrokerBarrier("USD", lower_bound=Pnl("-1000"))
    builder = Engine.builder().clock(lambda: 1).sharded(2)
    ready = builder.builtin(build_rate_limit().broker_barrier(rate))
    ready.builtin(build_order_size_limit().broker_barrier(size))
    return link(ready.builtin(build_pnl_bounds_killswitch().broker_barriers(loss)))


def codes(sharded: ShardedEngine) -> list[list[str]]:
    results = [sharded.execute_pre_trade(buy(number)) for number in (IN_SHARD_0, IN_SHARD_1)]
    return [[reject.code for reject in result.rejects] for result in results]


@pytest.mark.parametrize(
    "values",
    [
        {"broker": DeskBarrier(RateLimit(1, SECOND))},
        {"broker": RateLimitBrokerBarrier(RateLimit(Orders.FEW, SECOND))},
        {"asset_barriers": deque([RateLimitAssetBarrier(RateLimit(1, SECOND), "USD")])},
        {"asset_barriers": [RateLimitAssetBarrier(RateLimit(1, SECOND), Currency.USD)]},
    ],
    ids=["barrier", "number", "sequence", "text"],
)
def test_settings_of_users_classes_reach_every_shard(values: dict[str, Any]) -> None:
    sharded = engine()
    sharded.configure().rate_limit("RateLimitPolicy", **values)
    assert codes(sharded) == [[], ["RateLimitExceeded"]]


def test_limits_of_users_classes_reach_every_shard() -> None:
    sharded = engine()
    few = OrderSizeBrokerBarrier(DeskLimit(max_quantity="1", max_notional="100000"))
    sharded.configure().order_size_limit("OrderSizeLimitPolicy", broker=few)
    assert codes(sharded) == [["OrderQtyExceedsLimit"]] * 2


def test_an_account_s_setting_may_name_its_asset_by_an_enumeration() -> None:
    sharded = engine()
    sharded.configure().set_account_pnl(
        "PnlBoundsKillSwitchPolicy",
        account=account(IN_SHARD_0),
        settlement_asset=Currency.USD,
        pnl=Pnl("-1001"),
    )
    assert codes(sharded) == [["PnlKillSwitchTriggered"], []]


def test_settings_of_a_wrong_class_reach_nobody() -> None:
    sharded = engine()
    for wrong in (iter([RateLimitAssetBarrier(RateLimit(1, SECOND), "USD")]), {1}, object()):
        with pytest.raises(TypeError, match="is not an instance of 'Sequence'"):
            sharded.configure().rate_limit("RateLimitPolicy", asset_barriers=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        sharded.configure().set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=account(1),
            settlement_asset={"USD"},  # type: ignore[arg-type]
            pnl=Pnl("-1001"),
        )
    with pytest.raises(TypeError):
        sharded.configure().set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=1,  # type: ignore[arg-type]
            settlement_asset="USD",
            pnl=Pnl("-1001"),
        )
    assert codes(sharded) == [[], []]


def test_reasons_may_be_of_a_users_text_class() -> None:
    sharded = engine()
    sharded.accounts().block(account(IN_SHARD_1), Currency.USD)
    [reject] = sharded.execute_pre_trade(buy(IN_SHARD_1)).rejects
    assert reject.reason == "USD"
