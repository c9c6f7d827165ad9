from __future__ import annotations

from math import inf
from typing import Any

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, buy
from link import link

from openpit import Engine
from openpit.errors import ShardOverloaded
from openpit.faces.watch import Watch

TIMEOUT = 4.0
STALL_TIMEOUT = 30.0
SILENT = "no answer within 4 s"
A_LITTLE_LESS = "no answer within 3 s"


class Shard:
    """A link, as far as a watch looks at it."""

    def __init__(self) -> None:
        self.answered = 3
        self.pending = ["an order"]
        self.is_up = True
        self.is_stalled = False
        self.holds_up_all = False
        self.why = ""


class Core:
    def __init__(self, *links: Shard) -> None:
        self.links = links

    def stall(self, link: Shard, why: str) -> None:
        link.why = why
        link.is_up, link.is_stalled = False, True


def watching(*links: Shard) -> Watch:
    core: Any = Core(*links)
    return Watch(core, TIMEOUT, STALL_TIMEOUT)


def test_a_shard_is_stalled_after_a_timeout_without_an_answer() -> None:
    stuck = Shard()
    watch = watching(stuck)
    watch.look(10.0)
    watch.look(13.9)
    assert not stuck.is_stalled
    watch.look(14.0)
    assert stuck.is_stalled
    assert stuck.why == SILENT


def test_one_that_others_wait_for_has_a_little_less() -> None:
    stuck = Shard()
    stuck.holds_up_all = True
    watch = watching(stuck)
    watch.look(10.0)
    watch.look(12.9)
    assert not stuck.is_stalled
    watch.look(13.0)
    assert stuck.is_stalled
    assert stuck.why == A_LITTLE_LESS


def test_one_that_answers_something_has_its_time_again() -> None:
    busy = Shard()
    watch = watching(busy)
    watch.look(10.0)
    busy.answered = 4
    watch.look(13.0)
    watch.look(16.9)
    assert not busy.is_stalled
    watch.look(17.0)
    assert busy.is_stalled


def test_one_that_has_nothing_to_answer_is_never_stalled() -> None:
    idle = Shard()
    watch = watching(idle)
    watch.look(10.0)
    idle.pending = []
    watch.look(13.0)
    idle.pending = ["another order"]
    watch.look(16.0)
    watch.look(19.9)
    assert not idle.is_stalled


def test_its_silence_counts_from_the_look_that_finds_it() -> None:
    late = Shard()
    late.pending = []
    watch = watching(late)
    watch.look(10.0)
    late.pending = ["an order"]  # at 10.1, but nobody looked
    watch.look(10.5)
    watch.look(14.4)
    assert not late.is_stalled
    watch.look(14.5)
    assert late.is_stalled


def test_it_tells_when_to_look_again() -> None:
    stuck = Shard()
    watch = watching(stuck)
    assert watch.due == inf
    watch.look(10.0)
    assert watch.due == 13.0
    watch.look(13.0)
    assert watch.due == 14.0
    watch.look(14.0)
    assert watch.due == 44.0


def test_one_that_stays_stalled_is_given_up() -> None:
    stuck: Any = Shard()
    watch = watching(stuck)
    watch.look(10.0)
    assert watch.look(14.0) == []
    assert watch.look(43.9) == []
    assert watch.look(44.0) == [(stuck, "stalled for 30 s")]


def test_one_that_answered_meanwhile_is_not() -> None:
    flapping = Shard()
    watch = watching(flapping)
    watch.look(10.0)
    watch.look(14.0)
    flapping.is_up, flapping.is_stalled, flapping.answered = True, False, 9
    watch.look(40.0)
    watch.look(44.0)
    assert flapping.is_stalled
    assert watch.look(73.9) == []


def test_who_holds_up_all_others() -> None:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2).pre_trade(policy=Reserving())
    engine = link(builder)
    driver, client, router = engine._driver, engine._client, engine._router
    assert engine.execute_pre_trade(buy(IN_SHARD_0)).ok  # and its reservation is dropped
    assert router.books.holding_up() == []

    waiting = client.execute(1_000, buy(IN_SHARD_1))
    procedure = client.procedure(1_000, lambda _: iter(()))

    assert not waiting.is_sent
    assert router.books.holding_up() == [router.links[0]]
    waiting.expire("no answer within 5 s")
    procedure.expire("no answer within 5 s")
    for call in (waiting, procedure):
        with pytest.raises(ShardOverloaded, match="shard 0 keeps all others waiting") as told:
            call.result()
        assert told.value.shard == 0
    driver.pump()
    assert router.books.holding_up() == []


def test_a_shard_that_has_not_heard_of_a_block_holds_up_all_others() -> None:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2).pre_trade(policy=Reserving())
    engine = link(builder)
    driver, client, router = engine._driver, engine._client, engine._router
    assert engine.execute_pre_trade(buy(IN_SHARD_0, "202")).ok  # its rollback fails
    waiting = client.execute(1_000, buy(IN_SHARD_0))

    driver.step(0)  # rolls back, and tells that this failed
    driver.step(0)  # is told of the block, as every shard is

    assert router.books.holding_up() == [router.links[1]]
    driver.pump()
    assert router.books.holding_up() == []
    (reject,) = waiting.result().rejects
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")
