"""Reservations that expire, as a shard has them: by the commands of clients and their times."""

from __future__ import annotations

from threading import RLock
from typing import Any

from batched import NOW, batch, replies_in
from custom_policies import Reserving
from flow import buy

import openpit
from openpit.engine.builder import build_core
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.shards import expiry
from openpit.shards.clock import ShardClock
from openpit.shards.expiry import Expiry
from openpit.shards.held import Held
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.expiries import expiry_in
from openpit.wire.frames import Flag, Op, name_of, reply_in
from openpit.wire.shard_limits import ShardLimits
from openpit.wire.values import encode

A, B = 7, 9
TTL = 100
BUY = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "50", None, "185.5")
"""Of 10000 USD, 9275."""

START = (kinds.START, 1, encode(buy(1)), 0, 0)
DROP_COPY = (kinds.DROP_COPY, 1, encode(buy(1)), 0, 0)


def shard(*policies: Any, ttl: int = TTL) -> ShardCore:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    builder.builtin(build_spot_funds())
    for policy in policies:
        builder.pre_trade(policy)
    clock = ShardClock()
    engine = build_core(builder._policies, clock, RLock())
    core = ShardCore(3, engine, clock, limits=ShardLimits(reservation_ttl=ttl))
    paid_in = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
        amount=openpit.AccountAdjustmentAmount(balance=openpit.AdjustmentAmount.delta("10000")),
    )
    say(core, 0, (kinds.ADJUST, 1, encode([paid_in], bare=True)))
    return core


def say(core: ShardCore, now: int, *commands: Any, client: int = A) -> list[Any]:
    """Send a batch so many nanoseconds after the start; return the replies."""
    sent = batch(3, core._next, *commands, client=client, time=NOW + now)
    _, replies = replies_in(sent, core.receive(sent))
    return replies


def tick(core: ShardCore, now: int) -> tuple[int, int]:
    """Send an empty batch; return how many have expired, and when the next may."""
    sent = batch(3, core._next, op=Op.TICK, count=1, time=NOW + now)
    reply = core.receive(sent)
    assert reply_in(reply, name_of(sent)) == (0, (), b"")
    expired, due = expiry_in(reply)
    return expired, due and due - NOW


def test_what_is_open_for_too_long_is_rolled_back_before_the_next_command() -> None:
    core = shard()
    first = core._next
    assert say(core, 0, BUY)[0][0] == kinds.FUNDED
    assert say(core, TTL - 1, BUY)[0][0] == kinds.REJECTED  # nothing is free yet
    assert say(core, TTL, BUY)[0][0] == kinds.FUNDED
    assert core.open_handles == {first + 2}


def test_to_end_it_is_an_error_by_name() -> None:
    core = shard()
    first = core._next
    say(core, 0, BUY)
    for kind in (kinds.COMMIT, kinds.ROLLBACK):
        ((raised, module, name, _, text, _),) = say(core, TTL, (kind, 1, first))
        assert (raised, module, name) == (kinds.RAISED, "openpit.errors", "ReservationExpired")
        assert text == "shard 3: it was open for 1e-07 s, and is rolled back"
    ((_, failures),) = say(core, TTL, (kinds.COMMIT_MANY, None, (first,)))
    assert failures[0][2] == "ReservationExpired"
    # What has ended otherwise is no such thing.
    say(core, TTL, BUY)
    say(core, TTL, (kinds.COMMIT, 1, core._next - 1))
    assert say(core, 3 * TTL, (kinds.COMMIT, 1, core._next - 2))[0][2] == "RuntimeError"


def test_what_ends_in_time_does_not_expire() -> None:
    core = shard()
    say(core, 0, BUY)
    say(core, TTL - 1, (kinds.COMMIT, 1, core._next - 1))
    assert tick(core, TTL) == (0, 0)
    dropped = core._next
    say(core, TTL, BUY)
    say(core, TTL, (kinds.DROP, None, (dropped,)))
    assert tick(core, 2 * TTL) == (0, 0)


