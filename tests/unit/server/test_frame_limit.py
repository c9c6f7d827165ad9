"""The limit of a session's frames: told at first, obeyed by its client, held by the server."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flow import IN_SHARD_0, account
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit import param
from openpit.client.remote import Greeting
from openpit.errors import FrameTooLarge, WireError
from openpit.faces.blocking.engine import ShardedEngine
from openpit.marketdata import InstrumentId, Quote, QuoteTtl
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.wire.frames import PREFIX_BYTES
from openpit.wire.limits import BESIDE_BYTES, FRAME_BYTES
from openpit.wire.sessions import Welcome, note_frame, welcome_frame, welcome_in

LIMIT = 64 * 1024
ROOM = LIMIT - BESIDE_BYTES


def host(*, is_limited: bool) -> SwitchedHost:
    stage = (
        openpit.Engine.builder().clock(lambda: 1000).sharded(2).builtin(build_order_validation())
    )
    if is_limited:
        rate = RateLimit(10**6, timedelta(hours=1))
        limits = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
        assets = [RateLimitAssetBarrier(rate, f"A{number}") for number in range(300)]
        stage = stage.builtin(limits.asset_barriers(*assets))
    return SwitchedHost(stage, frame_bytes=LIMIT)


def wide(number: int, size: int, asset: str = "USD") -> openpit.Order:
    """An order that takes more than so many bytes."""
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument("A" * size, asset),
            account_id=param.AccountId.from_int(number),
            side=param.Side.BUY,
            trade_amount=param.TradeAmount.quantity("1"),
            price=param.Price("1"),
        )
    )


class Frames:
    """A client's face, and how large the frames were that it has sent."""

    def __init__(self, its: SwitchedHost) -> None:
        self.driver = driver = SwitchedDriver(its)
        self.engine = ShardedEngine._of(driver)
        self.sizes: list[int] = []
        take = driver.remote.take

        def noted() -> bytes:
            data = take()
            start = 0
            while start < len(data):
                size = int.from_bytes(data[start : start + PREFIX_BYTES], "big")
                self.sizes.append(size)
                start += PREFIX_BYTES + size
            return data

        driver.remote.take = noted  # type: ignore[method-assign]


@pytest.mark.parametrize("is_limited", [False, True])
def test_many_orders_are_split_by_it(*, is_limited: bool) -> None:
    client = Frames(host(is_limited=is_limited))
    orders = [wide(number, 3000, f"A{number}") for number in range(1, 300)]
    assert all(client.engine.execute_pre_trade_many(orders))
    assert max(client.sizes) <= LIMIT
    assert len(client.sizes) >= 300 * 3000 // LIMIT
    assert sum(client.sizes) // len(client.sizes) > LIMIT // 4  # and not more than has to be
    assert not client.driver.session.is_over


def test_what_is_too_large_alone_is_refused_before_it_is_sent() -> None:
    client = Frames(host(is_limited=True))
    with pytest.raises(FrameTooLarge, match=f"a frame has room for {ROOM}"):
        client.engine.execute_pre_trade(wide(1, ROOM))
    with pytest.raises(FrameTooLarge):
        client.engine.accounts().block_group(7, "x" * ROOM)
    with pytest.raises(FrameTooLarge):
        client.engine.halt("x" * ROOM)
    with pytest.raises(openpit.errors.SomeItemsFailed) as failed:
        client.engine.execute_pre_trade_many([wide(1, 10), wide(2, ROOM), wide(3, 10)])
    assert [type(error) for error in failed.value.exceptions] == [FrameTooLarge]
    assert [bool(result) for result in failed.value.results] == [True, False, True]
    assert client.engine.execute_pre_trade(wide(1, ROOM - 100))  # the largest, about
    assert max(client.sizes) <= LIMIT
    assert not client.driver.session.is_over


def test_changes_of_market_data_keep_to_it() -> None:
    stage = openpit.Engine.builder().clock(lambda: 1000).sharded(2)
    service = stage.market_data(QuoteTtl.infinite()).build()
    service.register(openpit.Instrument("AAPL", "USD"))
    spot = build_spot_funds().market_data(service, 100)
    its = SwitchedHost(stage.builtin(build_order_validation()).builtin(spot), frame_bytes=LIMIT)
    its.pump()
    client = Frames(its)
    market, quote = client.engine.market_data(), Quote(mark="1")
    most = (LIMIT - 200) // 9  # accounts of nine bytes each
    for count in (most, most // 2, most // 2 - 1):
        accounts = [param.AccountId.from_int(2**63 + number) for number in range(count)]
        market.push_for(InstrumentId(0), quote, timedelta(0), accounts, [])
    accounts = [param.AccountId.from_int(2**63 + number) for number in range(most + 30)]
    with pytest.raises(FrameTooLarge, match=f"frame limit of {LIMIT}"):
        market.push_for(InstrumentId(0), quote, timedelta(0), accounts, [])
    assert LIMIT - 300 < max(client.sizes) <= LIMIT
    assert not client.driver.session.is_over


def test_a_halt_that_is_too_large_stops_nobody() -> None:
    its = host(is_limited=False)
    client = Frames(its)
    its.driver.silent.add(0)
    its.driver.router.stall(its.driver.router.links[0], "no answer within 5 s")
    its.pump()
    with pytest.raises(FrameTooLarge):
        client.engine.halt("x" * ROOM)
    its.driver.silent.clear()
    its.driver.router.revive(its.driver.router.links[0])
    its.pump()
    assert client.engine.execute_pre_trade(wide(IN_SHARD_0, 10))
    assert client.engine.account_state(account(IN_SHARD_0)).cause is None


@pytest.mark.parametrize(("size", "is_over"), [(LIMIT, False), (LIMIT + 1, True)])
def test_the_server_holds_it(size: int, *, is_over: bool) -> None:
    its = host(is_limited=False)
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    frame = note_frame(0, b"x" * (size - 42), count=1)
    its.switch.receive(session, frame[:-1])  # whose last byte never comes
    assert session.is_over is is_over
    if is_over:
        assert session.why == f"a frame of {size} bytes is over the limit of {LIMIT} bytes"


def told(frame_bytes: int) -> Welcome:
    session = Frames(host(is_limited=False))
    return welcome_in(
        welcome_frame(session.driver.remote.welcome._replace(frame_bytes=frame_bytes))
    )


@pytest.mark.parametrize("frame_bytes", [LIMIT, FRAME_BYTES])
def test_a_client_takes_any_limit_that_a_server_may_have(frame_bytes: int) -> None:
    assert told(frame_bytes).frame_bytes == frame_bytes


@pytest.mark.parametrize("frame_bytes", [0, LIMIT - 1, FRAME_BYTES + 1])
def test_a_limit_that_no_server_has_is_refused(frame_bytes: int) -> None:
    with pytest.raises(WireError, match=f"frames of {frame_bytes} bytes"):
        told(frame_bytes)
