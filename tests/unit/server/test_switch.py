"""Sessions take turns, are told of shards, and leave nothing behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.client.remote import Greeting
from openpit.errors import ServerRefused
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
)
from openpit.wire import kinds
from openpit.wire.figures import figures_in
from openpit.wire.frames import body_of, pack
from openpit.wire.roles import Role
from openpit.wire.sessions import (
    SessionOp,
    batch_frame,
    bye_in,
    note_frame,
    op_of,
    sessions_in,
)
from openpit.wire.values import encode


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


@pytest.mark.parametrize("stuck", [(0,), (0, 1)])
@pytest.mark.parametrize("is_in_haste", [False, True])
def test_a_halt_reaches_a_stalled_shard_though_its_session_has_gone(
    stuck: tuple[int, ...], *, is_in_haste: bool
) -> None:
    its = host()
    operator, trader = SwitchedDriver(its), SwitchedDriver(its)
    for number in stuck:
        its.driver.silent.add(number)
        its.driver.router.stall(its.driver.router.links[number], "no answer within 5 s")
    its.pump()
    if is_in_haste and len(stuck) == 2:  # nobody has to answer: it goes with its last word
        call = operator.client.halt(its.clock(), "drill")
        while not operator.session.pressing:
            assert operator.move()
        assert call.done
    else:
        engine(operator).halt("drill")
    operator.leave()
    assert [link.state for link in its.driver.router.links] == [
        "stalled" if number in stuck else "up" for number in (0, 1)
    ]

    its.driver.silent.clear()
    its.pump()
    assert [link.state for link in its.driver.router.links] == ["up", "up"]
    for number in (IN_SHARD_0, IN_SHARD_1):
        (reject,) = engine(trader).execute_pre_trade(buy(number)).rejects
        assert reject.reason == "drill"
    engine(trader).resume()
    assert engine(trader).execute_pre_trade(buy(IN_SHARD_0))


class Hasty(SwitchedDriver):
    """A face whose program goes on when its call is over, whatever is still to be sent."""

    def finish(self, call: Any) -> Any:
        for _ in range(100):
            if call.done:
                return call
            self.move()
            self.host.switch.serve(self.clock())
            self.host.driver.pump()
        raise AssertionError("nothing moves any more, and the call is not done")


@pytest.mark.parametrize("stuck", [(0,), (0, 1)])
def test_a_halt_that_has_returned_is_the_servers(stuck: tuple[int, ...]) -> None:
    its = host()
    operator, trader = Hasty(its), SwitchedDriver(its)
    for number in stuck:
        its.driver.silent.add(number)
        its.driver.router.stall(its.driver.router.links[number], "no answer within 5 s")
    its.pump()

    engine(operator).halt("drill")
    its.drivers.remove(operator)  # and what it has not sent, nobody sends
    its.switch.leave(operator.session, its.clock())

    its.driver.silent.clear()
    its.pump()
    for number in (IN_SHARD_0, IN_SHARD_1):
        (reject,) = engine(trader).execute_pre_trade(buy(number)).rejects
        assert reject.reason == "drill"


def test_one_session_too_many_is_refused_with_a_word() -> None:
    its = host(sessions=1)
    its.switch.receive(its.switch.open(), Greeting(None).sent)
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


def test_those_that_say_nothing_keep_nobody_out() -> None:
    its = host(sessions=2, silent=3)
    silent = [its.switch.open() for _ in range(4)]
    assert [session.is_over for session in silent] == [True, False, False, False]
    assert silent[0].why == "there are 3 that have not said who they are"
    for session in silent[:1]:
        its.switch.leave(session, its.clock())
    for session in silent[1:]:
        its.switch.receive(session, Greeting(None).sent)
    # There is room for two.
    assert [session.why for session in silent[1:]] == [None, None, "there are 2 sessions already"]


def test_of_a_name_there_is_one_session_and_the_newer_one_wins() -> None:
    its = host()
    first, second, third = [its.switch.open(user=user) for user in (1, 1, 2)]
    for session in (first, second, third):
        its.switch.receive(session, Greeting("gateway-1").sent)
    assert first.why == "a newer session is called 'gateway-1'"
    assert second.why is None
    assert third.why == "another user's session is called 'gateway-1'"
    with pytest.raises(ServerRefused) as found:
        Greeting(None).receive(third.take())
    assert found.value.reason == "name"
    its.switch.leave(first, its.clock())
    assert engine(SwitchedDriver(its)).execute_pre_trade(buy(IN_SHARD_0))


def test_a_first_frame_that_does_not_end_is_cut_off() -> None:
    its = host()
    session = its.switch.open()
    its.switch.receive(session, (2**20).to_bytes(4, "big"))
    for _ in range(5):
        its.switch.receive(session, bytes(1000))
    assert session.why == "a first frame of more than 4096 bytes"


def test_a_batch_that_waits_costs_what_its_head_takes() -> None:
    its = host(inbox_bytes=100_000)
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    rows = [(axis, 0, 1, 0, 0, 0) for axis in range(400)]
    its.switch.receive(session, batch_frame(0, 0, 0, 1, 0, b"", rows=rows))
    assert session.is_full


def test_what_the_server_has_to_read_is_short() -> None:
    its = host()
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    its.switch.receive(session, note_frame(SessionOp.GIVEN_BACK, bytes(64 * 1024)))
    assert session.why == "op 38 with 65582 bytes"


@pytest.mark.parametrize("role", [Role.READER, Role.TRADER])
def test_a_turn_is_an_administrators(role: int) -> None:
    its = host()
    session = its.switch.open(role)
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.TURN))
    assert session.why == "a turn is not for this session's role"


# --- groups ------------------------------------------------------------------------------------

WIDER = encode(
    {"name": "RateLimitPolicy", "broker": RateLimitBrokerBarrier(RateLimit(9, timedelta(hours=1)))},
    bare=True,
)
NARROWER = encode(
    {"name": "RateLimitPolicy", "broker": RateLimitBrokerBarrier(RateLimit(1, timedelta(hours=1)))},
    bare=True,
)


HOUR = 3600 * 10**9


def limited() -> SwitchedHost:
    ticks = iter(range(10**9))
    rate = build_rate_limit().broker_barrier(
        RateLimitBrokerBarrier(RateLimit(3, timedelta(hours=1)))
    )
    builder = openpit.Engine.builder().clock(lambda: next(ticks)).sharded(2)
    its = SwitchedHost(builder.builtin(build_order_validation()).builtin(rate))
    its.driver.checks = False  # a refusal is no body of replies
    return its


def change(shard: int, values: Any, first: int = 0) -> bytes:
    row = pack((kinds.CONFIGURE, None, "rate_limit", values))
    return batch_frame(shard, 0, first, 1, 0, body_of([row], 1))


@pytest.mark.parametrize(
    "group",
    [
        [change(0, WIDER)],
        [change(1, WIDER)],
        [change(0, WIDER), change(1, NARROWER)],
        [change(0, WIDER), change(0, WIDER, 1), change(1, WIDER)],
        [change(0, WIDER), batch_frame(1, 0, 0, 1, 0, b"\x91\x91\x63")],
        [change(0, WIDER), batch_frame(1, 0, 0, 1, 0, b"no body")],
    ],
    ids=["one shard", "the other", "two kinds", "twice on one", "and garbage", "and no body"],
)
def test_a_change_that_is_not_everybodys_is_made_nowhere(group: list[bytes]) -> None:
    its = limited()
    other = engine(SwitchedDriver(its))
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.TURN))
    assert session.has_turn
    note = note_frame(SessionOp.GROUP, count=len(group))
    its.switch.receive(session, note + b"".join(group))
    its.pump()
    assert session.is_over
    assert [shard.core.axes.version for shard in its.driver.shards if shard.core] == [0, 0]
    many = other.execute_pre_trade_many([buy(number) for number in range(6)])
    assert sum(map(bool, many)) == 3


@pytest.mark.parametrize("changed", [0, 1, HOUR - 1, HOUR, 5 * HOUR])
@pytest.mark.parametrize("shards", [1, 3])
def test_what_a_change_begins_to_count_is_counted_from_that_change(
    changed: int, shards: int
) -> None:
    time = [0]
    of_eur = RateLimitAssetBarrier(RateLimit(9, timedelta(hours=1)), "EUR")
    builder = openpit.Engine.builder().clock(lambda: time[0]).sharded(shards)
    its = SwitchedHost(builder.builtin(build_rate_limit().asset_barriers(of_eur)))
    other = engine(SwitchedDriver(its))
    time[0] = changed
    broker = RateLimitBrokerBarrier(RateLimit(2, timedelta(hours=1)))
    other.configure().rate_limit("RateLimitPolicy", broker=broker)

    assert other.execute_pre_trade(buy(1))
    time[0] = changed + HOUR - 1
    assert [bool(other.execute_pre_trade(buy(number))) for number in (2, 3)] == [True, False]
    time[0] = changed + HOUR
    assert other.execute_pre_trade(buy(4))


def test_a_shard_that_is_stuck_keeps_a_group_and_nobody_else() -> None:
    its = limited()
    driver = SwitchedDriver(its)
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.TURN))
    group = change(0, WIDER) + change(1, WIDER)
    its.switch.receive(session, note_frame(SessionOp.GROUP, count=2) + group)
    its.switch.serve(its.clock())
    call = driver.client.execute(its.clock(), buy(IN_SHARD_1))
    while not call.done:  # shard 0 answers nothing
        assert driver.move() | its.switch.serve(its.clock()) | its.driver.step(1)
    assert call.result()
    assert its.driver.router.books.rates.told.version == 0

    # It is told to be stalled, and what is to be everywhere goes on without it.
    links = its.driver.router.links
    its.driver.router.stall(links[0], "it answers nothing")
    while its.driver.router.books.rates.told.version == 0:
        assert its.switch.serve(its.clock()) | its.driver.step(1)
    assert not session.is_over
    # Its word of then comes late, and is no second one; it does what it owes.
    its.pump()
    assert not session.is_over
    assert [shard.core.axes.version for shard in its.driver.shards if shard.core] == [1, 1]


def test_a_change_that_is_everybodys_is_told_and_returns_what_is_under_way() -> None:
    its = limited()
    driver = SwitchedDriver(its)
    other = engine(driver)
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.TURN))
    group = change(0, WIDER) + change(1, WIDER)
    its.switch.receive(session, note_frame(SessionOp.GROUP, count=2) + group)
    many = other.execute_pre_trade_many([buy(number) for number in range(12)])
    assert sum(map(bool, many)) == 9
    assert its.driver.router.books.rates.window(0).count == 12
    assert driver.router.books.rates.told.version == 1


def test_what_is_to_come_back_keeps_nobodys_place_meanwhile() -> None:
    its = limited()
    driver = SwitchedDriver(its)
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.TURN))
    group = change(0, WIDER) + change(1, WIDER)
    its.switch.receive(session, note_frame(SessionOp.GROUP, count=2) + group)
    calls = [driver.client.execute(its.clock(), buy(number)) for number in range(6)]
    rates = its.driver.router.books.rates
    for _ in range(10):
        if its.switch._is_held:  # the change is on its way: the orders come behind it
            driver.move()
        its.switch.serve(its.clock())
        if rates.told.version == 1:  # and the orders are on their way
            break
        its.driver.step(0)
        its.driver.step(1)
    assert its.driver.router.links[0].pending
    assert rates.window(0).count == 0
    its.pump()
    assert [bool(call.result()) for call in calls] == [True] * 6
    assert rates.window(0).count == 6


# --- what the server itself is asked --------------------------------------------------------------


def asked(served: SwitchedHost, role: int, op: int) -> list[bytes]:
    """What a session of a role gets that asks the server something."""
    session = served.switch.open(role, 1000)
    served.switch.receive(session, Greeting("desk").sent + note_frame(op))
    return frames_of(session.take())[1:]


def test_whoever_may_connect_may_ask_who_is_connected() -> None:
    served = host()
    served.switch.open(Role.TRADER, 7)  # has not said who it is
    (told,) = asked(served, Role.READER, SessionOp.SESSIONS)
    ((number, name, *figures),) = sessions_in(told)
    assert (number > 1, name, figures) == (True, "desk", [1000, Role.READER, 0, 0, 0])


def test_whoever_may_connect_may_ask_how_shards_stand_and_who_has_gone() -> None:
    served = host()
    gone = served.switch.open(Role.ADMIN, 7)
    served.switch.receive(gone, Greeting("ctl 12").sent)
    served.switch.leave(gone, 0)
    silent = served.switch.open(Role.ADMIN, 7)
    served.switch.leave(silent, 0)
    (told,) = asked(served, Role.READER, SessionOp.FIGURES)
    shards, (was,) = figures_in(told)
    assert [one.stats.shard for one in shards] == [0, 1]
    assert [(one.stats.state, one.stats.in_flight) for one in shards] == [("up", 0), ("up", 0)]
    assert (was.number, was.name, was.user, was.role) == (gone.number, "ctl 12", 7, Role.ADMIN)


def test_who_administers_may_end_the_server_and_nobody_else() -> None:
    served = host()
    ended: list[bool] = []
    served.switch.drain = lambda: ended.append(True)
    (told,) = asked(served, Role.TRADER, SessionOp.DRAIN)
    assert (op_of(told), bye_in(told)[0], ended) == (SessionOp.BYE, "malformed", [])
    (told,) = asked(served, Role.ADMIN, SessionOp.DRAIN)
    assert (op_of(told), ended) == (SessionOp.DRAIN, [True])


def test_a_flood_of_questions_ends_the_session() -> None:
    served = host()
    session = served.switch.open(Role.READER, 1000)
    served.switch.receive(session, Greeting("desk").sent + note_frame(SessionOp.SESSIONS) * 100)
    assert session.is_over
