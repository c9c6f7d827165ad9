"""Reservations that expire in real workers: without traffic, and again in a replay."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
from makers import Clock, account, deposit, order
from processes import wait_until
from trading import with_policies

import openpit
from openpit.errors import JournalMismatch, ReservationExpired

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python

TTL = 60.0


def engine_on(journal: Path, clock: Clock, ttl: float | None = TTL) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().clock(clock).sharded(2, journal=journal, reservation_ttl=ttl)
    return with_policies(stage).build()


def expired(engine: openpit.ShardedEngine) -> int:
    return sum(one.expired for one in engine.stats())


def test_a_replay_lets_the_same_expire_at_the_same_point(tmp_path: Path) -> None:
    clock = Clock()
    with engine_on(tmp_path, clock) as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "100")])
        late = engine.execute_pre_trade(order(1, "1", "60")).reservation
        clock.move(TTL - 1)
        assert not engine.execute_pre_trade(order(1, "1", "60")).ok
        clock.move(1)
        second = engine.execute_pre_trade(order(1, "1", "60"))
        assert second.ok
        for one in engine.stats():
            assert one.pid is not None
            os.kill(one.pid, signal.SIGKILL)
        with pytest.raises(ReservationExpired):
            late.commit()
        second.reservation.commit()
        assert not engine.execute_pre_trade(order(1, "1", "60")).ok

    with engine_on(tmp_path, clock) as engine:
        assert not engine.execute_pre_trade(order(1, "1", "60")).ok
        assert engine.execute_pre_trade(order(1, "1", "40")).ok
    with pytest.raises(JournalMismatch, match="the limit reservation_ttl is 0"):
        engine_on(tmp_path, clock, ttl=None)


def test_poll_lets_expire_what_nobody_asks_for(tmp_path: Path) -> None:
    clock = Clock()
    with engine_on(tmp_path, clock) as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "100")])
        kept = engine.execute_pre_trade(order(1, "1", "60"))
        engine.poll()
        assert expired(engine) == 0
        clock.move(TTL)
        engine.poll()
        assert wait_until(lambda: expired(engine) == 1)
        assert kept.ok
    # The empty batch is in the journal, too.
    with engine_on(tmp_path, clock) as engine:
        assert engine.execute_pre_trade(order(1, "1", "60")).ok


def test_asyncio_lets_expire_what_nobody_asks_for() -> None:
    async def life() -> None:
        stage = openpit.Engine.builder().sharded(2, timeout=60.0, reservation_ttl=0.05)
        async with await with_policies(stage).build_async() as engine:
            await engine.apply_account_adjustment(account(1), [deposit("USD", "100")])
            result = await engine.execute_pre_trade(order(1, "1", "60"))
            assert result
            async with asyncio.timeout(20):
                while not sum(one.expired for one in engine.stats()):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)
            with pytest.raises(ReservationExpired):
                await result.reservation.commit()

    asyncio.run(life())
