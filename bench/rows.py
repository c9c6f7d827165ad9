"""The rows of the benchmark: what of ours is timed against which yardstick, and the aim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ROWS", "Row", "Timed"]


@dataclass(frozen=True)
class Timed:
    """One workload of a script in this folder, run with one library.

    The script prints nanoseconds for one operation: ``-m bench.script workload rounds count``.
    """

    script: str
    workload: str
    library: Literal["ours", "reference"]
    count: int


@dataclass(frozen=True)
class Row:
    """Ours against a yardstick; ``aim`` is the largest ratio that is hoped for.

    Without a yardstick it is a figure by itself, and the aim is in microseconds.
    """

    name: str
    ours: Timed
    yardstick: Timed | None
    aim: float | None


def _same(name: str, workload: str, aim: float | None, count: int = 20_000) -> Row:
    """Return a row that runs one workload on both libraries."""
    return Row(
        name,
        Timed("workloads", workload, "ours", count),
        Timed("workloads", workload, "reference", count),
        aim,
    )


ROWS: tuple[Row, ...] = (
    _same("construct an order", "construct", 0.5),
    _same("execute and commit, four policies", "execute_commit", 2.0),
    _same("construct, execute and commit", "construct_execute_commit", 0.7),
    _same("custom policy with a mutation", "custom_policy", 0.6),
    _same("spot funds: construct, execute, roll back", "spot_funds", 1.0),
    _same("spot funds: fill report", "fill_report", None),
    _same("PnL report, four policies", "pnl_report", None),
    _same("construct, execute and commit, custom policy", "construct_custom", 0.6),
    Row(
        "2 shards, batches of 256: construct, execute, commit",
        Timed("sharded", "many", "ours", 50_000),
        Timed("workloads", "construct_execute_commit", "reference", 50_000),
        1 / 1.5,
    ),
    Row(
        "the same, two batches in flight on uvloop",
        Timed("sharded", "many_in_flight", "ours", 50_000),
        Timed("workloads", "construct_execute_commit", "reference", 50_000),
        1 / 1.5,
    ),
    Row(
        "the same, against the reference in a pool, a task an order",
        Timed("sharded", "many_in_flight", "ours", 50_000),
        Timed("sharded", "pool", "reference", 3_000),
        1 / 30,
    ),
    Row(
        "2 shards, custom policy of 20 µs, against 2 threads",
        Timed("sharded", "busy_shards", "ours", 10_000),
        Timed("sharded", "busy_threads", "reference", 10_000),
        1 / 1.8,
    ),
    Row(
        "one order in flight, blocking: median, against a pipe echo",
        Timed("sharded", "blocking_round_trip", "ours", 5_000),
        Timed("sharded", "pipe_echo", "ours", 5_000),
        2.5,
    ),
    Row(
        "256 in flight, uvloop, against an echo with a future each",
        Timed("sharded", "asyncio_in_flight", "ours", 20_000),
        Timed("sharded", "uvloop_echo", "ours", 20_000),
        1 / 0.5,
    ),
    Row(
        "processor time of the caller for an order (µs)",
        Timed("sharded", "caller_time", "ours", 50_000),
        None,
        5.0,
    ),
    Row(
        "processor time of a worker for an order (µs)",
        Timed("sharded", "worker_time", "ours", 50_000),
        None,
        5.0,
    ),
)
