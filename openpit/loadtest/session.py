"""A whole load test: the ladder if there is one, the run, the baselines; then the report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.cores import cores_of
from openpit.loadtest.histograms import curve, merged
from openpit.loadtest.ladder import Ladder, climb, step_of
from openpit.loadtest.measure import Run, measure
from openpit.loadtest.plan import MAX_ORDERS, SECOND, Plan, Target
from openpit.loadtest.policies import binds_across_accounts
from openpit.loadtest.projection import project, why_not
from openpit.loadtest.report import Baseline, Report, machine_of, setting_of
from openpit.loadtest.requirements import Requirement, missed

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from openpit.cli.invocation import Invocation
    from openpit.loadtest.ladder import Step
    from openpit.loadtest.measure import Measured

    Stage = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]

__all__ = ["STEP_SECONDS", "LoadRequest", "middle_of", "missed_by", "run_load", "settled"]

STEP_SECONDS: Final = 4.0
"""Length of one step of the ladder; a quarter of it is its warm-up."""


SATURATION_ORDERS: Final = 30_000
"""Orders of the closed loop that follows an open one: a second of work for two shards."""

SATURATION_IN_FLIGHT: Final = 512
"""Orders under way to each shard then: beyond this, larger batches save no processor time."""


INSIDE_IN_FLIGHT: Final = 64
"""The same inside the workers: there no frame is to be shared, and larger batches save nothing."""

BY_ITSELF: Final = "the workers drove themselves, so the run does not say what the router takes"


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What is asked of a load test."""

    plan: Plan
    policies: str
    """What the reader knows the policies by."""
    baselines: tuple[Target, ...] = ()
    reference: Path | None = None
    """Folder of the reference library."""
    has_ladder: bool = False
    has_saturation: bool = True
    """Whether an open loop is followed by a closed one, to see what is the most."""
    step_seconds: float = STEP_SECONDS
    max_steps: int = 14
    requirements: list[Requirement] = field(default_factory=list)
    runs: int = 1
    """How often the run is made; the report is of the middle one, and has the figures of all."""
    rates: tuple[float, ...] | None = None
    """Orders per second that the cores are told for; None: some usual ones."""
    invocation: Invocation | None = None


def settled(plan: Plan) -> Plan:
    """Return a plan that keeps the order of orders where a limit over all accounts needs it."""
    binds = bool(plan.policies) and binds_across_accounts(plan.policies, plan.orders)
    return replace(plan, in_order=binds)


class _LostStepError(Exception):
    """A shard stalled or ended in a step of the ladder, which so is all that can be reported."""

    def __init__(self, plan: Plan, measured: Measured) -> None:
        super().__init__()
        self.plan = plan
        self.measured = measured


def run_load(
    request: LoadRequest, stage: Stage, tell: Callable[[str], object] = lambda _: None
) -> tuple[Report, list[Any]]:
    """Run the load test; return the report and the histograms of the run's shards.

    ``stage`` opens a stage of so many orders by its name, and yields what is told of progress.
    ``tell`` is given what happens to shards, when it happens. A stage in which a shard stalled or
    ended goes on to its end and is the last one.

    Raises:
        ConfigError: a policy cannot be made, or no account sends orders.
        ChildFailedError: a process of a run could not start or go on.
    """
    plan = request.plan
    ladder = None
    all_measured: list[Measured] = []
    if request.has_ladder:
        try:
            ladder = _climb(request, stage, tell)
        except _LostStepError as error:
            plan = error.plan
            all_measured.append(error.measured)
    if ladder is not None and ladder.knee is not None:
        seconds = plan.orders / plan.rate
        rate = ladder.knee / 2
        plan = replace(plan, rate=rate, orders=min(round(rate * seconds), MAX_ORDERS))
    plan = settled(plan)
    for number in range(1, request.runs + 1):
        if all_measured and all_measured[-1].run.lost:
            break
        name = "run" if request.runs == 1 else f"run {number} of {request.runs}"
        truth = all_measured[0].truth if all_measured else None
        with stage(name, plan.orders) as progress:
            all_measured.append(measure(plan, truth=truth, progress=progress, tell=tell))
    runs = [each.run for each in all_measured]
    told = middle_of(runs)
    measured = all_measured[told]
    saturation = None
    is_lost = bool(measured.run.lost)
    if request.has_saturation and plan.in_flight is None and not is_lost:
        saturation = _saturate(plan, stage, tell)
        is_lost = bool(saturation.lost)
    baselines = []
    for target in () if is_lost else request.baselines:
        other = replace(plan, target=target, kill_at=None, stall=0, clients=0, inside=False)
        with stage(f"baseline {target.value}", plan.orders) as progress:
            run = measure(
                other,
                reference=request.reference if target is Target.REFERENCE else None,
                truth=None if plan.unchecked or plan.is_spanned else measured.truth,
                progress=progress,
            ).run
        full = None
        if saturation is not None:
            full = _saturate(other, stage, tell, reference=request.reference)
        baselines.append(_baseline(target, run, full, measured.run, saturation))
    histograms = measured.histograms
    whole = merged(histograms)
    source = saturation or measured.run
    unprojected = BY_ITSELF if plan.inside else why_not(source)
    report = Report(
        setting=setting_of(plan, request.policies),
        machine=machine_of(plan),
        run=measured.run,
        saturation=saturation,
        projection=None if unprojected or plan.clients else project(source.processes),
        cores=cores_of(source.roles, request.rates, runs) if plan.clients else None,
        unprojected=unprojected,
        ladder=ladder,
        baselines=baselines,
        missed=missed_by(runs, request.requirements),
        curves={"all": curve(whole)}
        | {str(shard): curve(each) for shard, each in enumerate(histograms)},
        histograms={"all": _encoded(whole)}
        | {str(shard): _encoded(each) for shard, each in enumerate(histograms)},
        runs=runs,
        told=told,
        invocation=request.invocation,
    )
    return report, histograms


