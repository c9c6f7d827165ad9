"""A random day on an engine that is stopped and built again, and on one that never stops."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from makers import Clock, account, deposit, fill, order
from recovery_policies import Counting

import openpit
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    RateLimit,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_size_limit,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = range(1, 9)
HOUR = timedelta(hours=1)


def with_policies(stage: Any, counting: Any = None) -> Any:
    """Return a stage with every built-in policy that a journal may have, and one of a user's."""
    return (
        stage.builtin(build_order_validation())
        .builtin(
            build_rate_limit()
            .broker_barrier(RateLimitBrokerBarrier(RateLimit(40, HOUR)))
            .asset_barriers(RateLimitAssetBarrier(RateLimit(25, HOUR), "EUR"))
            .account_barriers(RateLimitAccountBarrier(RateLimit(9, HOUR), account(2)))
        )
        .builtin(
            build_order_size_limit().broker_barrier(
                OrderSizeBrokerBarrier(limit=OrderSizeLimit(max_quantity="90"))
            )
        )
        .builtin(build_spot_funds())
        .pre_trade(counting or Counting())
    )


def said(result: Any) -> Any:
    """What a caller sees of a result."""
    rejects = [(one.policy, one.code, one.reason, one.details) for one in result.rejects]
    return bool(result), rejects


class Day:
    """The same calls on both engines, one at a time; each answer is compared."""

    def __init__(self, directory: Path, seed: int, *, shards: int = 2, **options: Any) -> None:
        self.random = Random(seed)
        self.clock = Clock()
        self.journal = directory
        self.options = {"shards": shards, "journal": directory, **options}
        self.one = self.one_engine()
        self.engine = self.built()
        self.open: list[tuple[Any, Any]] = []
        self.locks: list[tuple[int, Any]] = []
        self.calls = self.accepted = self.rejected = 0

    def ready(self, stage: Any) -> Any:
        """Return a stage with what both engines have."""
        return with_policies(stage)

    def one_engine(self) -> Any:
        return self.ready(openpit.Engine.builder().clock(self.clock).full_sync()).build()

    def built(self) -> openpit.ShardedEngine:
        stage = openpit.Engine.builder().clock(self.clock).sharded(**self.options)
        engine: openpit.ShardedEngine = self.ready(stage).build()
        return engine

    def both(self, call: Any) -> tuple[Any, Any]:
        """Make a call on both; return what came of it, or the exceptions."""
        self.calls += 1
        answers = []
        for engine in (self.one, self.engine):
            try:
                answers.append(call(engine))
            except Exception as error:  # noqa: BLE001 - compared
                answers.append(error)
        one, other = answers
        assert type(one) is type(other) or not isinstance(one, Exception), answers
        return one, other

    # --- what happens -------------------------------------------------------------------------

    def trade(self, calls: int) -> None:
        for _ in range(calls):
            self.clock.move(self.random.choice((0, 0.001, 30, 400)))
            what = self.random.choices(
                (self.place, self.end_one, self.report, self.pay, self.administer, self.change),
                (12, 8, 4, 3, 2, 1),
            )[0]
            what()

    def place(self) -> None:
        number = self.random.choice(ACCOUNTS)
        quantity = self.random.choice(("1", "5", "10", "13", "60", "95"))
        asset = self.random.choice(("USD", "EUR"))
        placed = order(number, quantity, "10", instrument=("AAPL", asset))
        one, other = self.both(lambda engine: engine.execute_pre_trade(placed))
        if isinstance(one, Exception):
            return
        assert said(one) == said(other)
        self.rejected += not one
        if one:
            self.accepted += 1
            assert repr(one.reservation.lock) == repr(other.reservation.lock)
            self.open.append((one.reservation, other.reservation))
            self.locks.append((number, one.reservation.lock))

    def end_one(self) -> None:
        if self.open:
            pair = self.open.pop(self.random.randrange(len(self.open)))
            method = self.random.choice(("commit", "rollback"))
            for reservation in pair:
                getattr(reservation, method)()

    def report(self) -> None:
        if self.locks:
            number, lock = self.random.choice(self.locks)
            filled = fill(number, "1", "10", self.random.choice(("0", "3")), lock=lock)
            one, other = self.both(lambda engine: engine.apply_execution_report(filled))
            assert repr(one) == repr(other)

    def pay(self) -> None:
        number = self.random.choice(ACCOUNTS)
        paid = [deposit(self.random.choice(("USD", "EUR")), self.random.choice(("700", "50")))]
        one, other = self.both(
            lambda engine: engine.apply_account_adjustment(account(number), paid)
        )
        assert repr(one) == repr(other)

    def administer(self) -> None:
        number, group = account(self.random.choice(ACCOUNTS)), self.random.choice((5, 6))
        self.both(
            self.random.choice(
                (
                    lambda engine: engine.accounts().block(number, "by hand"),
                    lambda engine: engine.accounts().unblock(number),
                    lambda engine: engine.accounts().unblock_all(),
                    lambda engine: engine.accounts().register_group([number], group),
                    lambda engine: engine.accounts().register_group(map(account, (1, 2, 3)), group),
                    lambda engine: engine.accounts().unregister_group([number], group),
                    lambda engine: engine.accounts().block_group(group, "all of them"),
                    lambda engine: engine.accounts().unblock_group(group),
                    lambda engine: engine.accounts().set_currency(number, "USD"),
                    lambda engine: engine.halt("lunch"),
                    lambda engine: engine.resume(),
                    lambda engine: engine.resume(),
                )
            )
        )

    def change(self) -> None:
        most = self.random.choice((10, 60, 1000))
        broker = RateLimitBrokerBarrier(RateLimit(most, HOUR))
        name = "RateLimitPolicy"
        self.both(lambda engine: engine.configure().rate_limit(name, broker=broker))

    # --- what is compared, and how the engine ends --------------------------------------------

    def compare(self) -> None:
        for number in ACCOUNTS:
            of = account(number)
            one, other = self.both(lambda engine, of=of: engine.account_state(of))
            assert repr(one) == repr(other)
        assert repr(self.one.groups()) == repr(self.engine.groups())
        assert self.one.settings() == self.engine.settings()
        assert self.one.halted() == self.engine.halted()

    def kill(self) -> None:
        """Kill every worker; nothing that the router does then gets into a log."""
        for shard in self.engine.stats():
            assert shard.pid is not None
            os.kill(shard.pid, signal.SIGKILL)

    def come_back(self, *, kills: bool) -> None:
        """End the engine, in one way or another, and build it again."""
        if kills:
            self.kill()
        self.engine.close()
        self.engine = self.built()
        left = self.engine.open_reservations()
        kept, self.open = self.open, []
        for one, other in kept:  # of each account, in the order of their submission
            at = [it.account_id and it.account_id.value for it in left].index(other._account)
            again = left.pop(at).handle
            assert repr(one.lock) == repr(again.lock)
            assert repr(one.account_adjustments) == repr(again.account_adjustments)
            self.open.append((one, again))
        assert left == []

    def close(self) -> None:
        self.engine.close()
