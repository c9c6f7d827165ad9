"""What the sharded engine is timed with, and its yardsticks: bare pipes, pools, threads.

Run by :mod:`bench.child`. The yardsticks need nothing of the sharded engine and run with the
reference wheel under the name ``openpit`` where they check orders.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import uvloop

import openpit
from bench.journal import folder_beside
from bench.running import Running
from bench.workloads import at_most, engine_of, four_policies, order, registered
from openpit.pretrade import Policy, PolicyDecision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from openpit.journal.writing import Sync

BATCH = 256
SHARDS = 2
POOL_WORKERS = 2
LANES = (2, 4)
"""How many batches are in flight where a journal is measured under load."""
# What one order and its answer take on the pipes of the sharded engine, four policies: measured.
COMMAND_BYTES, REPLY_BYTES = 60, 8


class BusyPolicy(Policy):
    """A custom policy that costs about 20 µs of Python for an order."""

    @property
    def name(self) -> str:
        return "Busy"

    def perform_pre_trade_check(self, ctx: object, order: object) -> PolicyDecision:
        total = 0
        for step in range(600):
            total += step * step % 7
        return PolicyDecision.accept()


def sharded_builder(registrations: list[object], *, shards: int = SHARDS, **options: Any) -> Any:
    return registered(openpit.Engine.builder().sharded(shards=shards, **options), registrations)


def pids(engine: Any) -> list[int]:
    return [shard.pid for shard in engine.stats()]


def median(samples: list[int]) -> float:
    samples.sort()
    return samples[len(samples) // 2]


# --- one order in flight -------------------------------------------------------------------------


@contextmanager
def blocking_round_trip() -> Iterator[Running]:
    """The median time of ``execute_pre_trade`` through a shard, one at a time."""
    with sharded_builder(four_policies()).build() as engine:
        orders = [order(index) for index in range(1000)]

        def run(count: int) -> float:
            samples = []
            for index in range(count):
                started = time.perf_counter_ns()
                result = engine.execute_pre_trade(orders[index % 1000])
                samples.append(time.perf_counter_ns() - started)
                result.reservation.commit()
            return median(samples)

        yield Running(run, pids(engine))


def _echo(source: int, sink: int) -> None:
    answer = bytes(REPLY_BYTES)
    while os.read(source, 65536):
        os.write(sink, answer)


def _start_echo() -> tuple[Any, int, int]:
    commands, command_end = os.pipe()
    reply_end, replies = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(command_end)
        os.close(reply_end)
        _echo(commands, replies)
        os._exit(0)
    os.close(commands)
    os.close(replies)
    return child, command_end, reply_end


@contextmanager
def pipe_echo() -> Iterator[Running]:
    """The median time of a bare blocking echo of the same bytes over two pipes."""
    child, command_end, reply_end = _start_echo()
    command = bytes(COMMAND_BYTES)

    def run(count: int) -> float:
        samples = []
        for _ in range(count):
            started = time.perf_counter_ns()
            os.write(command_end, command)
            os.read(reply_end, 65536)
            samples.append(time.perf_counter_ns() - started)
        return median(samples)

    yield Running(run)
    os.close(command_end)
    os.close(reply_end)
    os.waitpid(child, 0)


# --- asyncio on uvloop, 256 in flight ------------------------------------------------------------


@contextmanager
def uvloop_runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@contextmanager
def asyncio_engine(runner: asyncio.Runner, **options: Any) -> Iterator[Any]:
    """An engine of the asyncio face that stays open from round to round."""
    engine = runner.run(sharded_builder(four_policies(), **options).build_async())
    try:
        yield engine
    finally:
        runner.run(engine.close())


async def _keep_in_flight(call: Callable[[int], Awaitable[object]], count: int) -> None:
    async def caller(first: int) -> None:
        for index in range(first, count, BATCH):
            await call(index)

    await asyncio.gather(*(caller(first) for first in range(BATCH)))


@contextmanager
def asyncio_in_flight() -> Iterator[Running]:
    """One order with 256 callers that wait for theirs, on uvloop."""
    orders = [order(index) for index in range(1000)]
    with uvloop_runner() as runner, asyncio_engine(runner) as engine:

        async def call(index: int) -> None:
            result = await engine.execute_pre_trade(orders[index % 1000])
            await result.reservation.commit()

        yield Running(lambda count: runner.run(_keep_in_flight(call, count)), pids(engine))


class _EchoReader(asyncio.Protocol):
    """Completes one future for every answer, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.rest = 0

    def data_received(self, data: bytes) -> None:
        answered, self.rest = divmod(self.rest + len(data), REPLY_BYTES)
        for future in self.waiting[:answered]:
            future.set_result(None)
        del self.waiting[:answered]


