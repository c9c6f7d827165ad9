"""The rows of the benchmark: what of ours is timed against which yardstick, and the aims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ROWS", "Figure", "Measure", "Row", "Timed"]

Measure = Literal["wall", "processor", "workers"]


@dataclass(frozen=True)
class Timed:
    """One workload of a script in this folder, in rounds of so many operations."""

    script: str
    workload: str
    count: int


@dataclass(frozen=True)
class Figure:
    """What of a round is looked at, under which name, against what of the yardstick's.

    ``aim`` is the largest ratio to the yardstick that is hoped for.
    """

    name: str
    measure: Measure
    against: Measure | None
    aim: float | None


@dataclass(frozen=True)
class Row:
    """A workload on ours against a yardstick, which runs on ours or on the reference."""

    ours: Timed
    yardstick: Timed
    runs_on: Literal["ours", "reference"]
    figures: tuple[Figure, ...]

    @property
    def name(self) -> str:
        return self.figures[0].name

    @property
    def is_alone(self) -> bool:
        """Whether all of it happens in one process."""
        return self.ours.script in {
            "workloads",
            "cores",
            "router",
            "switch",
            "journal",
            "snapshots",
        }


def _alone(name: str, workload: str, aim: float | None) -> Row:
    """Return a row that runs one workload in one process, judged by processor time."""
    timed = Timed("workloads", workload, 4000)
    return Row(timed, timed, "reference", (Figure(name, "processor", "processor", aim),))


def _cores(name: str, workload: str, yardstick: str) -> Row:
    """Return a row of router and shard in one process, beside one engine of the reference."""
    return Row(
        Timed("cores", workload, 2000),
        Timed("workloads", yardstick, 4000),
        "reference",
        (Figure(f"cores: {name}", "processor", "processor", None),),
    )


def _shard(batch: int) -> Row:
    """Return a row of a shard's core alone, beside one engine of ours that does the same."""
    name = f"shard alone: spot funds, batches of {batch}, against one engine"
    return Row(
        Timed("shard", f"funds_{batch}", 5120),
        Timed("workloads", "execute_commit_funds", 4000),
        "ours",
        # The workload's own time is that of the shard's process.
        (Figure(name, "wall", "processor", 1.3),),
    )


def _router(name: str, workload: str) -> Row:
    """Return a row of the router alone, beside all of an order in one engine of the reference."""
    return Row(
        Timed("router", workload, 512_000),
        _ONE_PROCESS,
        "reference",
        (Figure(f"router alone: {name}", "processor", "processor", 0.05),),
    )


def _switch(name: str, workload: str, count: int) -> Row:
    """Return a row of a server's cores alone, beside all of an order in one engine."""
    return Row(
        Timed("switch", workload, count),
        _ONE_PROCESS,
        "reference",
        (Figure(f"server's cores alone: {name}", "processor", "processor", None),),
    )


def _growth(name: str, large: Timed, small: str, aim: float) -> Row:
    """Return a row that is to cost the same when there is much as when there is little."""
    yardstick = Timed(large.script, small, 10_000)
    return Row(large, yardstick, "ours", (Figure(name, "processor", "processor", aim),))


def _on_shards(shards: int) -> Row:
    """Return the row of batches on so many shards, more than there are cores or not."""
    plural = "shards" if shards > 1 else "shard"
    return Row(
        Timed("sharded", f"many_on_{shards}", 10_000),
        _ONE_PROCESS,
        "reference",
        (
            Figure(f"{shards} {plural}: the same", "wall", "wall", None),
            Figure("- processor time of the caller", "processor", "processor", None),
            Figure("- processor time of the workers", "workers", "processor", None),
        ),
    )


def _limited(name: str, workload: str) -> Row:
    """Return a row of batches at a broker's and an asset's limit, beside the same without any."""
    return Row(
        Timed("sharded", workload, 51_200),
        Timed("sharded", "many", 51_200),
        "ours",
        (
            Figure(f"2 shards, limits at {name}, against none", "wall", "wall", 1 / 0.9),
            Figure("- processor time of the caller", "processor", "processor", None),
            Figure("- processor time of the workers", "workers", "workers", None),
        ),
    )


