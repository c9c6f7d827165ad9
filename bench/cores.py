"""Both cores of the sharded engine in one process, bytes handed over by hand: no pipe, no clock.

Run by :mod:`bench.child`. What is left is the work that calls cost on their way through router and
shard, which can be counted in instructions. ``twice_...`` has a second shard do the same work with
the same bytes, and drops its replies: what that adds is the shard's part of the row.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openpit
from bench.running import Running
from bench.workloads import (
    ACCOUNTS,
    SYMBOLS,
    CountingPolicy,
    at_most,
    fill,
    four_policies,
    order,
    pnl,
    registered,
)
from openpit import param
from openpit.pretrade import policies
from openpit.shards import setup
from openpit.wire import frames as wire
from openpit.wire import kinds
from openpit.wire.frames import FrameReader

try:
    from openpit.client.handles import BLOCKING
    from openpit.faces.blocking.engine import ShardedEngine
except ImportError:  # the package is a commit of before
    from openpit.router.engine import ShardedEngine  # type: ignore[import-not-found,no-redef]
    from openpit.router.proxies import BLOCKING  # type: ignore[import-not-found,no-redef]

try:
    from openpit.client.handles import Runner
except ImportError:  # as above
    from openpit.router.shard_link import Runner  # type: ignore[attr-defined,no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["CALLS", "opened"]

BATCH = 128


class _Shards:
    """The shard that answers, and its twin that does the same if there is one."""

    def __init__(self, count: int) -> None:
        self._cores: list[Any] = []
        self._readers = [FrameReader() for _ in range(count)]

    def receive(self, data: bytes) -> bytes:
        if not self._cores:
            return self._start(data)
        for core in self._cores[1:]:
            core.receive(data)
        replies: bytes = self._cores[0].receive(data)
        return replies

    def _start(self, data: bytes) -> bytes:
        ready = b""
        for reader in self._readers:
            frame = reader.feed(data)[0]
            if hasattr(setup, "read_hello"):
                started, told = setup.start_shard(setup.read_hello(frame), reader)
                if not hasattr(kinds, "CHECKED"):  # a commit of before: what the worker lacks alone
                    told = (kinds.READY, told)
                ready = wire.reply_frame(frame, wire.pack((told,)))
            else:  # a commit of before: its own first command, and its own reply
                before: Any = wire
                started, lacking = setup.start_shard(frame[1][0], reader)  # type: ignore[index]  # a frame was a tuple
                ready = before.frame(0, wire.pack((kinds.READY, 0, tuple(lacking))), 1)
            self._cores.append(started)
        return ready


class _Driver(Runner):
    """Runs the core's calls to their end, as a face does."""

    def __init__(self, plan: Any, clock: Callable[[], int], shards: int) -> None:
        self.clock = clock
        self.feeds: list[Any] = []
        if hasattr(plan, "client"):
            self.client: Any = plan.client(BLOCKING, self)
            self.router: Any = self.client.router
        else:  # a commit of before
            self.client = self.router = self.core = plan.core(BLOCKING, self)
        self.link = self.router.links[0]
        self.shards = _Shards(shards)
        # Of a commit of before, the router starts a shard.
        start = (self.client if hasattr(self.client, "start") else self.router).start
        self._finish(start(self.link, clock(), plan.payload))

    def run(self, method: Any, *arguments: Any) -> Any:
        return self._finish(method(self.clock(), *arguments)).result()

    def run_part(self, method: Any, *arguments: Any) -> Any:
        call = method(self.clock(), *arguments)
        rest = () if self.client is not self.router else (self.client,)
        while call.feed(*rest):
            self._pump()
        return self._finish(call)

    def run_many(self, method: Any, *arguments: Any) -> Any:
        return self.run_part(method, *arguments).result()

    def finalize(self, proxy: Any, *, commit: bool) -> None:
        self.run(self.client.finalize, proxy, commit)

    def _finish(self, call: Any) -> Any:
        self._pump()
        return call

    def _pump(self) -> None:
        link, router, shards = self.link, self.router, self.shards
        while data := link.take():
            replies = shards.receive(data)
            if replies:
                router.receive(link, replies)


def _joined(registrations: list[object], shards: int) -> Any:
    """Return the engine that a program would have, without a worker process."""
    builder = registered(openpit.Engine.builder().sharded(shards=1), registrations)
    # As build() does, which would start processes; a commit of before has no other names for it.
    return ShardedEngine._of(_Driver(builder._plan(), builder._clock, shards))  # type: ignore[arg-type]  # noqa: SLF001 - it has what is asked of it


