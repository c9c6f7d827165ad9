"""What a router would notice that read, wrote or mixed up a body: the seals that hide them hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidTag
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, buy
from link import CLEAR, Clear, command_body, link, reply_body
from sealing import Sealed

from openpit import Engine
from openpit.errors import WireError
from openpit.pretrade.policies import RateLimit, RateLimitBrokerBarrier, build_rate_limit
from openpit.router.router import Router
from openpit.router.shard_link import ShardLink
from openpit.wire.frames import body_of, messages_of

if TYPE_CHECKING:
    from collections.abc import Callable


def desk(bodies: Clear) -> Any:
    """Two shards whose orders reserve something, and are counted for the broker."""
    limit = RateLimitBrokerBarrier(RateLimit(3, timedelta(hours=1)))
    builder = Engine.builder().clock(lambda: 1_000).sharded(shards=2)
    builder = builder.builtin(build_rate_limit().broker_barrier(limit)).pre_trade(Reserving())
    return link(builder, bodies=bodies)


def trade(engine: Any) -> list[bool]:
    """A day of calls: one by one, of many, dropped, with an order of no account, at the limit."""
    first, *rest = engine.execute_pre_trade_many([buy(IN_SHARD_0), buy(IN_SHARD_1)])
    first.reservation.commit()
    del rest
    last = engine.execute_pre_trade(buy(None))
    return [bool(first), bool(last), bool(engine.execute_pre_trade(buy(IN_SHARD_1)))]


def through(monkeypatch: pytest.MonkeyPatch, of: type, method: str, change: Any) -> None:
    """Have the router do something of its own to all bytes that a method of it takes or gives."""
    monkeypatch.setattr(of, method, change(getattr(of, method)))


def test_the_router_passes_on_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def taking(take: Callable[[ShardLink], bytes]) -> Callable[[ShardLink], bytes]:
        def take_and_look(self: ShardLink) -> bytes:
            seen.append(take(self))
            return seen[-1]

        return take_and_look

    def receiving(receive: Any) -> Any:
        def receive_and_look(self: Router, shard: ShardLink, data: bytes) -> None:
            seen.append(data)
            receive(self, shard, data)

        return receive_and_look

    through(monkeypatch, ShardLink, "take", taking)
    through(monkeypatch, Router, "receive", receiving)
    for bodies, is_open in ((CLEAR, True), (Sealed(), False)):
        seen.clear()
        with desk(bodies) as engine:
            assert trade(engine) == [True, True, False]
        wire = b"".join(seen)
        assert (b"AAPL" in wire) is is_open  # of the orders
        assert (b"rate limit exceeded" in wire) is is_open  # of the reject
        assert (b"Reserving" in wire) is is_open  # of the policies that a shard is made of


def test_a_router_that_opens_a_reply_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def opening(receive: Any) -> Any:
        def open_and_receive(self: Router, shard: ShardLink, data: bytes) -> None:
            assert messages_of(reply_body(data))
            receive(self, shard, data)

        return open_and_receive

    through(monkeypatch, Router, "receive", opening)
    with pytest.raises(WireError, match="not a body"):
        desk(Sealed())


def test_a_router_that_opens_a_command_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def opening(take: Callable[[ShardLink], bytes]) -> Callable[[ShardLink], bytes]:
        def take_and_open(self: ShardLink) -> bytes:
            data = take(self)
            if data:
                assert messages_of(command_body(data))
            return data

        return take_and_open

    through(monkeypatch, ShardLink, "take", opening)
    with pytest.raises(WireError, match="not a body"):
        desk(Sealed())


def test_a_router_that_writes_a_body_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may drop what nobody holds any more in its client's words only."""
    for bodies in (CLEAR, Sealed()):
        with desk(bodies) as engine:
            books = engine._router.books
            ours = books.bodies.seal

            def seal(
                shard: ShardLink, first: int, count: int, entries: Any, ours: Any = ours
            ) -> bytes:
                if type(entries[0]).__name__ == "Drop":
                    return body_of([entry.packed for entry in entries], count)
                return ours(shard, first, count, entries)

            books.bodies = replace(books.bodies, seal=seal)
            engine.execute_pre_trade(buy(IN_SHARD_0))  # and lets it go
            if bodies is CLEAR:
                assert engine.execute_pre_trade(buy(IN_SHARD_0)).ok
                continue
            with pytest.raises(InvalidTag):
                engine.execute_pre_trade(buy(IN_SHARD_0))
            books.bodies = replace(books.bodies, seal=ours)
            engine._router.lose(engine._router.links[0], "its router forged a body")


@pytest.mark.parametrize("direction", ["commands", "replies"])
def test_a_body_under_another_head_does_not_open(direction: str) -> None:
    sealed = Sealed()
    with desk(sealed) as engine:
        router = engine._router
        heard: list[bytes] = []
        frames: list[bytes] = []
        for _ in range(2):
            call = engine._driver.client.execute(1_000, buy(IN_SHARD_0))
            frames.append(router.links[0].take())
            heard.append(engine._driver.shards[0].receive(frames[-1]))
            router.receive(router.links[0], heard[-1])
            assert call.result().ok
        a, b = frames if direction == "commands" else heard
        read, body = (
            (sealed.command, command_body)
            if direction == "commands"
            else (sealed.reply, reply_body)
        )
        read(a), read(b)
        for head, other in ((a, b), (b, a)):
            with pytest.raises(InvalidTag):
                read(head[: -len(body(head))] + body(other))
