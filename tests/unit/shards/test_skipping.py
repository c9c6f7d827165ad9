"""What is left of a command at which each worker has ended: what it was to end is over."""

from __future__ import annotations

from threading import RLock
from typing import Any

import pytest
from batched import NOW, batch
from custom_policies import Reserving
from flow import buy

import openpit
from openpit.engine.builder import build_core
from openpit.pretrade.policies import build_spot_funds
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.frames import Flag, Op, body_of, name_of, pack, reply_in
from openpit.wire.shard_limits import ShardLimits
from openpit.wire.values import encode

A, B = 7, 9
BUY = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "10", None, "10")
"""For 100 USD of 1000, and the policy counts 10."""


class Funds:
    """A shard of spot funds and, unless told otherwise, a policy that counts what it reserves."""

    def __init__(self, *, is_custom: bool = True, ttl: int = 0) -> None:
        builder = openpit.Engine.builder().account_sync().builtin(build_spot_funds())
        self.policy = Reserving()
        if is_custom:
            builder.pre_trade(self.policy)
        clock = ShardClock()
        engine = build_core(builder._policies, clock, RLock())
        self.core = ShardCore(3, engine, clock, limits=ShardLimits(reservation_ttl=ttl))
        paid = openpit.AccountAdjustment(
            operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
            amount=openpit.AccountAdjustmentAmount(balance=openpit.AdjustmentAmount.delta("1000")),
        )
        self.say((kinds.ADJUST, 1, encode([paid], bare=True)))

    def say(self, *commands: Any, client: int = A, now: int = 0, **head: Any) -> int:
        """Send a batch; return the flags of the reply."""
        sent = batch(3, self.core._next, *commands, client=client, time=NOW + now, **head)
        flags, _, _ = reply_in(self.core.receive(sent), name_of(sent))
        return flags

    def hold(self, *, client: int = A, now: int = 0) -> int:
        """Have something held; return its handle."""
        number = self.core._next
        assert self.say(BUY, client=client, now=now) == 0
        assert number in self.core.open_handles
        return number

    def skip(self, *commands: Any, op: int = Op.MESSAGES, client: int = A, now: int = 0) -> int:
        """Skip a batch of these commands; return the flags of the reply."""
        body = body_of([*map(pack, commands)], len(commands)) if commands else b""
        head = {"op": Op.SKIP, "count": 1, "body": body, "settings": op, "role": 0}
        return self.say(client=client, now=now, **head)

    @property
    def funds(self) -> Any:
        """What spot funds know."""
        return self.core.engine.policies[0].export_state()


def ending(kind: int, handle: int) -> Any:
    if kind in {kinds.COMMIT, kinds.ROLLBACK}:
        return kind, 1, handle
    if kind == kinds.DROP_LEFT:
        return kind, None, handle + 1
    return kind, None, (handle,)


LETS_GO = (kinds.ROLLBACK, kinds.ROLLBACK_MANY, kinds.DROP, kinds.DROP_LEFT)
USES = (kinds.COMMIT, kinds.COMMIT_MANY)


@pytest.mark.parametrize("kind", [*LETS_GO, *USES])
def test_what_was_to_end_is_over_without_the_callbacks_and_the_engine_is_blocked(
    kind: int,
) -> None:
    shard, plain = Funds(), Funds(is_custom=False)
    handle, other = shard.hold(), shard.hold(client=B)
    assert (plain.hold(), plain.hold(client=B)) == (handle, other)
    plain.say(ending(kind, handle))

    flags = shard.skip(ending(kind, handle))

    assert flags == Flag.FINALIZER_FAILED  # as of a callback that raises
    assert shard.core.engine.registry.finalizer_failed
    assert shard.core.open_handles == {other}
    assert shard.policy.reserved == 20  # it was not called
    assert shard.funds == plain.funds
    assert shard.core.tallies.committed == (kind in USES)


def test_built_in_policies_alone_have_nothing_that_could_be_left_out() -> None:
    shard, plain = Funds(is_custom=False), Funds(is_custom=False)
    (handle,) = {shard.hold(), plain.hold()}
    plain.say((kinds.ROLLBACK, 1, handle))
    assert shard.skip((kinds.ROLLBACK, 1, handle)) == 0
    assert shard.funds == plain.funds
    assert not shard.core.open_handles


def test_the_end_of_a_client_is_its_end_all_the_same() -> None:
    shard, plain = Funds(), Funds(is_custom=False)
    others = [one.hold(client=B) for one in (shard, plain)]
    for one in (shard, plain):
        one.hold()
        one.hold()
    plain.say(op=Op.END, count=1, role=0)
    assert shard.skip(op=Op.END) == Flag.FINALIZER_FAILED
    assert shard.core.open_handles == {*others}
    assert shard.funds == plain.funds


@pytest.mark.parametrize("op", [Op.TICK, Op.MESSAGES])
def test_what_has_been_open_for_too_long_is_over_too_and_a_later_one_stays(op: int) -> None:
    shard, plain = Funds(ttl=100), Funds(is_custom=False, ttl=100)
    for one in (shard, plain):
        one.hold()
        later = one.hold(now=50, client=B)
    plain.say(op=Op.TICK, count=1, client=0, now=100)
    # Who came next may be innocent: it was the callbacks of what expired before it.
    asked = [BUY] if op == Op.MESSAGES else []
    assert shard.skip(*asked, op=op, client=0 if op else A, now=100) == Flag.FINALIZER_FAILED
    assert shard.core.open_handles == {later}
    assert shard.core.tallies.expired == 1
    assert shard.funds == plain.funds
    assert shard.policy.reserved == 20


def test_a_request_is_used_up_and_its_main_stage_is_not_run() -> None:
    shard = Funds()
    handle = shard.core._next
    shard.say((kinds.START, 1, encode(buy(1)), 0, 0))
    assert shard.core.open_handles == {handle}
    assert shard.skip((kinds.EXECUTE_REQUEST, 1, handle)) == 0
    assert not shard.core.open_handles
    assert shard.policy.reserved == 0


def test_of_a_batch_that_is_skipped_whole_only_endings_are_done() -> None:
    shard = Funds()
    handles = [shard.hold(), shard.hold()]
    flags = shard.skip(BUY, (kinds.ROLLBACK, 1, handles[0]), (kinds.COMMIT, 1, handles[1]), BUY)
    assert flags == Flag.FINALIZER_FAILED
    assert not shard.core.open_handles
    assert shard.policy.reserved == 20  # no order was checked


def test_another_clients_is_not_touched_nor_what_cannot_be_read() -> None:
    shard = Funds()
    handle = shard.hold(client=B)
    assert shard.skip((kinds.ROLLBACK, 1, handle), client=A) == 0
    for wrong in ((kinds.ROLLBACK, 1), (kinds.DROP, None, ("a",)), (kinds.COMMIT, 1, -1)):
        assert shard.skip(wrong, client=B) == 0
    head = {"op": Op.SKIP, "count": 1, "settings": Op.MESSAGES, "role": 0}
    assert shard.say(body=b"\xc1 enciphered", client=B, **head) == 0
    assert shard.core.open_handles == {handle}