def _synced(lanes: int) -> Row:
    """Return a row of a journal that is synced, with so many batches in flight."""
    name = f"2 shards, {lanes} batches in flight, journal synced, against one that is not"
    return Row(
        Timed("sharded", f"many_synced_{lanes}_in_flight", 51_200),
        Timed("sharded", f"many_kept_{lanes}_in_flight", 51_200),
        "ours",
        (Figure(name, "wall", "wall", 1 / 0.85),),
    )


_OF_SERVER: tuple[Measure, Measure] = ("workers", "processor")
_ONE_PROCESS = Timed("workloads", "construct_execute_commit", 4000)

ROWS: tuple[Row, ...] = (
    _alone("construct an order", "construct", 0.32),
    _alone("execute and commit, four policies", "execute_commit", 2.0),
    _alone("construct, execute and commit", "construct_execute_commit", 0.5),
    _alone("custom policy with a mutation", "custom_policy", 0.7),
    _alone("construct, execute and commit, custom policy", "construct_custom", 0.6),
    _alone("spot funds: construct, execute, roll back", "spot_funds", 0.65),
    _growth(
        "spot funds: 100,000 open, against 1,000",
        Timed("workloads", "hundred_thousand_open", 100_000),
        "thousand_open",
        1.3,
    ),
    _growth(
        "spot funds: 30,000 accounts, against 1,000",
        Timed("workloads", "thirty_thousand_accounts", 30_000),
        "thousand_accounts",
        1.1,
    ),
    _alone("fill, the plain way", "fill_plain", 6.0),
    _alone("fill, the general way", "fill_general", None),
    _alone("fill of an account without a currency", "fill_unvalued", 6.0),
    _alone("PnL report, four policies", "pnl_report", 3.3),
    _cores("construct, execute, commit", "single", "construct_execute_commit"),
    _cores("the same, shard's part twice", "twice_single", "construct_execute_commit"),
    _cores("the same, custom policy", "single_held", "construct_custom"),
    _cores("rejected", "single_rejected", "construct_execute_commit"),
    _cores("spot funds", "single_funds", "spot_funds"),
    _cores("batches of 128", "batches", "construct_execute_commit"),
    _cores("batches, shard's part twice", "twice_batches", "construct_execute_commit"),
    _cores("batches, no broker limit", "batches_uncounted", "construct_execute_commit"),
    _cores(
        "batches, a broker's and an asset's limit", "batches_limited", "construct_execute_commit"
    ),
    _cores("batches, refused by a limit", "batches_refused", "construct_execute_commit"),
    _cores("batches, custom policy", "batches_held", "construct_custom"),
    _cores("batches, spot funds", "batches_funds", "spot_funds"),
    _cores("PnL report", "report_pnl", "pnl_report"),
    _cores("fill, the plain way", "report_fill", "fill_plain"),
    _cores("PnL reports, batches of 128", "reports_pnl", "pnl_report"),
    _cores("fills, the plain way, batches of 128", "reports_fill", "fill_plain"),
    _shard(128),
    _shard(256),
    _router("batches of 128 to each of 2 shards", "two_shards"),
    _router("batches of 128 to each of 16 shards", "sixteen_shards"),
    _switch("batches of 128 to each of 2 shards", "batches", 102_400),
    _switch("an order on its own", "singles", 2000),
    Row(
        Timed("journal", "append_process", 51_200),
        _ONE_PROCESS,
        "reference",
        (Figure("journal: a worker's part, batches of 256", "processor", "processor", 0.07),),
    ),
    Row(
        Timed("journal", "append_power", 12_800),
        Timed("journal", "bare_power", 12_800),
        "ours",
        (Figure("journal: synced, against a bare append and sync", "wall", "wall", 1 / 0.85),),
    ),
    Row(
        Timed("sharded", "many_synced", 51_200),
        Timed("sharded", "many_kept", 51_200),
        "ours",
        (Figure("2 shards, journal synced, against one that is not", "wall", "wall", 1 / 0.85),),
    ),
    _synced(2),
    _synced(4),
    Row(
        Timed("sharded", "many_kept", 51_200),
        Timed("sharded", "many", 51_200),
        "ours",
        (
            Figure("2 shards, with a journal, against none", "wall", "wall", None),
            Figure("- processor time of the caller", "processor", "processor", None),
            Figure("- processor time of the workers", "workers", "workers", None),
        ),
    ),
    Row(
        Timed("journal", "replayed", 102_400),
        _ONE_PROCESS,
        "reference",
        (Figure("journal: an order replayed", "processor", "processor", None),),
    ),
    Row(
        Timed("snapshots", "restored", 100_000),
        _ONE_PROCESS,
        "reference",
        (Figure("journal: an account restored from a snapshot", "processor", "processor", None),),
    ),
    Row(
        Timed("snapshots", "written", 100_000),
        _ONE_PROCESS,
        "reference",
        (Figure("journal: an account written into a snapshot", "processor", "processor", None),),
    ),
    Row(
        Timed("snapshots", "forked", 2560),
        Timed("snapshots", "answered", 2560),
        "ours",
        (
            Figure(
                "journal: a batch behind a snapshot's fork, to one without",
                "processor",
                "processor",
                None,
            ),
        ),
    ),
    Row(
        Timed("sharded", "many", 10_000),
        _ONE_PROCESS,
        "reference",
        (
            Figure("2 shards, batches of 256: construct, execute, commit", "wall", "wall", 1 / 1.8),
            Figure("- processor time of the caller", "processor", "processor", 0.5),
            Figure("- processor time of the workers", "workers", "processor", 0.25),
        ),
    ),
    _limited("ten times the rate", "many_at_ten_times"),
    _limited("a tenth of the rate", "many_at_a_tenth"),
    *map(_on_shards, (1, 4, 16)),
    Row(
        Timed("sharded", "many_in_flight", 10_000),
        _ONE_PROCESS,
        "reference",
        (
            Figure("the same, two batches in flight on uvloop", "wall", "wall", 1 / 1.8),
            Figure("- processor time of the caller", "processor", "processor", None),
            Figure("- processor time of the workers", "workers", "processor", None),
        ),
    ),
    Row(
        Timed("sharded", "many_in_flight", 10_000),
        Timed("sharded", "pool", 1000),
        "reference",
        (Figure("the same, against a pool, a task an order", "wall", "wall", 1 / 30),),
    ),
    Row(
        Timed("sharded", "busy_shards", 2000),
        Timed("sharded", "busy_threads", 2000),
        "reference",
        (
            Figure("2 shards, custom policy of 20 µs, against 2 threads", "wall", "wall", 1 / 1.8),
            Figure("- processor time of the caller", "processor", None, None),
            Figure("- processor time of the workers", "workers", "processor", None),
        ),
    ),
    Row(
        Timed("sharded", "blocking_round_trip", 1000),
        Timed("sharded", "pipe_echo", 1000),
        "ours",
        (
            Figure("one order in flight: median, against a pipe echo", "wall", "wall", 2.5),
            Figure("- processor time of the caller, with the commit", "processor", None, None),
            Figure("- processor time of the workers, with the commit", "workers", None, None),
        ),
    ),
    Row(
        Timed("sharded", "asyncio_in_flight", 5000),
        Timed("sharded", "uvloop_echo", 5000),
        "ours",
        (
            Figure("256 in flight, uvloop, against echoes with a future", "wall", "wall", 2.0),
            Figure("- processor time of the caller", "processor", "processor", None),
            Figure("- processor time of the workers", "workers", None, None),
        ),
    ),
    Row(
        Timed("serving", "many", 10_240),
        _ONE_PROCESS,
        "reference",
        (
            Figure("server, 2 shards, batches of 256: its processor time", *_OF_SERVER, 0.1),
            Figure("- processor time of the client", "processor", "processor", None),
            Figure("- by the clock", "wall", "wall", None),
        ),
    ),
    Row(
        Timed("serving", "in_flight", 5120),
        _ONE_PROCESS,
        "reference",
        (
            Figure("server, 64 orders in flight: its processor time", *_OF_SERVER, 1.3),
            Figure("- processor time of the client", "processor", "processor", None),
            Figure("- by the clock", "wall", "wall", None),
        ),
    ),
    Row(
        Timed("serving", "round_trip", 1000),
        Timed("sharded", "pipe_echo", 1000),
        "ours",
        (
            Figure("server, one order in flight: median, against a pipe echo", "wall", "wall", 4.0),
            Figure("- processor time of the server, with the commit", "workers", None, None),
            Figure("- processor time of the client, with the commit", "processor", None, None),
        ),
    ),
)
