"""Messages to actors as a shard takes them: what it refuses, counts, and gives back."""

from __future__ import annotations

from datetime import timedelta
from threading import RLock
from typing import Any

import pytest
from batched import NOW, batch
from gateways import Gateway, answered, message

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.faces.acting import new_actor_engine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
)
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.axes import BROKER, VOUCHED
from openpit.wire.frames import Flag, messages_of, name_of, reply_in
from openpit.wire.limits import MESSAGE_BYTES, MESSAGE_ORDERS
from openpit.wire.roles import Role

HOUR = timedelta(hours=1)
CLIENT = 9
EUR = 1  # its axis
AXES = ((BROKER, 0, 10), (EUR, 0, 20))
BEYOND = "declared no order more that may count"


def shard(most: int = 100) -> ShardCore:
    rate = RateLimit(most, HOUR)
    limits = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    builder = Engine.builder().account_sync().builtin(build_order_validation())
    builder.builtin(limits.asset_barriers(RateLimitAssetBarrier(rate, "EUR")))
    clock = ShardClock()
    engine = build_core(builder._policies, clock, RLock())
    engine.registry.owns = lambda account: account < 100
    core = ShardCore(3, engine, clock)
    core.actors.start(3, [("desk", Gateway)], new_actor_engine)
    return core


def ask(
    *steps: Any, rank: int = 0, orders: int = 0, assets: Any = (), kind: int = kinds.ASK_ACTOR
) -> tuple[Any, ...]:
    return (kind, 1, "desk", message(*steps), rank, orders, assets)


def order(rank: int, account: int = 1) -> tuple[Any, ...]:
    return (kinds.EXECUTE_COUNTED, account, "AAPL", "USD", "BUY", "10", None, "185.5", rank, 0)


def say(core: ShardCore, *commands: Any, **head: Any) -> tuple[int, Any, Any]:
    """Return the flags of the reply, its counting part, and what it says."""
    sent = batch(3, core._next, *commands, **head)
    flags, uncounted, body = reply_in(core.receive(sent), name_of(sent))
    return flags, uncounted, body.decode() if flags & Flag.REFUSED else messages_of(body)


def test_orders_of_a_message_count_from_its_rank_on_and_the_rest_is_given_back() -> None:
    core = shard(most=13)  # the next order counts as the eleventh
    _, uncounted, replies = say(
        core,
        ask(["order", "1"], rank=1, orders=3),
        order(4),
        ask(["order", "1"], ["order", "1"], ["order", "1"], rank=5, orders=2),
        axes=AXES,
    )
    # The second message's: the thirteenth passes, the fourteenth does not, and one is not declared.
    assert [reply[0] for reply in replies] == [kinds.ANSWERED, kinds.ACCEPTED, kinds.ANSWERED]
    first, second, third = answered(replies[2][1])
    assert first == "open"
    assert "submitted 14 orders" in second[0]
    assert BEYOND in third[0]
    assert uncounted == ((BROKER, NOW, 2),)


def test_a_message_of_which_nothing_counts_gives_all_back() -> None:
    core = shard()
    _, uncounted, _ = say(core, ask(rank=1, orders=2, assets=(("EUR", 1, 2),)), axes=AXES)
    assert sorted(uncounted) == [(BROKER, 0, 2), (EUR, 0, 2)]
    core.engine.registry.halt("drill")
    _, uncounted, _ = say(core, ask(["order", "1"], rank=1, orders=1), axes=AXES)
    assert uncounted == ((BROKER, 0, 1),)


def test_what_is_settled_in_an_asset_takes_of_both() -> None:
    core = shard(most=22)
    steps = [["order", "1", -1, "EUR"]] * 3 + [["order", "1"]]
    _, uncounted, replies = say(
        core, ask(*steps, rank=1, orders=5, assets=(("EUR", 1, 3), ("USD", 0, 1))), axes=AXES
    )
    *euros, dollars = answered(replies[0][1])
    assert euros[:2] == ["open", "open"]
    assert "asset barrier" in euros[2][0]
    assert dollars == "open"
    assert uncounted == ((BROKER, NOW, 1),)


def test_what_is_told_counts_as_well_and_says_only_whether_it_raised() -> None:
    core = shard()
    told = {"kind": kinds.TELL_ACTOR}
    _, uncounted, replies = say(
        core,
        ask(["order", "1"], rank=1, orders=1, **told),
        ask(["fail", "ValueError", "x"], rank=2, orders=1, **told),
        ask(**told),
        axes=AXES,
    )
    assert replies == ((kinds.DONE, 1), (kinds.TOLD_IN_VAIN,), (kinds.DONE, 1))
    assert uncounted == ((BROKER, NOW, 1),)


