"""A limit that spans accounts, over several sessions: exact, whatever waits for credit."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import pytest
from flow import account, buy
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_rate_limit,
)

HOUR = timedelta(hours=1)
BLOCKED = 9


def host(limit: int, *, assets: bool, credit: int = 2048, window: timedelta = HOUR) -> SwitchedHost:
    ticks = iter(range(10**9))
    rate = RateLimit(limit, window)
    limits = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    if assets:
        limits.asset_barriers(RateLimitAssetBarrier(rate, "USD"))
    builder = openpit.Engine.builder().clock(lambda: next(ticks)).sharded(2).builtin(limits)
    return SwitchedHost(builder, credit=credit)


class Crowd:
    """Sessions whose calls are under way at the same time."""

    def __init__(self, its: SwitchedHost, sessions: int) -> None:
        self.host = its
        self.drivers = [SwitchedDriver(its) for _ in range(sessions)]
        self.calls: list[object] = []

    def order(self, number: int, *accounts: int) -> None:
        """Have a session order for accounts, in one call; it waits for its end, later."""
        driver = self.drivers[number]
        orders = [buy(one) for one in accounts]
        now = self.host.clock()
        if len(orders) == 1:
            self.calls.append(driver.client.execute(now, orders[0]))
            return
        call = driver.client.execute_many(now, orders, [now] * len(orders))
        while call.feed():
            driver.move()
        self.calls.append(call)

    def accepted(self) -> int:
        """Let all calls end; return how many orders have passed."""
        self.host.pump()
        total = 0
        for call in self.calls:
            assert call.done  # type: ignore[attr-defined]  # a call
            result = call.result()  # type: ignore[attr-defined]  # as above
            total += sum(map(bool, result)) if isinstance(result, list) else bool(result)
        self.calls.clear()
        return total

    def attempts(self) -> int:
        """How many orders have counted, by what a dry run says."""
        engine = ShardedEngine._of(self.drivers[0])
        report = engine.execute_pre_trade_dry_run(buy(1))
        found = re.match(r"submitted (\d+) orders", report.rejects[0].details)
        assert found is not None
        return int(found[1]) - 1


@pytest.mark.parametrize("seed", range(40))
def test_exactly_as_many_pass_as_may(seed: int) -> None:
    rng = random.Random(seed)
    limit = rng.randrange(10, 60)
    credit = rng.choice([2, 5, 64, 2048])
    crowd = Crowd(host(limit, assets=rng.random() < 0.5, credit=credit), 3)
    orders = 0
    for _ in range(rng.randrange(5, 25)):
        accounts = [rng.randrange(1, 8) for _ in range(rng.choice([1, 1, 2, 7, 30]))]
        crowd.order(rng.randrange(3), *accounts)
        orders += len(accounts)
        if rng.random() < 0.3:
            rng.choice(crowd.drivers).move()
        if rng.random() < 0.2:
            crowd.host.switch.serve(crowd.host.clock())
    assert crowd.accepted() == min(orders, limit)
    crowd.order(0, *[1] * (limit + 1))
    crowd.accepted()
    assert crowd.attempts() == orders + limit + 1


@pytest.mark.parametrize("seed", range(20))
def test_what_a_block_stops_uses_nothing_up(seed: int) -> None:
    rng = random.Random(seed)
    crowd = Crowd(host(30, assets=True, credit=rng.choice([3, 2048])), 2)
    ShardedEngine._of(crowd.drivers[0]).accounts().block(account(BLOCKED), "halt")
    counting = 0
    for _ in range(15):
        accounts = [rng.choice([1, 2, BLOCKED]) for _ in range(rng.choice([1, 5]))]
        crowd.order(rng.randrange(2), *accounts)
        counting += len(accounts) - accounts.count(BLOCKED)
    assert crowd.accepted() <= 30
    crowd.order(0, *[1] * 31)
    crowd.accepted()
    assert crowd.attempts() == counting + 31


def test_a_session_that_goes_gives_back_what_it_never_sent() -> None:
    its = host(10, assets=False, credit=2)
    crowd = Crowd(its, 2)
    crowd.order(0, *[1, 2] * 10)  # 3 are sent, 17 wait for credit
    leaving = crowd.drivers[0]
    leaving.move()
    its.switch.serve(its.clock())
    leaving.leave()
    crowd.calls.clear()
    crowd.order(1, *[1, 2] * 10)
    assert crowd.accepted() == 10 - 3
