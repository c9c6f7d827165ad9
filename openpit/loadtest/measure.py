"""One run from plan to figures: conducted, judged by the oracle, counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.conductor import conduct
from openpit.loadtest.faults import Fault, fault_of
from openpit.loadtest.figures import RunFigures, figures_of
from openpit.loadtest.histograms import Latency, fold, latency_of
from openpit.loadtest.oracle import Judgement, Truth, find_orders, find_truth, judge, unjudged
from openpit.loadtest.plan import KILLED_SHARD, SECOND, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpit.loadtest.conductor import Outcome
    from openpit.loadtest.plan import Plan

__all__ = ["Measured", "ProcessFigures", "Run", "measure"]

STARVED_LIMIT: Final = 0.1
"""Share of a closed loop in which the driver may have waited for the generator."""


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """What one process of a run cost; None where the system does not tell."""

    name: str
    processor: float | None
    """Nanoseconds of processor time per decided order of the whole run, not of this process."""
    peak: int | None
    """Largest resident memory, bytes."""
    per_account: float | None
    """Growth of resident memory over the run for each account it served, bytes."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the report tells it."""

    target: str
    library: str
    offered: float | None
    """Orders per second; None in a closed loop."""
    orders: int
    figures: RunFigures
    lag: Latency
    """How late the generator was, for events after the warm-up."""
    pipes_full: int
    starved: float
    """Share of a closed loop in which the driver waited for the generator."""
    processes: list[ProcessFigures]
    reports: int
    deposits: int
    calls: int
    collected: dict[str, list[int]]
    """Runs of the garbage collector by process and generation."""
    judgement: Judgement
    failures: dict[str, int]
    """Calls that raised, by type of the exception."""
    errors: list[str]
    fault: Fault | None
    invalid: str | None
    """Why the run says nothing; None if it does."""
    lost: dict[int, str] = field(default_factory=dict)
    """Shards that stalled or ended and were not to; the decisions of such a run are not judged."""

    @property
    def broken(self) -> str | None:
        """What went wrong in the engine; None if nothing did."""
        if self.judgement.wrong:
            return f"{self.judgement.wrong:,} wrong of {self.judgement.checked:,} decisions"
        if self.errors:
            return f"{len(self.errors)} lanes came to an unexpected end"
        if self.failures and self.fault is None and not self.lost:
            told = ", ".join(f"{name} {count:,}" for name, count in sorted(self.failures.items()))
            return f"calls raised: {told}"
        if self.fault is not None and self.fault.passed_after:
            return f"{self.fault.passed_after:,} orders passed a shard that was down"
        return None


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, the histograms of its shards, and the truth that it was judged by."""

    run: Run
    histograms: list[Any]
    truth: Truth


def measure(
    plan: Plan,
    *,
    reference: Path | None = None,
    truth: Truth | None = None,
    progress: Callable[[int], object] = lambda _: None,
    tell: Callable[[str], object] = lambda _: None,
) -> Measured:
    """Run a plan and judge it; ``truth`` saves finding it again for the same orders.

    A run in which a shard stalled or ended is not judged: what a policy has done to its worker, it
    would do to the oracle, too.

    Raises:
        ConfigError: a policy cannot be made, or no account sends orders.
        ChildFailedError: a process of the run could not start or go on.
    """
    outcome = conduct(plan, reference=reference, progress=progress, tell=tell)
    recording, lost = outcome.driven.recording, outcome.driven.lost
    if lost:
        truth = truth or find_orders(plan)
        judgement = unjudged(recording)
    else:
        truth = truth or find_truth(plan)
        killed = KILLED_SHARD if plan.kill_at is not None else None
        judgement = judge(truth, recording, killed_shard=killed)
    figures, histograms = figures_of(plan, truth, recording)
    lag = latency_of(fold(outcome.generated.lags))
    starved = _starved(outcome, figures)
    run = Run(
        target=plan.target.value,
        library=outcome.driven.library,
        offered=plan.rate if plan.in_flight is None else None,
        orders=plan.orders,
        figures=figures,
        lag=lag,
        pipes_full=outcome.generated.was_full,
        starved=starved,
        processes=_processes(plan, truth, outcome),
        reports=sum(recording.reports),
        deposits=sum(recording.deposits),
        calls=sum(recording.calls),
        collected={
            "generator": outcome.generated.collected,
            "driver": outcome.driven.collected,
        },
        judgement=judgement,
        failures=dict(recording.failures),
        errors=outcome.driven.errors,
        fault=fault_of(plan, truth, outcome.driven),
        invalid=_why_lost(lost) or _why_invalid(plan, figures, lag, starved),
        lost=lost,
    )
    return Measured(run, histograms, truth)


def _why_lost(lost: dict[int, str]) -> str | None:
    return "; ".join(lost[shard] for shard in sorted(lost)) or None


def _why_invalid(plan: Plan, figures: RunFigures, lag: Latency, starved: float) -> str | None:
    if not figures.orders:
        return "no order was decided after the warm-up"
    if plan.in_flight is None:
        if lag.p99 > plan.lag_limit:
            return (
                f"the generator was {lag.p99 / 1e6:.1f} ms behind its timeline at the 99th "
                f"percentile, over the limit of {plan.lag_limit / 1e6:g} ms: "
                "the load was not the one that was asked for"
            )
    elif starved > STARVED_LIMIT:
        return (
            f"the driver waited for the generator for {starved:.0%} of the time, over the limit "
            f"of {STARVED_LIMIT:.0%}: the engine was not what was measured"
        )
    return None


def _starved(outcome: Outcome, figures: RunFigures) -> float:
    if not figures.orders:
        return 0.0
    lanes = outcome.driven.recording.starved
    return max(lanes) / SECOND / figures.seconds


def _processes(plan: Plan, truth: Truth, outcome: Outcome) -> list[ProcessFigures]:
    """Return the generator, the driver and the workers, in this order."""
    made, driven = outcome.generated, outcome.driven
    orders = max(driven.counted_orders, 1)
    used = None
    if made.before.processor is not None and made.after.processor is not None:
        used = (made.after.processor - made.before.processor) / plan.orders
    processes = [ProcessFigures("generator", used, made.after.peak, None)]
    accounts = sum(truth.accounts)
    served = [accounts, *truth.accounts] if plan.target is Target.SHARDED else [accounts]
    for watched, those in zip(driven.processes, served, strict=True):
        grown = None
        if watched.before is not None and watched.peak is not None and those:
            grown = (watched.peak - watched.before) / those
        processor = None if watched.processor is None else watched.processor / orders
        processes.append(ProcessFigures(watched.name, processor, watched.peak, grown))
    return processes
