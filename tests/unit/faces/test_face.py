"""What every face owes to the cores, shown on the loopback: time, bytes, handles."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from link import LinkDriver, link

from openpit import Engine
from openpit.errors import OutcomeUnknown, ShardStalled
from openpit.faces.face import Face

if TYPE_CHECKING:
    from openpit.faces.blocking.engine import ShardedEngine


def engine_with(**options: float) -> tuple[ShardedEngine, LinkDriver]:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2, **options)
    engine = link(builder.pre_trade(policy=Reserving()))
    driver = engine._driver
    assert isinstance(driver, LinkDriver)
    return engine, driver


def test_a_face_is_whole_or_is_not_made() -> None:
    class Deaf(Face):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Deaf()


def test_who_asks_a_silent_shard_waits_for_the_timeout_and_is_told() -> None:
    engine, driver = engine_with(timeout=4.0)
    driver.silent = {0}

    (reject,) = engine.execute_pre_trade(buy(IN_SHARD_0)).rejects

    assert reject.details == "shard 0: no answer within 4 s"
    assert driver.seconds == 4.0
    with pytest.raises(ShardStalled):
        engine.apply_execution_report(report(IN_SHARD_0))
    assert engine.execute_pre_trade(buy(IN_SHARD_1))
    assert driver.seconds == 4.0


def test_a_report_that_is_not_answered_in_time_is_of_unknown_outcome() -> None:
    engine, driver = engine_with(timeout=4.0)
    driver.silent = {0}
    with pytest.raises(OutcomeUnknown, match="no answer within 4 s"):
        engine.apply_execution_report(report(IN_SHARD_0))
    assert driver.seconds == 4.0


def test_a_shard_that_stays_silent_is_given_up_by_whoever_waits() -> None:
    engine, driver = engine_with(timeout=4.0, stall_timeout=10.0)
    driver.silent = {0}
    engine.execute_pre_trade(buy(IN_SHARD_0))

    driver.pass_time(9.9)
    assert engine.stats()[0].state == "stalled"
    driver.pass_time(0.1)

    assert (engine.stats()[0].state, engine.stats()[0].why) == ("down", "stalled for 10 s")


def test_one_that_answers_after_all_goes_on() -> None:
    engine, driver = engine_with(timeout=4.0)
    driver.silent = {0}
    assert not engine.execute_pre_trade(buy(IN_SHARD_0, "40"))

    driver.silent = set()
    driver.pump()

    assert engine.stats()[0].state == "up"
    # What came too late was held by nobody: the next call has it rolled back first.
    (reject,) = engine.execute_pre_trade(buy(IN_SHARD_0, "203")).rejects
    assert (reject.reason, reject.details) == ("reserved", "0")


def test_what_nobody_holds_goes_with_the_next_call_or_at_once() -> None:
    engine, driver = engine_with()
    for turn in (engine.poll, lambda: engine.execute_pre_trade(buy(IN_SHARD_1))):
        result = engine.execute_pre_trade(buy(IN_SHARD_0, "40"))
        core = driver.shards[0].core
        assert core is not None
        assert len(core.open_handles) == 1

        del result
        gc.collect()
        assert len(core.open_handles) == 1
        turn()

        assert not core.open_handles
