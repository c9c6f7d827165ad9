"""How long a shard may answer nothing: until it is stalled, and until it is given up."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, buy
from link import link
from played import NOW, Bench

from openpit import Engine
from openpit.client.deadlines import Patience
from openpit.errors import ShardOverloaded
from openpit.router.lifecycle import ShardState
from openpit.wire import kinds

SILENT = "no answer within 4 s"
A_LITTLE_LESS = "no answer within 3 s"


def asked(**options: Any) -> Bench:
    """Shard 0 is asked for an order at 10 s."""
    bench = Bench(patience=Patience(timeout=4.0, max_wait=4.0), **options)
    ask(bench)
    bench.client.deadlines.expect((), 10.0)
    return bench


def ask(bench: Bench) -> None:
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.sent(0)


def answer(bench: Bench) -> None:
    bench.reply(0, (kinds.ACCEPTED, 1))


def at(bench: Bench, now: float) -> tuple[ShardState, str | None]:
    assert bench.client.deadlines.on_time(now) == []
    link = bench.router.links[0]
    return link.state, link.why


UP = (ShardState.UP, None)


def test_a_shard_is_stalled_after_a_timeout_without_an_answer() -> None:
    bench = asked()
    assert at(bench, 13.9) == UP
    assert at(bench, 14.0) == (ShardState.STALLED, SILENT)


def test_one_that_others_wait_for_has_a_little_less() -> None:
    bench = asked(custom=True)
    answer(bench)
    bench.router.books.dropped.append((bench.router.links[0], 1))
    bench.router.let_go()
    bench.client.deadlines.expect((), 20.0)
    assert at(bench, 22.9) == UP
    assert at(bench, 23.0) == (ShardState.STALLED, A_LITTLE_LESS)


def test_one_that_answers_something_has_its_time_again() -> None:
    bench = asked()
    ask(bench)
    answer(bench)
    assert at(bench, 13.0) == UP
    assert at(bench, 16.9) == UP
    assert at(bench, 17.0) == (ShardState.STALLED, SILENT)


def test_one_that_has_nothing_to_answer_is_never_stalled() -> None:
    bench = asked()
    answer(bench)
    assert bench.client.deadlines.next_deadline() == inf
    assert at(bench, 16.0) == UP
    ask(bench)
    assert at(bench, 20.0) == UP
    assert at(bench, 23.9) == UP
    assert at(bench, 24.0) == (ShardState.STALLED, SILENT)


def test_to_be_asked_for_more_gives_it_no_more_time() -> None:
    bench = asked()
    ask(bench)
    bench.client.deadlines.expect((), 13.9)
    assert at(bench, 14.0) == (ShardState.STALLED, SILENT)


def test_it_tells_when_to_look_again() -> None:
    bench = Bench(patience=Patience(timeout=4.0, max_wait=4.0))
    assert bench.client.deadlines.next_deadline() == inf
    ask(bench)
    bench.client.deadlines.expect((), 10.0)
    assert bench.client.deadlines.next_deadline() == 13.0
    bench.client.deadlines.on_time(13.0)
    assert bench.client.deadlines.next_deadline() == 14.0
    bench.client.deadlines.on_time(14.0)
    assert bench.client.deadlines.next_deadline() == 44.0


def test_one_that_stays_stalled_is_given_up() -> None:
    bench = asked()
    link = bench.router.links[0]
    assert bench.client.deadlines.on_time(14.0) == []
    assert bench.client.deadlines.on_time(43.9) == []
    assert bench.client.deadlines.on_time(44.0) == [(link, "stalled for 30 s")]
    bench.router.lose(link, "stalled for 30 s")
    assert bench.client.deadlines.next_deadline() == inf


def test_one_that_answered_meanwhile_is_not() -> None:
    bench = asked()
    bench.client.deadlines.on_time(14.0)
    answer(bench)
    ask(bench)
    assert at(bench, 40.0) == UP
    assert at(bench, 44.0) == (ShardState.STALLED, SILENT)
    assert bench.client.deadlines.on_time(73.9) == []


def test_one_that_is_asked_since_another_one_is_stalled_has_its_whole_time() -> None:
    bench = Bench(custom=True, patience=Patience(timeout=4.0, max_wait=4.0))
    stuck, other = bench.router.links
    stuck.dropped.append((stuck, 1))
    call = bench.client.execute(NOW, buy(IN_SHARD_1))
    bench.client.deadlines.expect((), 10.0)
    assert bench.client.deadlines.on_time(13.0) == []
    assert (stuck.is_stalled, call.is_sent) == (True, True)
    bench.client.deadlines.on_time(16.9)
    assert other.is_up
    bench.client.deadlines.on_time(17.0)
    assert other.why == SILENT


def test_who_holds_up_all_others() -> None:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2).pre_trade(policy=Reserving())
    engine = link(builder)
    driver, client, router = engine._driver, engine._client, engine._router
    assert engine.execute_pre_trade(buy(IN_SHARD_0)).ok  # and its reservation is dropped
    assert router.books.delaying() == []

    waiting = client.execute(1_000, buy(IN_SHARD_1))
    procedure = client.procedure(1_000, lambda _: iter(()))

    assert not waiting.is_sent
    assert router.books.delaying() == [router.links[0]]
    waiting.expire("no answer within 5 s")
    procedure.expire("no answer within 5 s")
    for call in (waiting, procedure):
        with pytest.raises(ShardOverloaded, match="shard 0 keeps all others waiting") as told:
            call.result()
        assert told.value.shard == 0
    driver.pump()
    assert router.books.delaying() == []


def test_a_shard_that_has_not_heard_of_a_block_holds_up_all_others() -> None:
    builder = Engine.builder().clock(lambda: 1_000).sharded(2).pre_trade(policy=Reserving())
    engine = link(builder)
    driver, client, router = engine._driver, engine._client, engine._router
    assert engine.execute_pre_trade(buy(IN_SHARD_0, "202")).ok  # its rollback fails
    waiting = client.execute(1_000, buy(IN_SHARD_0))

    driver.step(0)  # rolls back, and tells that this failed
    driver.step(0)  # is told of the block, as every shard is

    assert router.books.delaying() == [router.links[1]]
    driver.pump()
    assert router.books.delaying() == []
    (reject,) = waiting.result().rejects
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")
