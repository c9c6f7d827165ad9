"""The report of a load test as data: what the text, the page and the JSON file tell."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.ladder import StepOutcome

if TYPE_CHECKING:
    from openpit.cli.invocation import Invocation
    from openpit.loadtest.cores import Cores
    from openpit.loadtest.ladder import Ladder
    from openpit.loadtest.measure import Run
    from openpit.loadtest.plan import Plan
    from openpit.loadtest.projection import Projection

__all__ = [
    "NOT_MEASURED",
    "SCHEMA",
    "VERSION",
    "Baseline",
    "Machine",
    "Report",
    "Setting",
    "as_document",
    "machine_of",
    "setting_of",
]

SCHEMA: Final = "openpit-loadtest"

VERSION: Final = 1
"""Of the JSON file; it changes when something that was there gets another name or meaning."""

NOT_MEASURED: Final = (
    "the network, and the way of an order to and from this machine",
    "the time from a decision until its commit, and how long reports and deposits take",
    "garbage collection in the workers (only its effect on latency)",
    "what other programs on this machine took from the run",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked for."""

    seed: int
    config: str
    """Hash of everything else that decisions depend on."""
    workload: str
    """Hash of the workload alone."""
    policies: str
    shards: int
    lanes: int
    accounts: int
    orders: int
    rate: float
    in_flight: int | None
    seconds: float
    """Length of the timeline."""
    warm_up: float
    account_skew: float | None
    only_shard: int | None
    clients: int = 0
    """Processes that drove, each a client of a server; 0: a driver did."""
    server: str | None = None
    """The path of the server, if it was there before the test."""
    inside: bool = False
    """Whether the workers drove themselves: the router had no part in it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran."""

    python: str
    platform: str
    processor: str
    cores: int
    """That this process may use."""
    processes: int
    """Of the run: generator, driver, workers; or clients, router, workers; or driver, workers."""
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The same load on another engine, and its figures as multiples of the run's own."""

    name: str
    run: Run
    saturation: Run | None
    ratios: dict[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything."""

    setting: Setting
    machine: Machine
    run: Run
    saturation: Run | None
    """A closed loop of the same load, after an open one."""
    projection: Projection | None
    """Of a driver's run; of clients, there are the cores."""
    ladder: Ladder | None
    baselines: list[Baseline]
    missed: list[str]
    """Requirements that were not met."""
    curves: dict[str, list[tuple[float, int]]]
    """Latency by percentile, of all shards ("all") and of each (its number)."""
    histograms: dict[str, str]
    """The same as encoded HdrHistograms, for others to merge."""
    unprojected: str | None = None
    """Why there is no projection; None if there is one, or if no processor times are known."""
    runs: list[Run] = field(default_factory=list)
    """All runs, in their order; :attr:`run` is one of them."""
    told: int = 0
    """Which of them, counted from 0."""
    invocation: Invocation | None = None
    """How and when the test was called for."""
    cores: Cores | None = None
    """Of a run with clients: the cores that rates take."""

    @property
    def is_closed(self) -> bool:
        """Whether it was a closed loop."""
        return self.setting.in_flight is not None

    @property
    def broken(self) -> str | None:
        """What went wrong in the engine, in the run or on the ladder; None if nothing did."""
        for run in (self.run, self.saturation):
            if run is not None and run.broken is not None:
                return run.broken
        for step in self.ladder.steps if self.ladder is not None else ():
            if step.verdict == StepOutcome.WRONG:
                return f"{step.verdict} on the ladder at {step.offered:,.0f} orders/s"
        return None

    @property
    def lost(self) -> str | None:
        """What became of shards that stalled or ended in a run; None if none did."""
        for run in (self.run, self.saturation):
            if run is not None and run.lost:
                return run.invalid
        return None

    @property
    def failure(self) -> str | None:
        """Why there is no headline; None if there is one."""
        if self.broken is not None:
            return f"FAILED: {self.broken}"
        if self.run.invalid is not None:
            return f"INVALID: {self.run.invalid}"
        return None


def as_document(report: Report) -> dict[str, Any]:
    """Return the report as what JSON can hold.

    Times are nanoseconds, but for those that the timeline is told in: ``seconds``, ``start``,
    ``end``, ``drain`` and the setting's ``warm_up`` are seconds.
    """
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "valid": report.failure is None,
        "failure": report.failure,
        **asdict(report),
        "not_measured": list(NOT_MEASURED),
    }


def setting_of(plan: Plan, policies: str) -> Setting:
    """Return what a plan asks for; ``policies`` is what the reader knows them by."""
    return Setting(
        seed=plan.seed,
        config=plan.digest(),
        workload=plan.workload.digest(),
        policies=policies,
        shards=plan.shards,
        lanes=plan.lanes,
        accounts=plan.workload.accounts,
        orders=plan.orders,
        rate=plan.rate,
        in_flight=plan.in_flight,
        seconds=plan.orders / plan.rate,
        warm_up=plan.warm_up / 1e9,
        account_skew=plan.account_skew,
        only_shard=plan.only_shard,
        clients=plan.clients,
        server=plan.server,
        inside=plan.inside,
    )


def machine_of(plan: Plan) -> Machine:
    """Return what the reader has to know of this machine."""
    names = ("openpit-sharded", "msgpack", "multiprocess", "hdrhistogram", "plotly")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Machine(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=platform.platform(),
        processor=_processor(),
        cores=cores or 1,
        processes=plan.shards + _others(plan),
        versions={name: metadata.version(name) for name in names},
    )


def _others(plan: Plan) -> int:
    """Return how many processes a run has besides its workers."""
    if plan.inside:
        return 1
    return plan.clients + 1 if plan.clients else 2


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - not a path of ours
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
