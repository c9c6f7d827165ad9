"""Limits that span accounts, with many calls in flight: on real processes, and with bodies sealed.

Never too permissive while orders of a blocked account come in between, and exact once all is
answered: each attempt that a policy saw is counted once, and no other is.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from near import near, near_async
from sealing import Sealed

from openpit import Engine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_rate_limit,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR = timedelta(hours=1)
BLOCKED = 3  # with two shards, a shard's mate of account 1
LIMIT = 60
ROUNDS = 40  # of three orders each, one of them of a blocked account

both_ways = pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(False, id="processes"),
        pytest.param(True, id="sealed", marks=pytest.mark.one_python),
    ],
)


class Clock:
    """Goes on by a nanosecond with each look; starts two hours after the engine was built."""

    def __init__(self) -> None:
        self._ticks = itertools.count()
        self.offset = 0

    def __call__(self) -> int:
        return self.offset + next(self._ticks)


def started(clock: Clock, *, assets: bool, sealed: bool) -> Any:
    """An engine on real processes, or on shards of this one with all bodies sealed."""
    built = builder(clock, assets=assets)
    return near(built, bodies=Sealed()) if sealed else built.build()


async def started_async(clock: Clock, *, assets: bool, sealed: bool) -> Any:
    built = builder(clock, assets=assets)
    return await (near_async(built, bodies=Sealed()) if sealed else built.build_async())


def builder(clock: Clock, *, assets: bool) -> Any:
    rate = RateLimit(LIMIT, HOUR)
    axes = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    if assets:
        axes.asset_barriers(RateLimitAssetBarrier(rate, "USD"))
    return Engine.builder().clock(clock).sharded(2).builtin(axes)


def later(clock: Clock) -> None:
    clock.offset += 2 * 3600 * 1_000_000_000


def attempts(report: Any) -> int:
    """How many attempts a dry run says that there have been before it."""
    [reject] = report.rejects
    found = re.match(r"submitted (\d+) orders in 3600s window", reject.details)
    assert found is not None
    return int(found[1]) - 1


def accounts(turn: int) -> Iterable[int]:
    """A blocked one first, last or in the middle."""
    three = [IN_SHARD_0, IN_SHARD_1]
    three.insert(turn % 3, BLOCKED)
    return three


@both_ways
@pytest.mark.parametrize("assets", [False, True])
def test_threads_share_a_limit_that_blocked_orders_do_not_use_up(
    assets: bool, sealed: bool
) -> None:
    clock = Clock()
    with started(clock, assets=assets, sealed=sealed) as engine:
        engine.accounts().block(account(BLOCKED), "closed")
        later(clock)

        def trade(turn: int) -> int:
            orders = [buy(number) for number in accounts(turn)]
            if turn % 2:
                return sum(map(bool, engine.execute_pre_trade_many(orders)))
            check = engine.start_pre_trade if turn % 4 else engine.execute_pre_trade
            return sum(map(bool, map(check, orders)))

        with ThreadPoolExecutor(4) as pool:
            accepted = sum(pool.map(trade, range(ROUNDS)))
        assert 0 < accepted <= LIMIT
        assert attempts(engine.execute_pre_trade_dry_run(buy(IN_SHARD_0))) == 2 * ROUNDS
        later(clock)
        results = engine.execute_pre_trade_many([buy(IN_SHARD_1)] * (LIMIT + 3))
        assert sum(map(bool, results)) == LIMIT


@both_ways
@pytest.mark.parametrize("assets", [False, True])
def test_tasks_share_a_limit_that_blocked_orders_do_not_use_up(assets: bool, sealed: bool) -> None:
    async def story() -> None:
        clock = Clock()
        async with await started_async(clock, assets=assets, sealed=sealed) as engine:
            await engine.accounts().block(account(BLOCKED), "closed")
            later(clock)

            async def trade(turn: int) -> int:
                orders = [buy(number) for number in accounts(turn)]
                if turn % 2:
                    return sum(map(bool, await engine.execute_pre_trade_many(orders)))
                check = engine.start_pre_trade if turn % 4 else engine.execute_pre_trade
                return sum(map(bool, await asyncio.gather(*map(check, orders))))

            accepted = sum(await asyncio.gather(*map(trade, range(ROUNDS))))
            assert 0 < accepted <= LIMIT
            dry = await engine.execute_pre_trade_dry_run(buy(IN_SHARD_0))
            assert attempts(dry) == 2 * ROUNDS
            later(clock)
            many = [engine.execute_pre_trade(buy(IN_SHARD_1)) for _ in range(LIMIT + 3)]
            assert sum(map(bool, await asyncio.gather(*many))) == LIMIT

    asyncio.run(story())
