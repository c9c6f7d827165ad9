"""Keys on an engine with a journal: they outlast its workers, and the engine itself."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from keyed_days import KeyedDay
from killing import OFTEN
from makers import Clock, account, deposit, order
from trading import said, with_policies

import openpit
from openpit.errors import JournalMismatch, KeyConflict

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def engine_on(journal: Path, clock: Any, **options: Any) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().clock(clock).sharded(2, journal=journal, **options)
    return with_policies(stage).build()


def paid_in(engine: openpit.ShardedEngine) -> str:
    """Pay 100 in with a key; return what there is then."""
    paid = engine.apply_account_adjustment(account(1), [deposit("USD", "100")], key="paid in")
    return str(paid.outcomes[0].entry.balance.absolute.decimal)


def test_a_key_outlasts_the_worker_and_the_engine(tmp_path: Path) -> None:
    clock = Clock()
    with engine_on(tmp_path, clock, key_window=60.0) as engine:
        assert paid_in(engine) == "100"
        reservation = engine.execute_pre_trade(order(1, "1", "60"), key="order").reservation
        rejected = engine.execute_pre_trade(order(1, "1", "60"), key="too much")
        for pid in [one.pid for one in engine.stats()]:
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        # The same reservation: it was open all the time.
        again = engine.execute_pre_trade(order(1, "1", "60"), key="order")
        assert again.reservation is reservation
        assert said(engine.execute_pre_trade(order(1, "1", "60"), key="too much")) == said(rejected)
        assert paid_in(engine) == "100"
        reservation.commit()

    clock.move(59)
    with engine_on(tmp_path, clock, key_window=60.0) as engine:
        assert paid_in(engine) == "100"
        again = engine.execute_pre_trade(order(1, "1", "60"), key="order")
        with pytest.raises(RuntimeError, match="already been finalized"):
            again.reservation.commit()
        with pytest.raises(KeyConflict):
            engine.execute_pre_trade(order(1, "1", "61"), key="order")
        clock.move(1)
        assert paid_in(engine) == "140"


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 3)])
def test_calls_that_are_made_again_between_kills_are_applied_once(
    tmp_path: Path, seed: int, shards: int
) -> None:
    day = KeyedDay(tmp_path, seed, shards=shards, **OFTEN)
    for _ in range(12):
        day.pay()
    day.trade(40)
    day.compare()
    day.come_back(kills=True)
    day.trade(20)
    day.compare()
    day.close()
    assert day.kills > 1
    assert day.again > 20


def test_a_journal_is_for_the_limits_that_it_was_written_with(tmp_path: Path) -> None:
    clock = Clock()
    engine_on(tmp_path, clock).close()
    with pytest.raises(JournalMismatch) as info:
        engine_on(tmp_path, clock, keys=7)
    assert info.value.differences == ("the limit keys is 7, and was 65536",)


@pytest.mark.parametrize("asks_first", [True, False])
def test_what_was_left_open_is_one_handle_whoever_asks_for_it(
    tmp_path: Path, *, asks_first: bool
) -> None:
    clock = Clock()
    with engine_on(tmp_path, clock) as engine:
        paid_in(engine)
        held = engine.execute_pre_trade(order(1, "1", "60"), key="order").reservation
    del held

    with engine_on(tmp_path, clock) as engine:
        if asks_first:
            (left,) = engine.open_reservations()
            again = engine.execute_pre_trade(order(1, "1", "60"), key="order").reservation
        else:
            again = engine.execute_pre_trade(order(1, "1", "60"), key="order").reservation
            (left,) = engine.open_reservations()
        assert left.handle is again
        del again
        engine.poll()
        left.handle.commit()
        assert not engine.execute_pre_trade(order(1, "1", "60"))
