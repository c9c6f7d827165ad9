"""What a shard refuses, or gives back, of the batches of clients; see also test_clients.py."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from threading import RLock
from typing import Any

import pytest
from batched import batch, replies_in

import openpit
from openpit.engine.builder import build_core
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
)
from openpit.shards.clock import ShardClock
from openpit.shards.counts import BatchCounts
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.axes import BROKER, VOUCHED
from openpit.wire.frames import Flag, messages_of, name_of, reply_in
from openpit.wire.roles import Role
from openpit.wire.values import encode

A = 7
HOUR = timedelta(hours=1)
BROKER_LIMIT = RateLimitBrokerBarrier(RateLimit(3, HOUR))
USD, EUR = 1, 2  # their axes


def shard(*, broker: bool = True, assets: bool = False) -> ShardCore:
    limits: Any = build_rate_limit()
    if broker:
        limits = limits.broker_barrier(BROKER_LIMIT)
    if assets:
        barriers = [RateLimitAssetBarrier(RateLimit(3, HOUR), one) for one in ("USD", "EUR")]
        limits = limits.asset_barriers(*barriers)
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    if broker or assets:
        builder.builtin(limits)
    clock = ShardClock()
    return ShardCore(3, build_core(builder._policies, clock, RLock()), clock)


def say(core: ShardCore, *commands: Any, **head: Any) -> tuple[int, Any]:
    """Send a batch of the client A; return the flags of the reply, and what it says."""
    sent = batch(3, core._next, *commands, client=A, **head)
    flags, _, body = reply_in(core.receive(sent), name_of(sent))
    if flags == Flag.REFUSED:
        return flags, body.decode()
    return flags, messages_of(body) if body else ()


def order(broker: int | None = None, asset: int = 0, settlement: str | None = "USD") -> Any:
    """An order; without ranks it is one that counts nowhere."""
    row = (1, "AAPL", settlement, "BUY", "10", None, "185.5")
    return (kinds.EXECUTE, *row) if broker is None else (kinds.EXECUTE_COUNTED, *row, broker, asset)


def counting(axis: int, count: int, before: int = 0) -> tuple[tuple[int, int, int], ...]:
    """What the router vouches for: so many orders, above that count; ranks are counts."""
    return ((axis, 0, 0), (axis + VOUCHED, before, count))


# --- roles -------------------------------------------------------------------------------------

BLOCK = (kinds.ADMINISTER, 1, "unblock", encode((1,), bare=True))
GROUP_OF = (kinds.ADMINISTER, 1, "group_of", encode((1,), bare=True))
RATE = encode({"name": "RateLimitPolicy", "broker": BROKER_LIMIT}, bare=True)
LEAST = {
    Role.READER: [GROUP_OF, (kinds.TELL_AXES, None)],
    Role.TRADER: [
        order(),
        (kinds.REPORT, 1, "AAPL", "USD", "BUY", "1", "0", None),
        (kinds.DROP, None, ()),
    ],
    Role.ADMIN: [
        BLOCK,
        (kinds.ADJUST, 1, encode([], bare=True)),
        (kinds.CHECK_SETTINGS, None, "rate_limit", RATE),
    ],
}
EACH = [(message, least) for least, messages in LEAST.items() for message in messages]


@pytest.mark.parametrize("role", [Role.READER, Role.TRADER, Role.ADMIN])
@pytest.mark.parametrize(("message", "least"), EACH)
def test_each_role_may_what_its_messages_are(message: Any, least: int, role: int) -> None:
    core = shard(broker=False)
    flags, said = say(core, message, role=role)
    if role >= least:
        assert flags == 0
    else:
        assert flags == Flag.REFUSED
        assert "not for this session's role" in said


def test_one_message_that_its_role_may_not_spoils_the_batch() -> None:
    core = shard(broker=False)
    assert say(core, order(), BLOCK, role=Role.TRADER)[0] == Flag.REFUSED
    assert say(core, order(), role=Role.TRADER) == (0, ((kinds.ACCEPTED, 1),))


@pytest.mark.parametrize("role", [Role.ROUTER, Role.NOBODY, 255])
def test_a_client_of_no_role_may_nothing(role: int) -> None:
    core = shard(broker=False)
    assert say(core, (kinds.TELL_AXES, None), role=role)[0] == Flag.REFUSED


# --- what may count ----------------------------------------------------------------------------


def test_an_order_that_is_to_count_and_says_it_does_not_is_refused() -> None:
    core = shard()
    flags, why = say(core, order())
    assert flags == Flag.REFUSED
    assert "an order that is to count elsewhere" in why
    assert say(core, order(1), axes=counting(BROKER, 1)) == (0, ((kinds.ACCEPTED, 1),))


@pytest.mark.parametrize(
    ("orders", "axes"),
    [
        ([order(1)], counting(BROKER, 1)),
        ([order(0, 1)], counting(USD, 1)),
        ([order(1, 1, "EUR")], (*counting(BROKER, 1), *counting(USD, 1))),
        ([order(1, 0, "GBP"), order(2, 1, "GBP")], (*counting(BROKER, 2), *counting(USD, 1))),
        ([order(1, 1), order(2)], (*counting(BROKER, 2), *counting(USD, 1))),
        ([order(1, 1), order()], (*counting(BROKER, 1), *counting(USD, 1))),
    ],
    ids=["no asset", "no broker", "another asset", "an asset of no limit", "one of two", "plain"],
)
def test_orders_count_on_all_their_axes_and_no_others(orders: Any, axes: Any) -> None:
    core = shard(assets=True)
    assert say(core, *orders, axes=axes)[0] == Flag.REFUSED


def test_orders_that_count_as_they_are_to_are_taken() -> None:
    core = shard(assets=True)
    orders = [order(1, 1), order(2, 1, "EUR"), order(3, 0, "GBP")]
    axes = (*counting(BROKER, 3), *counting(USD, 1), *counting(EUR, 1))
    assert say(core, *orders, axes=axes) == (0, ((kinds.ACCEPTED, 3),))


def test_an_order_without_a_settlement_counts_nowhere_where_that_is_read() -> None:
    core = shard(assets=True)
    flags, ((kind, *_),) = say(core, order(0, 0, None))
    assert (flags, kind) == (0, kinds.REJECTED)
    assert say(core, order(1, 0, None), axes=counting(BROKER, 1))[0] == Flag.REFUSED


@pytest.mark.parametrize(
    ("ranks", "axes"),
    [
        ((1, 2), counting(BROKER, 1)),
        ((1, 2), counting(BROKER, 3)),
        ((1, 2), counting(BROKER, 2, before=1)),
        ((1, 2), counting(BROKER, 2)[:1]),
        ((1, 2), (*counting(BROKER, 2), (VOUCHED + 1, 0, 1))),
    ],
    ids=["more", "fewer", "too low", "nothing vouched for", "another axis"],
)
def test_what_is_vouched_for_is_what_is_there(ranks: tuple[int, ...], axes: Any) -> None:
    core = shard()
    assert say(core, *[order(rank) for rank in ranks], axes=axes)[0] == Flag.REFUSED
    assert say(core, order(4), axes=counting(BROKER, 1, before=3))[0] == 0


# --- settings ----------------------------------------------------------------------------------

CHANGE = (kinds.CONFIGURE, None, "rate_limit", RATE)


def test_a_batch_of_other_settings_comes_back_with_nothing_applied() -> None:
    core = shard()
    assert say(core, CHANGE, flags=Flag.TURN)[0] == 0
    before = core._next
    held = (kinds.REPORT, 1, "AAPL", "USD", "BUY", "1", "0", None)
    assert say(core, held, order(1), axes=counting(BROKER, 1)) == (Flag.RETURNED, ())
    assert core._next == before + 2
    assert say(core, order(1), axes=counting(BROKER, 1), settings=2) == (Flag.RETURNED, ())
    flags, said = say(core, order(1), axes=counting(BROKER, 1), settings=1)
    assert (flags, said) == (0, ((kinds.ACCEPTED, 1),))


def test_a_change_is_of_any_version() -> None:
    core = shard()
    assert say(core, CHANGE, flags=Flag.TURN, settings=1)[0] == 0
    assert say(core, CHANGE, flags=Flag.TURN, settings=0)[0] == 0
    assert core.axes.version == 2


def test_what_is_to_be_checked_is_not_applied() -> None:
    core = shard()
    to_check = Flag.TURN | Flag.CHECK
    assert say(core, CHANGE, flags=to_check) == (Flag.RETURNED | Flag.SETTINGS, ())
    assert core.axes.version == 0
    unblock = (kinds.ADMINISTER, None, "unblock_all", encode((), bare=True))
    assert say(core, unblock, flags=to_check) == (Flag.RETURNED, ())
    assert say(core, (kinds.CONFIGURE, None, "no such", RATE), flags=to_check)[0] == Flag.REFUSED


def test_a_change_of_settings_is_alone_in_its_batch() -> None:
    core = shard()
    for flags in (Flag.TURN, Flag.TURN | Flag.CHECK):
        assert say(core, CHANGE, CHANGE, flags=flags)[0] == Flag.REFUSED
        assert say(core, CHANGE, flags=flags, axes=counting(BROKER, 0))[0] == Flag.REFUSED
    assert core.axes.version == 0


def test_the_router_itself_has_nothing_checked() -> None:
    core = shard()
    sent = batch(3, core._next, order(1), axes=((BROKER, 0, 0),))
    assert replies_in(sent, core.receive(sent)) == (0, [(kinds.ACCEPTED, 1)])
    with pytest.raises(openpit.errors.WireError, match="flags 64"):
        core.receive(batch(3, core._next, order(1), axes=((BROKER, 0, 0),), flags=Flag.CHECK))


# --- a quick look at orders that are alike --------------------------------------------------------

COUNT = 9
AXIS_OF = {"USD": USD, "EUR": EUR}


def some_batch(random: Random, *, broker: bool, assets: bool) -> tuple[list[Any], list[Any]]:
    """Orders as a client would send them, and the counting part; now and then one is wrong."""
    settled = random.choice((["USD"], ["EUR"], ["USD", "EUR"], ["JPY"]))
    ranks: dict[int, int] = dict.fromkeys((BROKER, USD, EUR), random.choice((0, 5)))
    first = dict(ranks)
    orders: list[Any] = []
    for _ in range(COUNT):
        asset = random.choice(settled)
        axis = AXIS_OF.get(asset)
        counted = [BROKER] * broker + [axis] * (assets and axis is not None)
        for one in counted:
            ranks[one] += 1
        its = [ranks[one] if one in counted else 0 for one in (BROKER, axis)]
        orders.append((kinds.EXECUTE_COUNTED, 1, "AAPL", asset, "BUY", "10", None, "185.5", *its))
    axes: list[Any] = []
    for axis, last in ranks.items():
        if last > first[axis]:
            axes.append((axis, 0, random.choice((0, 3))))
            axes.append((axis + VOUCHED, first[axis], last - first[axis]))
    if random.random() < 0.5:
        return orders, axes
    at = random.randrange(COUNT)
    wrong = random.randrange(5)
    if wrong == 0 and axes:
        number, before, count = axes[1]
        axes[1] = (number, before + random.choice((0, 4)), count + random.choice((-1, 0, 1)))
    elif wrong == 1:
        orders[at] = (*orders[at][:-2], random.choice((0, orders[at][-2])), 0)
    elif wrong == 2:
        orders[at] = (*orders[at][:3], "GBP", *orders[at][4:])
    elif wrong == 3:
        axes = axes[:2]
    else:
        del orders[at]
    return orders, axes


@pytest.mark.parametrize("seed", range(150))
def test_a_quick_look_tells_what_looking_at_each_does(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    broker, assets = random.choice(((True, False), (True, True), (False, True)))

    def looked_at(*, quickly: bool) -> tuple[tuple[int, Any], ShardCore]:
        core = shard(broker=broker, assets=assets)
        known = (kinds.EXECUTE_COUNTED, 1, "AAPL", "JPY", "BUY", "1", None, "1", int(broker), 0)
        first = ((BROKER, 0, 0), (VOUCHED, 0, 1)) if broker else ()
        assert say(core, known, axes=first)[0] == 0
        with monkeypatch.context() as patch:
            if not quickly:
                patch.setattr(BatchCounts, "_are_counted", lambda *_: False)
            orders, axes = some_batch(Random(seed), broker=broker, assets=assets)
            flags, said = say(core, *orders, axes=tuple(axes))
        return (flags, said if flags == Flag.REFUSED else [*said]), core

    quick, core = looked_at(quickly=True)
    slow, other = looked_at(quickly=False)
    assert quick == slow
    assert core.counts.export() == other.counts.export()


def test_some_pass_and_some_are_refused() -> None:
    found = set()
    for seed in range(40):
        core = shard(broker=True, assets=True)
        say(
            core,
            (kinds.EXECUTE_COUNTED, 1, "AAPL", "JPY", "BUY", "1", None, "1", 1, 0),
            axes=((BROKER, 0, 0), (VOUCHED, 0, 1)),
        )
        orders, axes = some_batch(Random(seed), broker=True, assets=True)
        found.add(say(core, *orders, axes=tuple(axes))[0])
    assert found == {0, Flag.REFUSED}
