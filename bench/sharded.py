"""What the sharded engine is timed with, and its yardsticks: bare pipes, pools, threads.

Run by ``python -m bench`` as ``-m bench.sharded workload rounds count``; prints nanoseconds for one
order (or the median nanoseconds of one round trip). The yardsticks need nothing of the sharded
engine and run with the reference wheel under the name ``openpit`` where they check orders.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

import openpit
from bench.workloads import engine_of, four_policies, order, registered
from openpit.pretrade import Policy, PolicyDecision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BATCH = 256
SHARDS = 2
POOL_WORKERS = 2
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


def sharded_builder(registrations: list[object]) -> Any:
    return registered(openpit.Engine.builder().sharded(shards=SHARDS), registrations)


def per_order(run: Callable[[int], object], rounds: int, count: int) -> float:
    """Return the nanoseconds of one order in the quickest round of ``run(count)``."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter_ns()
        run(count)
        best = min(best, (time.perf_counter_ns() - started) / count)
    return best


def median(samples: list[int]) -> float:
    samples.sort()
    return samples[len(samples) // 2]


# --- one order in flight -------------------------------------------------------------------------


def blocking_round_trip(rounds: int, count: int) -> float:
    """Return the median time of ``execute_pre_trade`` through a shard, one at a time."""
    with sharded_builder(four_policies()).build() as engine:
        orders = [order(index) for index in range(1000)]
        samples = []
        for index in range(rounds * count):
            started = time.perf_counter_ns()
            result = engine.execute_pre_trade(orders[index % 1000])
            samples.append(time.perf_counter_ns() - started)
            result.reservation.commit()
    return median(samples)


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


def pipe_echo(rounds: int, count: int) -> float:
    """Return the median time of a bare blocking echo of the same bytes over two pipes."""
    child, command_end, reply_end = _start_echo()
    command = bytes(COMMAND_BYTES)
    samples = []
    for _ in range(rounds * count):
        started = time.perf_counter_ns()
        os.write(command_end, command)
        os.read(reply_end, 65536)
        samples.append(time.perf_counter_ns() - started)
    os.close(command_end)
    os.close(reply_end)
    os.waitpid(child, 0)
    return median(samples)


# --- asyncio on uvloop, 256 in flight ------------------------------------------------------------


def _run_on_uvloop(main: Callable[[], Awaitable[float]]) -> float:
    async def entry() -> float:
        return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(entry())


async def _keep_in_flight(call: Callable[[int], Awaitable[object]], count: int) -> None:
    async def caller(first: int) -> None:
        for index in range(first, count, BATCH):
            await call(index)

    await asyncio.gather(*(caller(first) for first in range(BATCH)))


def asyncio_in_flight(rounds: int, count: int) -> float:
    """Return the time of one order with 256 callers that wait for theirs, on uvloop."""

    async def main() -> float:
        orders = [order(index) for index in range(1000)]
        best = float("inf")
        async with await sharded_builder(four_policies()).build_async() as engine:

            async def call(index: int) -> None:
                result = await engine.execute_pre_trade(orders[index % 1000])
                await result.reservation.commit()

            for _ in range(rounds):
                started = time.perf_counter_ns()
                await _keep_in_flight(call, count)
                best = min(best, (time.perf_counter_ns() - started) / count)
        return best

    return _run_on_uvloop(main)


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


def uvloop_echo(rounds: int, count: int) -> float:
    """Return the time of one message of a bare echo on uvloop with one future per message."""

    async def main() -> float:
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
        loop = asyncio.get_running_loop()
        reader = _EchoReader()
        incoming, _ = await loop.connect_read_pipe(lambda: reader, os.fdopen(reply_end, "rb"))
        outgoing, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(command_end, "wb")
        )
        message = bytes(COMMAND_BYTES)

        async def call(_: int) -> None:
            future = loop.create_future()
            reader.waiting.append(future)
            outgoing.write(message)
            await future

        best = float("inf")
        for _ in range(rounds):
            started = time.perf_counter_ns()
            await _keep_in_flight(call, count)
            best = min(best, (time.perf_counter_ns() - started) / count)
        outgoing.abort()
        incoming.close()
        os.kill(child, signal.SIGKILL)
        return best

    best = _run_on_uvloop(main)
    os.wait()
    return best


# --- volume --------------------------------------------------------------------------------------