def _fund(engine: Any, *, currency: str | None = None) -> None:
    amount = openpit.AccountAdjustmentAmount(balance=param.AdjustmentAmount.absolute(10**12))
    for number in range(ACCOUNTS):
        account = param.AccountId.from_int(number)
        adjustments = []
        for asset in ("USD", *SYMBOLS):
            owned = currency is not None and asset != currency
            operation = openpit.AccountAdjustmentBalanceOperation(
                asset=asset, average_entry_price=param.Price("150.25") if owned else None
            )
            adjustments.append(openpit.AccountAdjustment(operation=operation, amount=amount))
        engine.apply_account_adjustment(account, adjustments)
        if currency is not None:
            engine.accounts().set_currency(account, currency)


def _no_broker_limit() -> list[object]:
    validation, _, size, bounds = four_policies()
    return [validation, size, bounds]


def _rejecting() -> list[object]:
    return [
        policies.build_order_validation(),
        policies.build_rate_limit().broker_barrier(
            policies.RateLimitBrokerBarrier(policies.RateLimit(10**9, dt.timedelta(hours=1)))
        ),
        policies.build_order_size_limit().broker_barrier(
            policies.OrderSizeBrokerBarrier(
                policies.OrderSizeLimit(max_quantity="0.5", max_notional=1_000_000)
            )
        ),
    ]


def _one_by_one(engine: Any, count: int) -> None:
    execute = engine.execute_pre_trade
    for index in range(count):
        execute(order=order(index)).reservation.commit()


def _refused(engine: Any, count: int) -> None:
    execute = engine.execute_pre_trade
    for index in range(count):
        if execute(order=order(index)).rejects[0].code is None:
            raise AssertionError


def _in_batches(engine: Any, count: int) -> None:
    for start in range(0, count, BATCH):
        orders = [order(index) for index in range(start, min(start + BATCH, count))]
        results = engine.execute_pre_trade_many(orders)
        engine.commit_many([result.reservation for result in results])


def _in_refused_batches(engine: Any, count: int) -> None:
    for start in range(0, count, BATCH):
        orders = [order(index) for index in range(start, min(start + BATCH, count))]
        results = engine.execute_pre_trade_many(orders)
        engine.commit_many([result.reservation for result in results if result.ok])


def _reports(make: Callable[[int], Any]) -> Callable[[Any, int], None]:
    def run(engine: Any, count: int) -> None:
        for index in range(count):
            engine.apply_execution_report(report=make(index))

    return run


def _report_batches(make: Callable[[int], Any]) -> Callable[[Any, int], None]:
    def run(engine: Any, count: int) -> None:
        for start in range(0, count, BATCH):
            engine.apply_execution_report_many(
                [make(index) for index in range(start, min(start + BATCH, count))]
            )

    return run


_Call = tuple["Callable[[], list[object]]", bool, "Callable[[Any, int], None]"]

CALLS: dict[str, _Call] = {
    "single": (four_policies, False, _one_by_one),
    "single_held": (lambda: [CountingPolicy()], False, _one_by_one),
    "single_rejected": (_rejecting, False, _refused),
    "single_funds": (lambda: [policies.build_spot_funds()], True, _one_by_one),
    "batches": (four_policies, False, _in_batches),
    "batches_uncounted": (_no_broker_limit, False, _in_batches),
    "batches_limited": (lambda: at_most(10**9), False, _in_batches),
    "batches_refused": (lambda: at_most(1), False, _in_refused_batches),
    "batches_held": (lambda: [CountingPolicy()], False, _in_batches),
    "batches_funds": (lambda: [policies.build_spot_funds()], True, _in_batches),
    "report_pnl": (four_policies, False, _reports(pnl)),
    "report_fill": (lambda: [policies.build_spot_funds()], True, _reports(fill)),
    "reports_pnl": (four_policies, False, _report_batches(pnl)),
    "reports_fill": (lambda: [policies.build_spot_funds()], True, _report_batches(fill)),
}
"""By name: the policies, whether the accounts need funds, and the calls of a round."""

TWICE = "twice_"
WARM = 1024
"""Calls before the first round: most prices and quantities of a flow have been there before."""


def engine_for(name: str, shards: int) -> Any:
    make, is_funded, _ = CALLS[name]
    engine = _joined(make(), shards)
    if is_funded:
        _fund(engine, currency="USD" if "fill" in name else None)
    return engine


@contextmanager
def _running(name: str) -> Iterator[Running]:
    plain = name.removeprefix(TWICE)
    engine = engine_for(plain, 1 if plain == name else 2)
    calls = CALLS[plain][2]
    calls(engine, WARM)
    yield Running(lambda count: calls(engine, count))


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return _running(workload)
