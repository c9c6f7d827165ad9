from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, buy
from link import link

from openpit import Engine
from openpit.errors import ShardOverloaded
from openpit.router.holdups import HoldUps


class Shard:
    def __init__(self) -> None:
        self.answered = 3


def watched(*links: Any) -> Any:
    return SimpleNamespace(holding_up=lambda: list(links))


def test_a_shard_is_overdue_after_three_quarters_of_the_timeout() -> None:
    stuck = Shard()
    hold_ups = HoldUps(watched(stuck), 4.0)
    assert hold_ups.overdue(10.0) == []
    assert hold_ups.overdue(12.9) == []
    assert hold_ups.overdue(13.0) == [stuck]


def test_one_that_answers_something_is_not() -> None:
    busy = Shard()
    hold_ups = HoldUps(watched(busy), 4.0)
    assert hold_ups.overdue(10.0) == []
    busy.answered = 4
    assert hold_ups.overdue(13.0) == []
    assert hold_ups.overdue(16.0) == [busy]


def test_one_that_is_done_is_forgotten() -> None:
    links = [Shard()]
    core: Any = SimpleNamespace(holding_up=lambda: links)
    hold_ups = HoldUps(core, 4.0)
    assert hold_ups.overdue(10.0) == []
    (once,) = links
    links.clear()
    assert hold_ups.overdue(13.0) == []
    links.append(once)
    assert hold_ups.overdue(16.0) == []


def test_who_holds_up_all_others() -> None:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2).pre_trade(policy=Reserving())
    engine = link(builder)
    driver, core = engine._driver, engine._core
    assert engine.execute_pre_trade(buy(IN_SHARD_0)).ok  # and its reservation is dropped
    assert core.holding_up() == []

    waiting = core.execute(1_000, buy(IN_SHARD_1))
    procedure = core.procedure(1_000, lambda _: iter(()))

    assert not waiting.is_sent
    assert core.holding_up() == [core.links[0]]
    waiting.expire(core, "no answer within 5 s")
    procedure.expire(core, "no answer within 5 s")
    for call in (waiting, procedure):
        with pytest.raises(ShardOverloaded, match="shard 0 keeps all others waiting") as told:
            call.result()
        assert told.value.shard == 0
    driver.pump()
    assert core.holding_up() == []


def test_a_shard_that_has_not_heard_of_a_block_holds_up_all_others() -> None:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2).pre_trade(policy=Reserving())
    engine = link(builder)
    driver, core = engine._driver, engine._core
    assert engine.execute_pre_trade(buy(IN_SHARD_0, "202")).ok  # its rollback fails
    waiting = core.execute(1_000, buy(IN_SHARD_0))

    driver.step(0)  # rolls back, and tells that this failed
    driver.step(0)  # is told of the block, as every shard is

    assert core.holding_up() == [core.links[1]]
    driver.pump()
    assert core.holding_up() == []
    (reject,) = waiting.result().rejects
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")