def _echo_many(source: int, sink: int) -> None:
    rest = 0
    while data := os.read(source, 1 << 20):
        answered, rest = divmod(rest + len(data), COMMAND_BYTES)
        os.write(sink, bytes(REPLY_BYTES * answered))


@contextmanager
def uvloop_echo() -> Iterator[Running]:
    """One message of a bare echo on uvloop with one future per message."""
    commands, command_end = os.pipe()
    reply_end, replies = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(command_end)
        os.close(reply_end)
        _echo_many(commands, replies)
        os._exit(0)
    os.close(commands)
    os.close(replies)
    reader = _EchoReader()
    message = bytes(COMMAND_BYTES)

    async def connect() -> tuple[asyncio.ReadTransport, asyncio.WriteTransport]:
        loop = asyncio.get_running_loop()
        incoming, _ = await loop.connect_read_pipe(lambda: reader, os.fdopen(reply_end, "rb"))
        outgoing, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(command_end, "wb")
        )
        return incoming, outgoing

    with uvloop_runner() as runner:
        incoming, outgoing = runner.run(connect())

        async def call(_: int) -> None:
            future = asyncio.get_running_loop().create_future()
            reader.waiting.append(future)
            outgoing.write(message)
            await future

        yield Running(lambda count: runner.run(_keep_in_flight(call, count)))
        outgoing.abort()
        incoming.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# --- volume --------------------------------------------------------------------------------------


def _through_shards(engine: Any, count: int) -> None:
    for start in range(0, count, BATCH):
        orders = [order(index) for index in range(start, min(start + BATCH, count))]
        results = engine.execute_pre_trade_many(orders)
        engine.commit_many([result.reservation for result in results])


@contextmanager
def many(shards: int = SHARDS) -> Iterator[Running]:
    """One order, constructed, executed and committed in batches of 256."""
    with sharded_builder(four_policies(), shards=shards).build() as engine:
        yield Running(lambda count: _through_shards(engine, count), pids(engine))


def _lanes(runner: asyncio.Runner, engine: Any, lanes: int) -> Running:
    """Orders as in ``many``, with so many batches in flight."""

    async def lane(first: int, count: int) -> None:
        for start in range(first, count, lanes * BATCH):
            orders = [order(index) for index in range(start, min(start + BATCH, count))]
            results = await engine.execute_pre_trade_many(orders)
            await engine.commit_many([result.reservation for result in results])

    async def all_of(count: int) -> None:
        await asyncio.gather(*(lane(first * BATCH, count) for first in range(lanes)))

    return Running(lambda count: runner.run(all_of(count)), pids(engine))


@contextmanager
def many_in_flight() -> Iterator[Running]:
    """One order as in ``many``, with two batches in flight on uvloop."""
    with uvloop_runner() as runner, asyncio_engine(runner) as engine:
        yield _lanes(runner, engine, 2)


# --- rate limits over accounts -------------------------------------------------------------------


