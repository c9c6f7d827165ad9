"""Batches that come back, since other settings are in force: sent again, once, and in order."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from flow import buy, report
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.client.remote import Greeting
from openpit.client.session_link import RETURNS
from openpit.errors import ShardDown, ShardStalled
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade import Policy
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_rate_limit,
)
from openpit.wire import kinds
from openpit.wire.frames import Flag, body_of, pack
from openpit.wire.sessions import SessionOp, batch_frame, note_frame
from openpit.wire.values import encode

HOUR = timedelta(hours=1)
MANY = RateLimit(10**6, HOUR)


class Witness(Policy):
    """Remembers what it has seen of each account, in order."""

    name = "Witness"

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        operation = order.operation
        size = operation.trade_amount.as_quantity.decimal
        self.seen.append((operation.account_id.value, int(size)))
        return ()

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        number = int(report.financial_impact.fee.decimal)
        self.seen.append((report.operation.account_id.value, number))
        return None


def host(*, client_time: bool = True, **options: Any) -> SwitchedHost:
    ticks = iter(range(10**9))
    builder = openpit.Engine.builder().clock(lambda: next(ticks)).sharded(2, **options)
    rate = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(MANY))
    return SwitchedHost(builder.pre_trade(policy=Witness()).builtin(rate), client_time=client_time)


class Changer:
    """A session that administers, and has its turn for good."""

    def __init__(self, its: SwitchedHost) -> None:
        self.host = its
        self.session = its.switch.open()
        self._sent = 0
        its.switch.receive(self.session, Greeting(None).sent + note_frame(SessionOp.TURN))
        assert self.session.has_turn

    def change(self, **values: Any) -> None:
        """Have settings changed as soon as the switch has its turn."""
        packed = encode({"name": "RateLimitPolicy", **values}, bare=True)
        row = pack((kinds.CONFIGURE, None, "rate_limit", packed))
        body = body_of([row], 1)
        data = note_frame(SessionOp.GROUP, count=2)
        data += b"".join(batch_frame(shard, 0, self._sent, 1, 0, body) for shard in (0, 1))
        self._sent += 1
        self.host.switch.receive(self.session, data)


def have_changed(its: SwitchedHost, changer: Changer) -> None:
    """Have a change of settings on its way to the shards, of which no session has heard."""
    changer.change(**CHANGES[0])
    its.switch.serve(its.clock())
    its.driver.step(0)  # they have looked at it
    its.driver.step(1)


def seen(its: SwitchedHost) -> dict[int, list[int]]:
    """What the policies have seen: of each account, the sizes in order."""
    found: dict[int, list[int]] = {}
    for shard in its.driver.shards:
        assert shard.core is not None
        for policy in shard.core.engine.policies:
            for account, size in getattr(getattr(policy, "_policy", None), "seen", ()):
                found.setdefault(account, []).append(size)
    return found


CHANGES: list[dict[str, Any]] = [
    {"broker": RateLimitBrokerBarrier(MANY)},
    {"asset_barriers": [RateLimitAssetBarrier(MANY, "USD")]},
    {"asset_barriers": [RateLimitAssetBarrier(MANY, "USD"), RateLimitAssetBarrier(MANY, "EUR")]},
    {"asset_barriers": []},
]


@pytest.mark.parametrize("seed", range(16))
def test_changes_at_any_moment_lose_repeat_and_reorder_nothing(seed: int) -> None:
    rng = random.Random(seed)
    its = host(client_time=bool(seed % 2), credits=rng.choice([4, 8192]))
    driver = SwitchedDriver(its)
    changer = Changer(its)
    client = driver.client
    sizes: dict[int, int] = {}
    calls: list[Any] = []
    orders = 0
    for _ in range(150):
        what = rng.randrange(10)
        account = rng.randrange(1, 5)
        now = its.clock()
        if what < 4:
            size = sizes[account] = sizes.get(account, 0) + 1
            if what == 0:
                calls.append(client.report(now, report(account, fee=str(size))))
                continue
            order = buy(account, str(size))
            if what == 2:
                sizes[account] = size + 1
                many = client.execute_many(now, [order, buy(account, str(size + 1))], [now] * 2)
                while many.feed():
                    pass
                calls.append(many)
                orders += 2
                continue
            method = client.start_stage if what == 1 else client.execute
            calls.append(method(now, order))
            orders += 1
        elif what == 4:
            changer.change(**rng.choice(CHANGES))
        elif what < 7:
            driver.move()
        elif what == 7:
            its.switch.serve(its.clock())
        else:
            its.driver.step(rng.randrange(2))
    its.pump()
    assert all(call.done for call in calls)
    for call in calls:
        call.result()
    assert driver.session.why is None
    assert seen(its) == {account: [*range(1, size + 1)] for account, size in sizes.items()}
    assert its.driver.router.books.rates.window(0).count == orders
    assert client.router.links[0].credits == client.router.links[1].credits > 0


def test_what_nobody_waits_for_any_more_is_not_sent_again() -> None:
    its = host()
    driver = SwitchedDriver(its)
    changer = Changer(its)
    have_changed(its, changer)
    call = driver.client.execute(its.clock(), buy(1, "5"))
    kept = driver.client.execute(its.clock(), buy(1, "6"))
    driver.move()
    call.expire("no answer within 5 s")
    its.pump()
    assert not call.result()
    assert kept.result()
    assert seen(its) == {1: [6]}
    assert its.driver.router.books.rates.window(0).count == 1


def test_a_shard_that_is_lost_ends_what_has_come_back_from_it() -> None:
    its = host()
    driver = SwitchedDriver(its)
    changer = Changer(its)
    have_changed(its, changer)
    told = driver.client.report(its.clock(), report(1, fee="6"))
    driver.move()
    order = driver.client.execute(its.clock(), buy(1, "5"))
    driver.move()
    output = driver.session.output
    for _ in range(10):
        its.switch.serve(its.clock())
        its.driver.step(0)
        its.driver.step(1)
    returned = [frame for frame in output if frame[28] == Flag.RETURNED]
    assert len(returned) == 2
    assert output[-1] is returned[-1]
    driver.session.take()
    driver.remote.receive(b"".join(output[:-1]))
    assert not told.done
    link = driver.router.link_of(1)
    driver.kill(link.number)
    (reject,) = order.result().rejects
    assert reject.code == "SystemUnavailable"
    with pytest.raises(ShardDown):
        told.result()


@pytest.mark.parametrize("changes", [1, 2])
def test_what_comes_back_each_time_is_denied_in_the_end(changes: int) -> None:
    """No session is told of what the server's own engine changes, so no batch fits any more."""
    its = host()
    driver = SwitchedDriver(its)
    mine = ShardedEngine._of(driver)
    assert mine.execute_pre_trade(buy(1))
    own = ShardedEngine._of(its.driver)
    for _ in range(changes):
        own.configure().rate_limit("RateLimitPolicy", asset_barriers=[])

    link = driver.router.link_of(1)
    sent = link.next_seq
    result = mine.execute_pre_trade(buy(1))
    assert link.next_seq == sent + RETURNS
    (reject,) = result.rejects
    assert reject.details.endswith(
        f"it has returned what it was sent {RETURNS} times, for other settings"
    )
    results = mine.execute_pre_trade_many([buy(number) for number in range(1, 9)])
    assert [[one.policy for one in result.rejects] for result in results] == [["Router"]] * 8
    with pytest.raises(ShardStalled, match="it has returned what it was sent"):
        mine.apply_execution_report(report(1, "0"))
    # Whoever is told of the settings goes on.
    later = SwitchedDriver(its)
    assert ShardedEngine._of(later).execute_pre_trade(buy(1))