REFUSED = {
    "no such actor": (kinds.ASK_ACTOR, 1, "disk", b"", 0, 0, ()),
    "an actor that is no text": (kinds.ASK_ACTOR, 1, 1, b"", 0, 0, ()),
    "of no account": (kinds.ASK_ACTOR, None, "desk", b"", 0, 0, ()),
    "of another shard's account": (kinds.ASK_ACTOR, 100, "desk", b"", 0, 0, ()),
    "a text": (kinds.ASK_ACTOR, 1, "desk", "", 0, 0, ()),
    "a message too large": (kinds.ASK_ACTOR, 1, "desk", bytes(MESSAGE_BYTES + 1), 0, 0, ()),
    "too many orders": ask(rank=1, orders=MESSAGE_ORDERS + 1),
    "a rank without orders": ask(rank=1),
    "orders below zero": ask(orders=-1),
    "a rank below zero": ask(rank=-1, orders=1),
    "a truth": ask(rank=True, orders=1),
    "no assets": ask(rank=1, orders=1, assets=None),
    "an asset twice": ask(rank=1, orders=2, assets=(("EUR", 1, 1), ("EUR", 2, 1))),
    "an asset of more orders": ask(rank=1, orders=1, assets=(("EUR", 1, 2),)),
    "an asset without orders": ask(rank=1, orders=1, assets=(("EUR", 1, 0),)),
    "an asset of no name": ask(rank=1, orders=1, assets=((" ", 1, 1),)),
    "an asset that is none": ask(rank=1, orders=1, assets=((None, 1, 1),)),
    "an asset's row too short": ask(rank=1, orders=1, assets=(("EUR", 1),)),
    "an axis that the head lacks": ask(rank=1, orders=1, assets=(("USD", 1, 1),)),
    "a count over 64 bits": ask(rank=2**64 - 11, orders=2),
}


@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", [kinds.ASK_ACTOR, kinds.TELL_ACTOR])
def test_what_is_no_message_is_refused_with_its_batch(kind: int, command: Any) -> None:
    core = shard()
    with pytest.raises(WireError):
        say(core, order(1), (kind, *command[1:]), axes=AXES)
    assert core.actors.made["desk"].made.messages == 0


@pytest.mark.parametrize(
    "second", [order(3), ask(rank=3, orders=1), ask(rank=1, orders=1), ask(rank=2, orders=9)]
)
def test_ranks_rise_past_all_that_a_message_declares(second: Any) -> None:
    with pytest.raises(WireError, match="rank of an order"):
        say(shard(), ask(rank=1, orders=3), second, axes=AXES)


def vouched(axis: int, count: int, before: int = 0) -> tuple[tuple[int, int, int], ...]:
    return ((axis, 0, 0), (axis + VOUCHED, before, count))


OF_CLIENT: dict[str, tuple[Any, Any, bool]] = {
    "as declared": (ask(rank=1, orders=2), vouched(BROKER, 2), True),
    "both axes": (
        ask(rank=1, orders=2, assets=(("EUR", 1, 1),)),
        (*vouched(BROKER, 2), *vouched(EUR, 1)),
        True,
    ),
    "no orders": (ask(), (), True),
    "an asset of no rate": (
        ask(rank=1, orders=1, assets=(("USD", 0, 1),)), vouched(BROKER, 1), True
    ),
    "more than was told": (ask(rank=1, orders=3), vouched(BROKER, 2), False),
    "fewer than was told": (ask(rank=1, orders=1), vouched(BROKER, 2), False),
    "without ranks": (ask(orders=2), vouched(BROKER, 2), False),
    "without ranks, and untold": (ask(orders=2), (), False),
    "counted too low": (ask(rank=1, orders=2), vouched(BROKER, 2, 1), False),
    "an axis without rank": (
        ask(rank=1, orders=1, assets=(("EUR", 0, 1),)), vouched(BROKER, 1), False
    ),
    "a rank on no axis": (
        ask(rank=1, orders=1, assets=(("USD", 1, 1),)), vouched(BROKER, 1), False
    ),
}  # fmt: skip


@pytest.mark.parametrize(("command", "axes", "passes"), OF_CLIENT.values(), ids=OF_CLIENT)
def test_a_clients_word_is_checked_against_the_routers(
    command: Any, axes: Any, passes: bool
) -> None:
    core = shard()
    flags, _, _ = say(core, command, axes=axes, client=CLIENT, role=Role.TRADER)
    assert flags == (0 if passes else Flag.REFUSED)
    assert core.actors.made["desk"].made.messages == passes


def test_a_message_is_not_for_a_reader() -> None:
    core = shard()
    flags, _, text = say(core, ask(), client=CLIENT, role=Role.READER)
    assert flags == Flag.REFUSED
    assert "not for this session's role" in text


def test_what_an_actor_keeps_stays_when_a_client_goes_and_ends_with_the_shard() -> None:
    core = shard()
    say(core, ask(["start_only", "a", "1"], ["keep_again", "a"], rank=1, orders=1), axes=AXES)
    assert len(core.engine.finisher.requests) == 1
    core.finish()
    core.finish()
    assert core.actors.made == {}
