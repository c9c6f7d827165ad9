"""One run from plan to figures: conducted, judged by the oracle, counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.conductor import conduct
from openpit.loadtest.faults import Fault, fault_of
from openpit.loadtest.figures import RunFigures, figures_of
from openpit.loadtest.histograms import Latency, fold, latency_of
from openpit.loadtest.oracle import Judgement, Truth, find_orders, find_truth, judge, unjudged
from openpit.loadtest.plan import KILLED_SHARD, SECOND
from openpit.loadtest.processes import ProcessFigures, RoleFigures, roles_of
from openpit.loadtest.spanning import unfit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpit.loadtest.messages import Watched
    from openpit.loadtest.outcome import Outcome
    from openpit.loadtest.plan import Plan

__all__ = ["Measured", "Run", "measure"]

STARVED_LIMIT: Final = 0.1
"""Share of a closed loop in which the driver may have waited for the generator."""


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
    unchecked: str | None = None
    """Why decisions were not judged, besides; None if they were."""
    is_spanned: bool = False
    """Whether decisions were judged with what a limit over all accounts refused, by the run."""
    roles: list[RoleFigures] = field(default_factory=list)
    """Processor time by what it was for; none where it is not known of every process."""

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

    Where a limit over all accounts binds that several clients share, it is of this run alone.
    A run in which a shard stalled or ended is not judged: what a policy has done to its worker, it
    would do to the oracle, too. Nor is one for which that cannot be done (:attr:`Plan.unchecked`).

    Raises:
        ConfigError: a policy cannot be made, or no account sends orders.
        ChildFailedError: a process of the run could not start or go on.
    """
    outcome = conduct(plan, reference=reference, progress=progress, tell=tell)
    recording, lost = outcome.driven.recording, outcome.driven.lost
    if lost or plan.unchecked is not None:
        truth = truth or find_orders(plan)
        judgement = unjudged(recording)
    else:
        if plan.is_spanned:
            truth = find_truth(plan, beside=recording)
        truth = truth or find_truth(plan)
        killed = KILLED_SHARD if plan.kill_at is not None else None
        judgement = judge(truth, recording, killed_shard=killed)
        if plan.is_spanned:
            judgement = judgement.beside(unfit(plan, recording))
    figures, histograms = figures_of(plan, truth, recording)
    lag = latency_of(fold(outcome.lags))
    starved = _starved(outcome, figures)
    processes = _processes(truth, outcome)
    run = Run(
        target=plan.target.value,
        library=outcome.driven.library,
        offered=plan.rate if plan.in_flight is None else None,
        orders=plan.orders,
        figures=figures,
        lag=lag,
        pipes_full=outcome.was_full,
        starved=starved,
        processes=processes,
        reports=sum(recording.reports),
        deposits=sum(recording.deposits),
        calls=sum(recording.calls),
        collected=outcome.collected,
        judgement=judgement,
        failures=dict(recording.failures),
        errors=outcome.driven.errors,
        fault=fault_of(plan, truth, outcome.driven),
        invalid=_why_lost(lost) or _why_invalid(plan, figures, lag, starved),
        lost=lost,
        unchecked=plan.unchecked,
        is_spanned=plan.is_spanned,
        roles=roles_of(processes),
    )
    return Measured(run, histograms, truth)


def _why_lost(lost: dict[int, str]) -> str | None:
    return "; ".join(lost[shard] for shard in sorted(lost)) or None


def _why_invalid(plan: Plan, figures: RunFigures, lag: Latency, starved: float) -> str | None:
    if not figures.orders:
        return "no order was decided after the warm-up"
    if plan.in_flight is None:
        if lag.p99 > plan.lag_limit:
            who, whose = ("generator was", "its")
            if plan.clients or plan.inside:
                who, whose = "clients were" if plan.clients else "workers were", "their"
            return (
                f"the {who} {lag.p99 / 1e6:.1f} ms behind {whose} timeline at the 99th "
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


def _processes(truth: Truth, outcome: Outcome) -> list[ProcessFigures]:
    """Return the processes in the order of the report: who drives, the router, the workers."""
    everybody = sum(truth.accounts)
    served = {f"worker {shard}": count for shard, count in enumerate(truth.accounts)}
    served |= {"driver": everybody, "router": everybody}
    return [_process(watched, served.get(watched.name, 0)) for watched in outcome.processes]


def _process(watched: Watched, accounts: int) -> ProcessFigures:
    orders = max(watched.orders, 1)
    grown = None
    if watched.before is not None and watched.peak is not None and accounts:
        grown = (watched.peak - watched.before) / accounts
    return ProcessFigures(
        watched.name,
        None if watched.processor is None else watched.processor / orders,
        watched.peak,
        grown,
        None if watched.library is None else watched.library / orders,
    )
