"""Sessions take turns, are told of shards, and leave nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.client.remote import Greeting
from openpit.errors import ServerRefused
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import build_order_validation
from openpit.wire.frames import body_of, pack
from openpit.wire.sessions import SessionOp, batch_frame, note_frame, op_of


def host(**limits: Any) -> SwitchedHost:
    ticks = iter(range(10**9))
    builder = openpit.Engine.builder().clock(lambda: next(ticks)).sharded(2, credits=8)
    return SwitchedHost(builder.builtin(build_order_validation()), **limits)


def engine(driver: SwitchedDriver) -> ShardedEngine:
    return ShardedEngine._of(driver)


def frames_of(data: bytes) -> list[bytes]:
    found = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        found.append(data[:end])
        data = data[end:]
    return found


def orders(first: int, count: int) -> bytes:
    """A batch of orders of the shard 0."""
    row = pack((1, IN_SHARD_0, "AAPL", "USD", "BUY", "1", None, "1"))
    return batch_frame(0, 0, first, count, 0, body_of([row] * count, count))


def test_a_session_that_floods_costs_another_one_batch_each_turn() -> None:
    its = host()
    flood, other = its.switch.open(), its.switch.open()
    for session in (flood, other):
        its.switch.receive(session, Greeting(None).sent)
        session.take()
    for number in range(100):
        its.switch.receive(flood, orders(4 * number, 4))
    its.switch.receive(other, orders(0, 4))
    assert its.switch.serve(its.clock())

    # There is room for 8 orders in flight: one batch of each.
    passed = [entry.session for entry in its.driver.router.links[0].pending]  # type: ignore[attr-defined]  # all are passed
    assert passed == [flood, other]
    its.driver.step(0)
    assert len(frames_of(other.take())) == 1


def test_batches_of_a_session_are_answered_in_order() -> None:
    its = host()
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    session.take()
    its.switch.receive(session, orders(0, 1) + orders(1, 3) + orders(4, 2))
    its.pump()
    firsts = [int.from_bytes(frame[16:24], "big") for frame in frames_of(session.take())]
    assert firsts == [0, 1, 4]


def test_nothing_more_is_read_from_a_full_inbox() -> None:
    its = host(inbox_bytes=1000)
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    sent = 0
    while not session.is_full:
        its.switch.receive(session, orders(sent, 4))
        sent += 4
    assert sent * 30 < 2000
    its.pump()
    assert not session.is_full
    assert session.inbox_bytes == 0


def test_the_turn_is_one_sessions_at_a_time() -> None:
    its = host()
    one, two = its.switch.open(), its.switch.open()
    for session in (one, two):
        its.switch.receive(session, Greeting(None).sent)
        session.take()
        its.switch.receive(session, note_frame(SessionOp.TURN))
    assert one.has_turn
    assert not two.has_turn
    assert two.take() == b""
    its.switch.leave(one, its.clock())
    assert two.has_turn
    assert [op_of(frame) for frame in frames_of(two.take())] == [SessionOp.TURN]
    its.switch.receive(two, note_frame(SessionOp.TURN_OVER) + note_frame(SessionOp.TURN))
    assert two.has_turn


def test_the_servers_own_changes_wait_for_a_sessions_turn() -> None:
    its = host()
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.TURN))

    def steps(_: Any) -> Any:
        yield 5, []
        return "changed"

    call = its.driver.client.procedure(5, steps)
    assert not call.done
    its.switch.receive(session, note_frame(SessionOp.TURN_OVER))
    assert call.done
    assert call.result() == "changed"


def test_a_change_of_one_session_is_seen_by_the_other_and_the_server() -> None:
    its = host()
    one, two = engine(SwitchedDriver(its)), engine(SwitchedDriver(its))
    one.accounts().register_group([account(IN_SHARD_0), account(IN_SHARD_1)], 5)
    group = openpit.param.AccountGroupId.from_int(5)
    for other in (two, ShardedEngine._of(its.driver)):
        for number in (IN_SHARD_0, IN_SHARD_1):
            assert other.accounts().group_of(account(number)) == group


def test_a_shard_that_is_lost_is_told_to_those_that_come_later_too() -> None:
    its = host()
    early = engine(SwitchedDriver(its))
    its.driver.kill(0)
    its.pump()
    late = engine(SwitchedDriver(its))
    for each in (early, late):
        assert [one.state for one in each.stats()] == ["down", "up"]
        (reject,) = each.execute_pre_trade(buy(IN_SHARD_0)).rejects
        assert reject.details == "shard 0: killed by the test"
        assert each.execute_pre_trade(buy(IN_SHARD_1))


def test_a_shard_that_stands_still_takes_nothing_until_it_answers() -> None:
    its = host()
    driver = SwitchedDriver(its)
    each = engine(driver)
    link = its.driver.router.links[0]
    its.driver.router.stall(link, "no answer within 5 s")
    its.pump()
    (reject,) = each.execute_pre_trade(buy(IN_SHARD_0)).rejects
    assert reject.details == "shard 0: stalled: no answer within 5 s"
    assert each.execute_pre_trade(buy(IN_SHARD_1))
    its.driver.router.revive(link)
    its.pump()
    assert each.execute_pre_trade(buy(IN_SHARD_0))


def test_one_session_too_many_is_refused_with_a_word() -> None:
    its = host(sessions=1)
    its.switch.open()
    session = its.switch.open()
    with pytest.raises(ServerRefused, match="1 sessions already") as found:
        Greeting(None).receive(session.take())
    assert found.value.reason == "full"


def test_a_session_that_has_closed_at_a_shard_sends_nothing_there_any_more() -> None:
    its = host()
    driver = SwitchedDriver(its)
    engine(driver).execute_pre_trade(buy(IN_SHARD_0))
    engine(driver).close()
    assert not driver.session.is_over
    its.switch.receive(driver.session, orders(driver.session.next[0], 1))
    assert driver.session.why == "a batch for shard 0, where the session has ended"
