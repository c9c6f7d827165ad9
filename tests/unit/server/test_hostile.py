"""What a hostile client sends: it is closed at the worst, and nobody else notices."""

from __future__ import annotations

import random
import struct
from datetime import timedelta

import pytest
from flow import IN_SHARD_0, account, buy
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.client.remote import Greeting
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.wire.frames import body_of, pack
from openpit.wire.sessions import SessionOp, batch_frame, note_frame

LIMIT = 10_000
HEAD = struct.Struct(">IBHIIBQIBBIIq")


def host() -> SwitchedHost:
    ticks = iter(range(10**9))
    rate = RateLimit(LIMIT, timedelta(hours=1))
    limits = (
        build_rate_limit()
        .broker_barrier(RateLimitBrokerBarrier(rate))
        .asset_barriers(RateLimitAssetBarrier(rate, "USD"))
    )
    its = SwitchedHost(
        openpit.Engine.builder()
        .clock(lambda: next(ticks))
        .sharded(2)
        .builtin(build_order_validation())
        .builtin(limits)
        .builtin(build_spot_funds())
    )
    its.driver.checks = False
    return its


class Recorder(SwitchedDriver):
    """A client whose bytes are kept."""

    def __init__(self, its: SwitchedHost) -> None:
        self.sent: list[bytes] = []
        super().__init__(its)

    def move(self) -> bool:
        sent = self.remote.take()
        if sent:
            self.sent.append(sent)
            self.host.switch.receive(self.session, sent)
        got = self.session.take()
        if got:
            self.remote.receive(got)
        return bool(sent or got)


def honest_bytes() -> list[bytes]:
    """What an honest client sends: orders one by one and many, reports, settings, groups."""
    driver = Recorder(host())
    engine = ShardedEngine._of(driver)
    engine.execute_pre_trade_many([buy(number) for number in range(1, 9)])
    engine.execute_pre_trade(buy(3))
    engine.execute_pre_trade_dry_run(buy(2))
    engine.start_pre_trade(buy(4))
    engine.accounts().block(account(5), "halt")
    engine.accounts().unblock_all()
    engine.configure().rate_limit(
        "RateLimitPolicy", broker=RateLimitBrokerBarrier(RateLimit(LIMIT, timedelta(hours=1)))
    )
    engine.close()
    return driver.sent


HONEST = honest_bytes()


def frames_in(data: bytes) -> list[bytes]:
    found = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        found.append(data[:end])
        data = data[end:]
    return found


def mutated(rng: random.Random, frame: bytes) -> bytes:
    """A frame with something else in it, as a rule with a right length."""
    data = bytearray(frame)
    kind = rng.randrange(6)
    if kind == 0:  # a field of the head
        start, size = rng.choice(
            [
                (4, 1),
                (5, 2),
                (7, 4),
                (11, 4),
                (15, 1),
                (16, 8),
                (24, 4),
                (28, 1),
                (29, 1),
                (30, 4),
                (34, 4),
                (38, 8),
            ]
        )
        value = rng.choice([0, 1, 2, 255, rng.getrandbits(8 * size), 2 ** (8 * size) - 1])
        data[start : start + size] = (value % 2 ** (8 * size)).to_bytes(size, "big")
    elif kind == 1 and len(data) > HEAD.size:  # anywhere behind the head
        data[rng.randrange(HEAD.size, len(data))] = rng.getrandbits(8)
    elif kind == 2:  # cut
        del data[rng.randrange(4, len(data) + 1) :]
    elif kind == 3:  # longer
        data += bytes(rng.getrandbits(8) for _ in range(rng.randrange(1, 40)))
    elif kind == 4 and len(data) > HEAD.size + 8:  # a number behind the head
        place = rng.randrange(HEAD.size, len(data) - 8)
        data[place : place + 8] = rng.choice([0, 1, 2**63, 2**64 - 1]).to_bytes(8, "big")
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if rng.random() < 0.9:
        data[:4] = (len(data) - 4).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("seed", range(300))
def test_garbage_closes_its_session_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    its = host()
    other = ShardedEngine._of(SwitchedDriver(its))
    frames = [frame for data in HONEST for frame in frames_in(data)]
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    bad = rng.randrange(len(frames))
    for number, frame in enumerate(frames):
        its.switch.receive(session, mutated(rng, frame) if number >= bad else frame)
        if rng.random() < 0.5:
            its.pump()
    its.pump()
    if rng.random() < 0.5:
        its.switch.leave(session, its.clock())
        its.pump()
    result = other.execute_pre_trade(buy(6))
    assert {reject.code for reject in result.rejects} <= {"InsufficientFunds", "RateLimitExceeded"}
    assert all(link.is_up and not link.in_flight for link in its.driver.router.links)
    its.switch.leave(session, its.clock())
    its.pump()
    assert all(link.is_up and not link.in_flight for link in its.driver.router.links)
    for shard in its.driver.shards:
        assert shard.core is not None
        assert set(shard.core._held._by_client) <= {0, other._driver.session.number}


def counted(*ranks: int, reach: int, count: int, lacking: int = 0) -> bytes:
    """A batch of orders with these ranks, and what its head says of them."""
    orders = [(2, IN_SHARD_0, "AAPL", "USD", "BUY", "1", None, "1", rank, 0) for rank in ranks]
    body = body_of([pack(order) for order in orders], len(orders))
    shard = 0
    return batch_frame(shard, 0, 0, len(orders), 0, body, 0, [(0, lacking, reach, count, 0, 0)])


@pytest.mark.parametrize(
    "lie",
    [
        counted(1, 2, 3, reach=1, count=1),
        counted(1, 2, 3, reach=3, count=2),
        counted(1, reach=5, count=5),
        counted(1, 2, reach=2, count=2, lacking=-5),
        counted(5, 6, reach=2, count=2, lacking=-20),
        counted(1, 1, reach=2, count=2),
    ],
    ids=["fewer", "one fewer", "more", "before the first", "far before", "twice the same"],
)
def test_who_lies_about_what_may_count_is_closed(lie: bytes) -> None:
    its = host()
    other = ShardedEngine._of(SwitchedDriver(its))
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent)
    its.switch.receive(session, lie)
    its.pump()
    assert session.is_over
    assert session.why
    its.switch.leave(session, its.clock())
    its.pump()
    rates = its.driver.router.books.rates
    assert rates.window(0).count == 0
    other.execute_pre_trade(buy(1))
    assert rates.window(0).count == 1


def test_a_group_out_of_turn() -> None:
    its = host()
    session = its.switch.open()
    its.switch.receive(session, Greeting(None).sent + note_frame(SessionOp.GROUP, count=2))
    assert session.is_over
