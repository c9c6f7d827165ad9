"""The figures of one run, from what was recorded and what is known of its orders.

Latency is the time from an order's intended arrival to its decision, so waiting in the generator
and in the driver counts; in a closed loop, which has no arrivals, from the call of the engine.
Orders of the warm-up, and denials by a shard that is down, count only in figures of their own.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.histograms import Latency, fold, latency_of, merged
from openpit.loadtest.plan import SECOND
from openpit.loadtest.recording import DENIED, MISSING, REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.loadtest.oracle import Truth
    from openpit.loadtest.plan import Plan
    from openpit.loadtest.recording import Recording

__all__ = ["RunFigures", "ShardFigures", "WindowFigures", "figures_of"]

MAX_WINDOWS: Final = 20

WIDTHS: Final = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
"""Seconds; a trajectory has windows of the least of these that makes no more than 20."""


@dataclass(frozen=True, slots=True)
class ShardFigures:
    """What one shard did after the warm-up."""

    shard: int
    accounts: int
    orders: int
    per_second: float
    share: float
    """Of all orders, 0 to 1."""
    rejected: int
    denied: int
    depth: float
    """Orders that had arrived and were not decided, on average over time."""
    max_depth: int
    latency: Latency
    waited: Latency
    """The part of the latency before the engine was called."""


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """A stretch of the timeline; ``start`` and ``end`` in seconds."""

    start: float
    end: float
    is_warm_up: bool
    arrived: int
    """Orders whose intended arrival was in it."""
    decided: int
    """Orders decided in it."""
    backlog: int
    """Orders that had arrived and were not decided at its end."""
    latency: Latency
    """Of the orders that arrived in it."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What all shards did."""

    orders: int
    """Orders decided after the warm-up: of those that arrived after it."""
    seconds: float
    """From the end of the warm-up to the last decision, and to the last arrival at least."""
    per_second: float
    """Of these orders in these seconds."""
    offered: int
    """Orders that arrived after the warm-up, decided or not."""
    offered_per_second: float | None
    """Of these, from the end of the warm-up to the last arrival; None in a closed loop.

    Arrivals of a Poisson process are not evenly spaced, so it is not quite the rate that was asked
    for. It is never less than what was decided in a second."""
    latency: Latency
    warm_up: Latency
    imbalance: float
    """Orders of the busiest shard over the mean of all."""
    drain: float
    """Seconds from the last intended arrival to the last decision."""
    shards: list[ShardFigures]
    windows: list[WindowFigures]


def figures_of(plan: Plan, truth: Truth, recording: Recording) -> tuple[RunFigures, list[Any]]:
    """Return a run's figures and the histograms of its shards."""
    arrivals: Sequence[int] = truth.times if plan.in_flight is None else recording.asked
    orders = _Orders(plan, truth, recording, arrivals)
    start = plan.warm_up
    if plan.in_flight is not None:
        start = min((arrivals[n] for shard in orders.measured for n in shard), default=0)
    end = max((recording.decided[n] for shard in orders.measured for n in shard), default=start)
    offered_per_second = None
    last = end
    if plan.in_flight is None:
        last = max(end, arrivals[plan.orders])
        offered_per_second = orders.offered * SECOND / max(arrivals[plan.orders] - start, 1)
    seconds = max(last - start, 1) / SECOND
    histograms = [fold(orders.latency(number) for number in shard) for shard in orders.measured]
    total = sum(map(len, orders.measured))
    shards = [
        _shard(orders, shard, histograms[shard], total, seconds) for shard in range(plan.shards)
    ]
    counts = [figures.orders for figures in shards]
    figures = RunFigures(
        orders=total,
        seconds=seconds,
        per_second=total / seconds,
        offered=orders.offered,
        offered_per_second=offered_per_second,
        latency=latency_of(merged(histograms)),
        warm_up=latency_of(fold(map(orders.latency, orders.warm_up))),
        imbalance=max(counts) * len(counts) / total if total else 0.0,
        drain=max(0, end - arrivals[plan.orders]) / SECOND,
        shards=shards,
        windows=_windows(plan, orders, end),
    )
    return figures, histograms


class _Orders:
    """The numbers of the orders that count, by shard, and their times."""

    def __init__(
        self, plan: Plan, truth: Truth, recording: Recording, arrivals: Sequence[int]
    ) -> None:
        self.arrivals = arrivals
        self.recording = recording
        self.truth = truth
        self.measured: list[list[int]] = [[] for _ in range(plan.shards)]
        self.denied: list[int] = [0] * plan.shards
        self.warm_up: list[int] = []
        self.offered = 0
        verdicts, shards, times = recording.verdicts, truth.shards, truth.times
        for number in range(1, plan.orders + 1):
            verdict = verdicts[number]
            self.offered += times[number] >= plan.warm_up
            if verdict == DENIED:
                self.denied[shards[number]] += 1
            elif verdict != MISSING:
                if times[number] < plan.warm_up:
                    self.warm_up.append(number)
                else:
                    self.measured[shards[number]].append(number)

    def latency(self, number: int) -> int:
        return self.recording.decided[number] - self.arrivals[number]

    def waited(self, number: int) -> int:
        return max(self.recording.asked[number] - self.truth.times[number], 0)


def _shard(orders: _Orders, shard: int, histogram: Any, total: int, seconds: float) -> ShardFigures:
    numbers = orders.measured[shard]
    verdicts, decided = orders.recording.verdicts, orders.recording.decided
    waiting = sum(map(orders.latency, numbers))
    return ShardFigures(
        shard=shard,
        accounts=orders.truth.accounts[shard],
        orders=len(numbers),
        per_second=len(numbers) / seconds,
        share=len(numbers) / total if total else 0.0,
        rejected=sum(verdicts[number] == REJECTED for number in numbers),
        denied=orders.denied[shard],
        depth=waiting / SECOND / seconds,
        max_depth=_most_at_once(
            [orders.arrivals[number] for number in numbers],
            sorted(decided[number] for number in numbers),
        ),
        latency=latency_of(histogram),
        waited=latency_of(fold(map(orders.waited, numbers))),
    )


def _most_at_once(arrivals: list[int], decisions: list[int]) -> int:
    """Return how many were there at most: arrived, and not decided; both lists are sorted."""
    most = gone = 0
    for come, arrival in enumerate(arrivals, start=1):
        while gone < come - 1 and decisions[gone] <= arrival:
            gone += 1
        most = max(most, come - gone)
    return most


def _windows(plan: Plan, orders: _Orders, end: int) -> list[WindowFigures]:
    numbers = sorted(
        (number for shard in [orders.warm_up, *orders.measured] for number in shard),
        key=orders.arrivals.__getitem__,
    )
    if not numbers:
        return []
    arrivals = [orders.arrivals[number] for number in numbers]
    decisions = sorted(orders.recording.decided[number] for number in numbers)
    fitting = [width for width in WIDTHS if end <= width * SECOND * MAX_WINDOWS]
    width = round((fitting[0] if fitting else end / SECOND / MAX_WINDOWS) * SECOND)
    windows = []
    for start in range(0, end, width):
        stop = start + width
        first, last = bisect_right(arrivals, start), bisect_right(arrivals, stop)
        before, after = bisect_right(decisions, start), bisect_right(decisions, stop)
        windows.append(
            WindowFigures(
                start=start / SECOND,
                end=stop / SECOND,
                is_warm_up=first < last and orders.truth.times[numbers[first]] < plan.warm_up,
                arrived=last - first,
                decided=after - before,
                backlog=last - after,
                latency=latency_of(fold(orders.latency(number) for number in numbers[first:last])),
            )
        )
    return windows