@contextmanager
def many_at(share: float) -> Iterator[Running]:
    """One order as in ``many``, at limits that let pass so many times what comes in a second."""
    with sharded_builder(four_policies()).build() as engine:
        _through_shards(engine, 20 * BATCH)
        started = time.perf_counter()
        _through_shards(engine, 100 * BATCH)
        rate = 100 * BATCH / (time.perf_counter() - started)
    with sharded_builder(at_most(int(rate * share))).build() as engine:

        def run(count: int) -> None:
            for start in range(0, count, BATCH):
                orders = [order(index) for index in range(start, min(start + BATCH, count))]
                results = engine.execute_pre_trade_many(orders)
                engine.commit_many([result.reservation for result in results if result.ok])

        yield Running(run, pids(engine))


# --- with a journal ------------------------------------------------------------------------------


@contextmanager
def many_kept(sync: Sync) -> Iterator[Running]:
    """One order as in ``many``, with a journal that is synced before replies leave, or not."""
    with folder_beside() as folder:
        builder = openpit.Engine.builder().sharded(
            shards=SHARDS, journal=str(folder / "journal"), sync=sync
        )
        with registered(builder, four_policies()).build() as engine:
            yield Running(lambda count: _through_shards(engine, count), pids(engine))


@contextmanager
def many_kept_in_flight(sync: Sync, lanes: int) -> Iterator[Running]:
    """One order as in ``many_kept``, with so many batches in flight on uvloop."""
    with folder_beside() as folder, uvloop_runner() as runner:
        kept = {"journal": str(folder / "journal"), "sync": sync}
        with asyncio_engine(runner, **kept) as engine:
            yield _lanes(runner, engine, lanes)


# --- a custom policy of 20 µs --------------------------------------------------------------------


@contextmanager
def busy_shards() -> Iterator[Running]:
    """One order with a policy of 20 µs, 2 shards."""
    with sharded_builder([BusyPolicy()]).build() as engine:
        yield Running(lambda count: _through_shards(engine, count), pids(engine))


@contextmanager
def busy_threads() -> Iterator[Running]:
    """One order with a policy of 20 µs, one process and 2 threads."""
    engine = registered(openpit.Engine.builder().full_sync(), [BusyPolicy()]).build()

    def part(indexes: range) -> None:
        for index in indexes:
            engine.execute_pre_trade(order=order(index)).reservation.commit()

    def run(count: int) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(part, [range(0, count, 2), range(1, count, 2)]))

    yield Running(run)


# --- the reference in a pool of processes --------------------------------------------------------

_pooled: Any = None


def _pool_start() -> None:
    global _pooled  # noqa: PLW0603 - how a pool's processes keep what they were started with
    _pooled = engine_of(four_policies())


def _pool_task(index: int) -> bool:
    _pooled.execute_pre_trade(order=order(index)).reservation.commit()
    return True


@contextmanager
def pool() -> Iterator[Running]:
    """One order in a process pool, one task for each order."""
    with ProcessPoolExecutor(
        POOL_WORKERS, mp_context=get_context("spawn"), initializer=_pool_start
    ) as executor:
        list(executor.map(_pool_task, range(100)))

        def run(count: int) -> None:
            list(executor.map(_pool_task, range(count)))

        yield Running(run)


WORKLOADS: dict[str, Callable[[], AbstractContextManager[Running]]] = {
    workload.__name__: workload
    for workload in (
        blocking_round_trip,
        pipe_echo,
        asyncio_in_flight,
        uvloop_echo,
        many,
        many_in_flight,
        busy_shards,
        busy_threads,
        pool,
    )
}
WORKLOADS.update({f"many_on_{shards}": partial(many, shards) for shards in (1, 4, 16)})
_SYNCS: dict[str, Sync] = {"kept": "process", "synced": "power"}
WORKLOADS.update({f"many_{name}": partial(many_kept, sync) for name, sync in _SYNCS.items()})
WORKLOADS.update(
    {
        f"many_{name}_{lanes}_in_flight": partial(many_kept_in_flight, sync, lanes)
        for name, sync in _SYNCS.items()
        for lanes in LANES
    }
)
WORKLOADS.update(
    {"many_at_ten_times": partial(many_at, 10.0), "many_at_a_tenth": partial(many_at, 0.1)}
)


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return WORKLOADS[workload]()
