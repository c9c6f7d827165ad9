"""A shard's core alone: what a worker does for an order with a reservation, and its commit.

Run by :mod:`bench.child`. A client's and a first shard's cores answer the calls of a round, which
is not timed; a second shard then goes through the same bytes, as a worker would that has read them.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.cores import Shards, fund, joined
from bench.running import Running
from bench.workloads import order
from openpit.pretrade import policies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["BATCHES", "Recorded", "engine_on", "in_batches", "opened"]

BATCHES = {"funds_128": 128, "funds_256": 256}
"""By workload: how many orders a call holds, and commits."""

WARM = 1024
"""Calls before the first round, as in :mod:`bench.cores`."""


class Recorded(Shards):
    """A shard that answers, and one that goes through the same when it is told."""

    def __init__(self) -> None:
        super().__init__(2)
        self._frames: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        if not self.cores:
            return self._start(data)
        self._frames.append(data)
        replies: bytes = self.cores[0].receive(data)
        return replies

    def repeat(self) -> int:
        """Have the second shard do what the first has done since; return its nanoseconds."""
        shard, frames = self.cores[1], self._frames
        self._frames = []
        gc.collect()
        began = time.process_time_ns()
        for data in frames:
            shard.receive(data)
        return time.process_time_ns() - began


def engine_on(shards: Recorded) -> Any:
    """Return an engine of spot funds on these shards, with funds in both."""
    engine = joined([policies.build_spot_funds()], shards)
    fund(engine)
    return engine


def in_batches(engine: Any, size: int, count: int) -> None:
    """Execute and commit so many orders."""
    for start in range(0, count, size):
        orders = [order(index) for index in range(start, min(start + size, count))]
        results = engine.execute_pre_trade_many(orders)
        engine.commit_many([result.reservation for result in results])


@contextmanager
def _running(size: int) -> Iterator[Running]:
    shards = Recorded()
    engine = engine_on(shards)
    in_batches(engine, size, WARM)
    shards.repeat()

    def run(count: int) -> float:
        in_batches(engine, size, count)
        return shards.repeat() / count

    yield Running(run)


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return _running(BATCHES[workload])
