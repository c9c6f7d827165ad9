"""What a shard counts: each decision once, whichever call it came by, and what became of it."""

from __future__ import annotations

from threading import RLock
from typing import Any

from batched import NOW, batch, replies_in
from flow import buy, report

import openpit
from openpit.engine.builder import build_core
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.shards.shard_state import export_shard, restore_shard
from openpit.wire import kinds
from openpit.wire.frames import Flag, name_of, reply_in
from openpit.wire.shard_limits import ShardLimits
from openpit.wire.tallies import ShardTally
from openpit.wire.values import encode

TTL = 100
BUY = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "10", None, "100")
"""For 1000 of 10000 USD."""

TOO_MUCH = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "900", None, "100")
ASKED = (kinds.TELL_TALLIES, None)


def shard(ttl: int = 0) -> ShardCore:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    builder.builtin(build_spot_funds())
    clock = ShardClock()
    limits = ShardLimits(reservation_ttl=ttl)
    core = ShardCore(3, build_core(builder._policies, clock, RLock()), clock, limits=limits)
    paid_in = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
        amount=openpit.AccountAdjustmentAmount(balance=openpit.AdjustmentAmount.delta("10000")),
    )
    say(core, (kinds.ADJUST, 1, encode([paid_in], bare=True)))
    return core


def say(core: ShardCore, *commands: Any, now: int = 0) -> list[Any]:
    sent = batch(3, core._next, *commands, time=NOW + now)
    return replies_in(sent, core.receive(sent))[1]


def tally(core: ShardCore) -> ShardTally:
    ((kind, *fields),) = say(core, ASKED)
    assert kind == kinds.TALLIES
    return ShardTally(*fields)


def whole(kind: int) -> tuple[Any, ...]:
    return kind, 1, encode(buy(1, "10", "100")), 0, 0


def decisions(told: ShardTally) -> tuple[int, int, int]:
    return told.accepted, told.refused, told.raised


def handles(told: ShardTally) -> tuple[int, ...]:
    return told.opened, told.open, told.committed, told.rolled_back, told.expired


FUNDS = (("InsufficientFunds", "SpotFundsPolicy", 1),)


def test_orders_alone_and_together_are_counted_alike() -> None:
    alone, together = shard(), shard()
    for one in (BUY, TOO_MUCH, BUY):
        say(alone, one)
    say(together, BUY, TOO_MUCH, BUY)

    assert decisions(tally(alone)) == decisions(tally(together)) == (2, 1, 0)
    assert tally(alone).rejects == tally(together).rejects == FUNDS
    assert handles(tally(together)) == (2, 2, 0, 0, 0)


def test_each_reservation_ends_in_one_way() -> None:
    core = shard()
    first = core._next
    say(core, *[BUY] * 6)

    say(core, (kinds.COMMIT, 1, first))
    say(core, (kinds.COMMIT_MANY, 1, (first + 1, first + 2, first)))  # one is over already
    say(core, (kinds.ROLLBACK, 1, first + 3))
    say(core, (kinds.DROP, None, (first + 4,)))

    told = tally(core)
    assert handles(told) == (6, 1, 3, 2, 0)
    assert decisions(told) == (6, 0, 0)


def test_a_handle_that_names_nothing_is_a_call_that_raised() -> None:
    core = shard()
    assert say(core, (kinds.COMMIT, 1, 1))[0][0] == kinds.RAISED
    assert decisions(tally(core)) == (0, 0, 1)


def test_an_order_in_two_stages_is_one_decision() -> None:
    core = shard()
    first = core._next
    say(core, whole(kinds.START), whole(kinds.START))
    assert (decisions(tally(core)), handles(tally(core))) == ((0, 0, 0), (2, 2, 0, 0, 0))

    say(core, (kinds.EXECUTE_REQUEST, 1, first))

    told = tally(core)
    assert (decisions(told), handles(told)) == ((1, 0, 0), (3, 2, 0, 0, 0))


def test_dry_runs_and_reports_decide_nothing() -> None:
    core = shard()
    say(core, whole(kinds.EXECUTE_DRY_RUN))
    say(core, (kinds.REPORT_WHOLE, 1, encode(report(1))))

    told = tally(core)
    assert (decisions(told), told.opened) == ((0, 0, 0), 0)


def test_a_drop_copy_waits_for_its_end_and_is_no_decision() -> None:
    core = shard()
    say(core, whole(kinds.DROP_COPY))
    told = tally(core)
    assert (decisions(told), handles(told)) == ((0, 0, 0), (1, 1, 0, 0, 0))


def test_a_call_with_a_key_counts_once_however_often_it_is_made() -> None:
    core = shard()
    first = core._next
    for _ in range(3):
        say(core, (kinds.KEYED, 1, b"today 1", BUY))
    say(core, (kinds.KEYED, 1, b"today 2", TOO_MUCH), (kinds.KEYED, 1, b"today 2", TOO_MUCH))
    say(core, (kinds.COMMIT, 1, first))

    told = tally(core)
    assert (decisions(told), handles(told)) == ((1, 1, 0), (1, 0, 1, 0, 0))
    assert told.rejects == FUNDS


def test_what_expires_is_counted_when_it_does() -> None:
    core = shard(ttl=TTL)
    say(core, BUY, BUY)
    say(core, BUY, now=TTL)
    assert handles(tally(core))[:2] == (3, 1)
    assert tally(core).expired == 2


def test_a_batch_that_is_refused_counts_for_nothing() -> None:
    core = shard()
    before = tally(core)
    sent = batch(3, core._next, (kinds.HELLO, 1, (), b""), client=7, role=3)
    assert reply_in(core.receive(sent), name_of(sent))[0] == Flag.REFUSED
    assert tally(core).commands == before.commands + 1  # the look before


def test_batches_are_counted_by_the_length_of_their_size() -> None:
    core = shard()  # a batch of one
    say(core, BUY)
    say(core, *[BUY] * 3)
    say(core, *[BUY] * 4)
    told = tally(core)
    assert told.sizes[:5] == (0, 2, 1, 1, 0)
    assert told.commands == 9


def test_blocks_and_halts_are_told() -> None:
    core = shard()
    registry = core.engine.registry
    assert (tally(core).blocked, tally(core).is_stopped) == (0, False)
    cause = openpit.engine.registry.admin_block("by hand")
    registry.block(1, cause)
    registry.register_group([1, 2, 5], 9)
    registry.block_group(9, "the desk")
    registry.halt("exchange is down")
    assert (tally(core).blocked, tally(core).is_stopped) == (3, True)


def test_the_counts_are_a_part_of_the_state() -> None:
    core, other = shard(), shard()
    first = core._next
    say(core, BUY, TOO_MUCH, BUY)
    say(core, (kinds.COMMIT, 1, first))
    say(core, whole(kinds.START))

    restore_shard(other, export_shard(core))
    other.resume(0, core._next)

    assert tally(other) == tally(core)