def middle_of(runs: list[Run]) -> int:
    """Return which run the report is of: one that lost a shard or went wrong, else the middle one.

    The middle one is that by its p99.

    Of an even number it is the slower one of the two in the middle.
    """
    for troubles in (
        [run.lost for run in runs],
        [run.broken for run in runs],
        [run.invalid for run in runs],
    ):
        for number, trouble in enumerate(troubles):
            if trouble:
                return number
    order = sorted(range(len(runs)), key=lambda number: runs[number].figures.latency.p99)
    return order[len(order) // 2]


def missed_by(runs: list[Run], requirements: list[Requirement]) -> list[str]:
    """Return a line for each requirement that a run does not meet."""
    return [
        line if len(runs) == 1 else f"run {number} of {len(runs)}: {line}"
        for number, run in enumerate(runs, start=1)
        for line in missed(requirements, run.figures)
    ]


def _climb(request: LoadRequest, stage: Stage, tell: Callable[[str], object]) -> Ladder:
    def run_step(rate: float) -> Step:
        plan = settled(
            replace(
                request.plan,
                rate=rate,
                orders=min(max(round(rate * request.step_seconds), 1), MAX_ORDERS),
                warm_up=round(request.step_seconds / 4 * SECOND),
                kill_at=None,
            )
        )
        with stage(f"ladder, {rate:,.0f} orders/s", plan.orders) as progress:
            measured = measure(plan, progress=progress, tell=tell)
        if measured.run.lost:
            raise _LostStepError(plan, measured)
        return step_of(measured.run, rate)

    return climb(request.plan.rate, run_step, steps=request.max_steps)


def _saturate(
    plan: Plan, stage: Stage, tell: Callable[[str], object], *, reference: Path | None = None
) -> Run:
    orders = SATURATION_ORDERS
    full = replace(
        plan,
        orders=orders,
        warm_up=round(orders / plan.rate / 4 * SECOND),
        in_flight=INSIDE_IN_FLIGHT if plan.inside else SATURATION_IN_FLIGHT,
        kill_at=None,
        stall=0,
    )
    name = "" if plan.target is Target.SHARDED else f" of baseline {plan.target.value}"
    with stage(f"closed loop{name}", orders) as progress:
        return measure(
            settled(full),
            reference=reference if plan.target is Target.REFERENCE else None,
            progress=progress,
            tell=tell,
        ).run


def _baseline(
    target: Target, run: Run, full: Run | None, own: Run, own_full: Run | None
) -> Baseline:
    ratios = _ratios(run, own)
    loops = [each for each in (full, own_full) if each is not None and each.invalid is None]
    if full is not None and own_full is not None and len(loops) == 2:  # noqa: PLR2004 - both
        ratios["closed loop"] = full.figures.per_second / own_full.figures.per_second
    return Baseline(target.value, run, full, ratios)


def _ratios(run: Run, own: Run) -> dict[str, float]:
    """Return a baseline's figures as multiples of the run's, in the order of the table."""
    pairs = {"orders/s": (run.figures.per_second, own.figures.per_second)}
    for name in ("p50", "p90", "p99", "p999", "max"):
        pairs[name] = (getattr(run.figures.latency, name), getattr(own.figures.latency, name))
    used = [
        sum(process.processor for process in each.processes[1:] if process.processor is not None)
        for each in (run, own)
    ]
    pairs["processor"] = (used[0], used[1])
    return {name: theirs / ours if ours else 0.0 for name, (theirs, ours) in pairs.items()}


def _encoded(histogram: Any) -> str:
    text: bytes = histogram.encode()
    return text.decode("ascii")