def test_an_empty_batch_does_it_and_each_reply_tells_when_the_next_is_due() -> None:
    core = shard()
    say(core, 0, (*BUY[:5], "1", *BUY[6:]))
    say(core, 7, (*BUY[:5], "1", *BUY[6:]))
    assert tick(core, 8) == (0, TTL)
    assert tick(core, TTL) == (1, TTL + 7)
    assert tick(core, TTL + 7) == (1, 0)
    assert core.open_handles == frozenset()


def test_a_request_expires_and_its_main_stage_is_refused_by_name() -> None:
    core = shard()
    first = core._next
    assert say(core, 0, START) == [(kinds.STARTED,)]
    ((_, _, name, *_),) = say(core, TTL, (kinds.EXECUTE_REQUEST, 1, first))
    assert name == "ReservationExpired"


def test_a_reservation_begins_with_the_main_stage() -> None:
    core = shard()
    say(core, 0, START)
    say(core, TTL - 1, (kinds.EXECUTE_REQUEST, 1, core._next - 1))
    assert tick(core, TTL) == (0, 2 * TTL - 1)
    assert tick(core, 2 * TTL - 1) == (1, 0)


def test_a_drop_copy_stays_open_for_as_long_as_it_likes() -> None:
    core = shard()
    first = core._next
    assert say(core, 0, DROP_COPY)[0][:2] == (kinds.RECORDED, True)
    assert tick(core, 10 * TTL) == (0, 0)
    assert say(core, 10 * TTL, (kinds.COMMIT, 1, first)) == [(kinds.DONE, 1)]


def test_an_order_that_holds_nothing_has_a_reservation_that_expires() -> None:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    clock = ShardClock()
    engine = build_core(builder._policies, clock, RLock())
    core = ShardCore(3, engine, clock, limits=ShardLimits(reservation_ttl=TTL))
    assert say(core, 0, BUY, START) == [(kinds.RESERVED, True, (), ()), (kinds.STARTED,)]
    assert say(core, 1, (kinds.EXECUTE_REQUEST, 1, 2)) == [(kinds.RESERVED, True, (), ())]
    assert say(core, TTL, (kinds.COMMIT, 1, 1))[0][2] == "ReservationExpired"
    assert say(core, TTL, (kinds.COMMIT, 1, 3)) == [(kinds.DONE, 1)]


def test_what_a_client_left_that_has_gone_is_no_more_to_expire() -> None:
    core = shard()
    say(core, 0, BUY)
    core.receive(batch(3, core._next, op=Op.END, count=1, client=A))
    assert tick(core, TTL) == (0, 0)


def test_a_keyed_reservation_expires_and_is_told_as_ended() -> None:
    core = shard()
    keyed = (kinds.KEYED, 1, b"k", BUY)
    first = core._next
    assert say(core, 0, keyed)[0][2] is True
    assert say(core, 50, keyed, client=B)[0][2] is True
    assert say(core, TTL, keyed, client=B)[0][:3] == (kinds.ONCE, first, False)


def test_without_a_ttl_nothing_expires() -> None:
    core = shard(ttl=0)
    say(core, 0, BUY)
    assert tick(core, 10**12) == (0, 0)
    assert core.open_handles == {core._next - 2}


def test_a_rollback_that_fails_blocks_the_engine_and_the_reply_says_so() -> None:
    core = shard(Reserving())
    order = (*BUY[:5], "202", None, "40")  # its rollback raises
    assert say(core, 0, order)[0][0] == kinds.RESERVED
    sent = batch(3, core._next, op=Op.TICK, count=1, time=NOW + TTL)
    flags, _, _ = reply_in(core.receive(sent), name_of(sent))
    assert flags == Flag.FINALIZER_FAILED


def test_so_many_that_have_expired_are_known_by_that(monkeypatch: Any) -> None:
    monkeypatch.setattr(expiry, "EXPIRED_KNOWN", 2)
    core = shard()
    held = Held(core.raised, core.plain)
    its = Expiry(5, held)
    for handle in range(4):
        held.of(A)[handle] = object()  # type: ignore[assignment]
        its.opened(handle, 0)
    its.run(5)
    assert [its.has_ended(handle) for handle in range(4)] == [False, False, True, True]
    assert its.told() == (4, 0)
    assert its.told() == (0, 0)
