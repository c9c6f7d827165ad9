"""Reservations that expire, as a program has them; and when its router asks a shard of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from link import link
from makers import Clock, deposit
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.errors import ReservationExpired, SomeItemsFailed
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import build_order_validation, build_spot_funds

if TYPE_CHECKING:
    from openpit.faces.embedded import ReadyShardedEngineBuilder

TTL = 60.0


def builder(clock: Clock, shards: int = 2) -> ReadyShardedEngineBuilder:
    stage = openpit.Engine.builder().clock(clock).sharded(shards, reservation_ttl=TTL)
    return stage.builtin(build_order_validation()).builtin(build_spot_funds())


def funded(engine: ShardedEngine) -> ShardedEngine:
    """With 10000 USD in each of two accounts, of which an order for 50 takes 9275."""
    for number in (IN_SHARD_0, IN_SHARD_1):
        engine.apply_account_adjustment(account(number), [deposit("USD", "10000")])
    return engine


def test_a_commit_that_comes_too_late_is_an_error_by_name_and_is_counted() -> None:
    clock = Clock()
    engine = funded(link(builder(clock)))
    late = engine.execute_pre_trade(buy(1, "50")).reservation
    clock.move(TTL)
    with pytest.raises(ReservationExpired, match=r"shard 1: it was open for 60 s") as info:
        late.commit()
    assert isinstance(info.value, RuntimeError)
    assert info.value.shard == 1
    with pytest.raises(RuntimeError, match="already been finalized"):
        late.commit()
    assert [one.expired for one in engine.stats()] == [0, 1]
    assert engine.execute_pre_trade(buy(1, "50")).ok


def test_of_many_the_late_ones_are_told() -> None:
    clock = Clock()
    engine = funded(link(builder(clock)))
    early = engine.execute_pre_trade(buy(1, "1")).reservation
    clock.move(TTL - 1)
    in_time = engine.execute_pre_trade(buy(1, "1")).reservation
    clock.move(1)
    with pytest.raises(SomeItemsFailed) as info:
        engine.commit_many([early, in_time])
    assert [type(error) for error in info.value.exceptions] == [ReservationExpired]
    assert info.value.indexes == (0,)


def test_orders_that_hold_nothing_are_told_of_it_as_well() -> None:
    clock = Clock()
    stage = openpit.Engine.builder().clock(clock).sharded(2, reservation_ttl=TTL)
    engine = link(stage.builtin(build_order_validation()))
    results = engine.execute_pre_trade_many([buy(1, "1"), buy(2, "1")])
    clock.move(TTL)
    for result in results:
        with pytest.raises(ReservationExpired):
            result.reservation.rollback()
    assert [one.expired for one in engine.stats()] == [1, 1]


def test_a_shard_that_nobody_asks_is_asked_by_its_router() -> None:
    clock = Clock()
    engine = funded(link(builder(clock)))
    driver, expiring = engine._driver, engine._driver.client.expiring
    assert expiring is not None
    kept = engine.execute_pre_trade(buy(IN_SHARD_0, "50"))
    assert expiring.seconds_left(clock()) == TTL
    clock.move(TTL / 2)
    other = engine.execute_pre_trade(buy(IN_SHARD_1, "50"))
    assert expiring.seconds_left(clock()) == TTL / 2
    expiring.on_time(clock())
    assert not any(one.has_output for one in engine._router.links)
    clock.move(TTL / 2)
    assert expiring.seconds_left(clock()) == 0
    expiring.on_time(clock())
    assert [one.has_output for one in engine._router.links] == [True, False]
    driver.pump()  # type: ignore[attr-defined]
    assert [one.expired for one in engine.stats()] == [1, 0]
    assert expiring.seconds_left(clock()) == TTL / 2
    assert kept.ok
    other.reservation.commit()
    assert expiring.seconds_left(clock()) == float("inf")


def test_a_shard_that_is_down_is_not_waited_for() -> None:
    clock = Clock()
    engine = funded(link(builder(clock)))
    expiring = engine._driver.client.expiring
    assert expiring is not None
    kept = engine.execute_pre_trade(buy(IN_SHARD_0, "50"))
    engine._driver.kill(0)  # type: ignore[attr-defined]
    assert expiring.seconds_left(clock()) == float("inf")
    clock.move(TTL)
    expiring.on_time(clock())
    assert not any(one.has_output for one in engine._router.links)
    assert kept.ok


def test_what_a_session_has_open_expires_in_its_server() -> None:
    clock = Clock()
    its = SwitchedHost(builder(clock), client_time=False)
    engine = funded(ShardedEngine._of(SwitchedDriver(its)))
    kept = engine.execute_pre_trade(buy(1, "50")).reservation
    clock.move(TTL)
    expiring = its.driver.client.expiring
    assert expiring is not None
    expiring.on_time(clock())
    its.pump()
    assert [one.expired for one in its.driver.router.links] == [0, 1]
    with pytest.raises(ReservationExpired):
        kept.commit()
    assert engine.execute_pre_trade(buy(1, "50")).ok  # and the session goes on
