"""What a server costs: the router as a process, with a client here and its workers behind it.

Run by :mod:`bench.child`. ``openpit serve`` runs with the code under test, over two shards; the
broker's axis and the settlement asset's are counted. What is told as the workers' time is the
server process's alone, its system calls included: none of the workers', none of this client's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpit
from bench.running import Running
from bench.sharded import median, uvloop_runner
from bench.workloads import order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


__all__ = ["WORKLOADS", "opened"]

BATCH = 256
IN_FLIGHT = 64

# Those of bench.workloads.four_policies(), which the reference has, and an asset's axis.
LIMITS = """
[order_validation]
[rate_limit]
[rate_limit.broker]
max_orders = 1000000000
window = "1h"
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 1000000000
window = "1h"
[order_size_limit]
[order_size_limit.broker]
max_quantity = "1000"
max_notional = "1000000"
[pnl_bounds_killswitch]
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-1000"
upper_bound = "1000000000000"
"""


@contextmanager
def server(shards: int = 2) -> Iterator[tuple[str, int]]:
    """A server that listens: its path, and the process of its router."""
    with tempfile.TemporaryDirectory(prefix="openpit-") as folder:
        config = Path(folder, "limits.toml")
        config.write_text(LIMITS, encoding="ascii")
        path = f"{folder}/desk.sock"
        without_site = ["-S"] if sys.flags.no_site else []  # as bench.sides has it
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [
                *(sys.executable, *without_site, "-m", "openpit", "serve", "--socket", path),
                *("--shards", str(shards), "--config", str(config), "--ready-fd", str(writing)),
            ],
            pass_fds=[writing],
        )
        os.close(writing)
        try:
            with os.fdopen(reading) as ready:
                if not ready.readline():
                    raise RuntimeError("the server has not started")
            yield path, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def many() -> Iterator[Running]:
    """One order of those executed 256 in a call, and committed 256 in a call."""
    with server() as (path, pid), openpit.connect(path) as engine:

        def run(count: int) -> None:
            for start in range(0, count, BATCH):
                orders = [order(index) for index in range(start, min(start + BATCH, count))]
                results = engine.execute_pre_trade_many(orders)
                engine.commit_many([_reservation(result) for result in results])

        yield Running(run, [pid])


def _reservation(result: Any) -> Any:
    """Return what an order has got: that of one that was rejected was not to be timed."""
    assert result.reservation is not None
    return result.reservation


@contextmanager
def in_flight() -> Iterator[Running]:
    """One order, executed and committed, where 64 callers of one program wait for theirs."""
    orders = [order(index) for index in range(1000)]
    with server() as (path, pid), uvloop_runner() as runner:
        engine = runner.run(openpit.connect_async(path))

        async def caller(first: int, count: int) -> None:
            for index in range(first, count, IN_FLIGHT):
                result = await engine.execute_pre_trade(orders[index % 1000])
                await _reservation(result).commit()

        async def callers(count: int) -> None:
            await asyncio.gather(*(caller(first, count) for first in range(IN_FLIGHT)))

        yield Running(lambda count: runner.run(callers(count)), [pid])
        runner.run(engine.close())


@contextmanager
def round_trip() -> Iterator[Running]:
    """The median time of ``execute_pre_trade`` through a server, one order at a time."""
    orders = [order(index) for index in range(1000)]
    with server() as (path, pid), openpit.connect(path) as engine:

        def run(count: int) -> float:
            samples = []
            for index in range(count):
                started = time.perf_counter_ns()
                result = engine.execute_pre_trade(orders[index % 1000])
                samples.append(time.perf_counter_ns() - started)
                _reservation(result).commit()
            return median(samples)

        yield Running(run, [pid])


WORKLOADS: dict[str, Callable[[], AbstractContextManager[Running]]] = {
    workload.__name__: workload for workload in (many, in_flight, round_trip)
}


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return WORKLOADS[workload]()
