"""What became of the calls when a worker was killed, and how long that took."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from openpit.loadtest.histograms import Latency, fold, latency_of
from openpit.loadtest.plan import KILLED_SHARD
from openpit.loadtest.recording import ACCEPTED, DENIED

if TYPE_CHECKING:
    from openpit.loadtest.messages import Driven
    from openpit.loadtest.oracle import Truth
    from openpit.loadtest.plan import Plan

__all__ = ["Fault", "fault_of"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A killed worker; times in nanoseconds."""

    shard: int
    killed_at: int
    """From the start."""
    noticed: int | None
    """From the kill until the engine told that the shard is down; None if it never did."""
    first_denial: int | None
    """From the kill until the first order was denied for it; None if none was."""
    denied: int
    slowest_denial: int
    """From an order's intended arrival to its denial."""
    passed_after: int
    """Orders of the shard that were accepted after the engine had told that it is down."""
    others_before: Latency
    """Of the other shards, orders that arrived before the kill."""
    others_after: Latency


def fault_of(plan: Plan, truth: Truth, driven: Driven) -> Fault | None:
    """Return what the kill did; None for a run without one."""
    if plan.kill_at is None or driven.killed_at is None:
        return None
    recording, killed = driven.recording, driven.killed_at
    noticed_at = inf if driven.noticed_at is None else driven.noticed_at
    denials = []
    slowest = passed = 0
    others: tuple[list[int], list[int]] = ([], [])
    for number in range(1, plan.orders + 1):
        decided, arrival = recording.decided[number], truth.times[number]
        if truth.shards[number] != KILLED_SHARD:
            if arrival >= plan.warm_up and decided:
                others[arrival > killed].append(decided - arrival)
        elif recording.verdicts[number] == DENIED:
            denials.append(decided)
            slowest = max(slowest, decided - arrival)
        elif recording.verdicts[number] == ACCEPTED and recording.asked[number] > noticed_at:
            passed += 1
    return Fault(
        shard=KILLED_SHARD,
        killed_at=killed,
        noticed=None if driven.noticed_at is None else driven.noticed_at - killed,
        first_denial=min(denials) - killed if denials else None,
        denied=len(denials),
        slowest_denial=slowest,
        passed_after=passed,
        others_before=latency_of(fold(others[0])),
        others_after=latency_of(fold(others[1])),
    )