def _through_shards(engine: Any, count: int) -> None:
    for start in range(0, count, BATCH):
        orders = [order(index) for index in range(start, min(start + BATCH, count))]
        results = engine.execute_pre_trade_many(orders)
        engine.commit_many([result.reservation for result in results])


def many(rounds: int, count: int) -> float:
    """Return the time of one order, constructed, executed and committed in batches of 256."""
    with sharded_builder(four_policies()).build() as engine:
        return per_order(lambda count: _through_shards(engine, count), rounds, count)


def many_in_flight(rounds: int, count: int) -> float:
    """Return the time of one order as in ``many``, with two batches in flight on uvloop."""

    async def main() -> float:
        async with await sharded_builder(four_policies()).build_async() as engine:

            async def lane(first: int) -> None:
                for start in range(first, count, 2 * BATCH):
                    orders = [order(index) for index in range(start, min(start + BATCH, count))]
                    results = await engine.execute_pre_trade_many(orders)
                    await engine.commit_many([result.reservation for result in results])

            best = float("inf")
            for _ in range(rounds):
                started = time.perf_counter_ns()
                await asyncio.gather(lane(0), lane(BATCH))
                best = min(best, (time.perf_counter_ns() - started) / count)
        return best

    return _run_on_uvloop(main)


def _processor_times(rounds: int, count: int) -> tuple[float, float]:
    def of_process(pid: int) -> float:
        return float(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])

    with sharded_builder(four_policies()).build() as engine:
        workers = [shard.pid for shard in engine.stats()]
        caller = worker = float("inf")
        for _ in range(rounds):
            before, started = [of_process(pid) for pid in workers], time.process_time_ns()
            _through_shards(engine, count)
            caller = min(caller, (time.process_time_ns() - started) / count)
            spent = [of_process(pid) - was for pid, was in zip(workers, before, strict=True)]
            worker = min(worker, sum(spent) / count)
    return caller, worker


def caller_time(rounds: int, count: int) -> float:
    """Return the caller's processor time for one order: construct, execute, commit."""
    return _processor_times(rounds, count)[0]


def worker_time(rounds: int, count: int) -> float:
    """Return the owning worker's processor time for one order."""
    return _processor_times(rounds, count)[1]


# --- a custom policy of 20 µs --------------------------------------------------------------------


def busy_shards(rounds: int, count: int) -> float:
    """Return the time of one order with a policy of 20 µs, 2 shards."""
    with sharded_builder([BusyPolicy()]).build() as engine:
        return per_order(lambda count: _through_shards(engine, count), rounds, count)


def busy_threads(rounds: int, count: int) -> float:
    """Return the time of one order with a policy of 20 µs, one process and 2 threads."""
    engine = registered(openpit.Engine.builder().full_sync(), [BusyPolicy()]).build()

    def part(indexes: range) -> None:
        for index in indexes:
            engine.execute_pre_trade(order=order(index)).reservation.commit()

    def run(count: int) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(part, [range(0, count, 2), range(1, count, 2)]))

    return per_order(run, rounds, count)


# --- the reference in a pool of processes --------------------------------------------------------

_pooled: Any = None


def _pool_start() -> None:
    global _pooled  # noqa: PLW0603 - how a pool's processes keep what they were started with
    _pooled = engine_of(four_policies())


def _pool_task(index: int) -> bool:
    _pooled.execute_pre_trade(order=order(index)).reservation.commit()
    return True


def pool(rounds: int, count: int) -> float:
    """Return the time of one order in a process pool, one task for each order."""
    with ProcessPoolExecutor(
        POOL_WORKERS, mp_context=get_context("spawn"), initializer=_pool_start
    ) as executor:
        list(executor.map(_pool_task, range(100)))
        return per_order(lambda count: list(executor.map(_pool_task, range(count))), rounds, count)


WORKLOADS: dict[str, Callable[[int, int], float]] = {
    workload.__name__: workload
    for workload in (
        blocking_round_trip,
        pipe_echo,
        asyncio_in_flight,
        uvloop_echo,
        many,
        many_in_flight,
        caller_time,
        worker_time,
        busy_shards,
        busy_threads,
        pool,
    )
}


if __name__ == "__main__":
    name, rounds, count = sys.argv[1:]
    print(WORKLOADS[name](int(rounds), int(count)))
