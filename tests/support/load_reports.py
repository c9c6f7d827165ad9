"""Reports of load tests, made by hand: literal times, no process."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

from openpit.loadtest.figures import figures_of
from openpit.loadtest.histograms import curve, fold, latency_of, merged
from openpit.loadtest.ladder import Ladder, Step, StepOutcome
from openpit.loadtest.measure import Run
from openpit.loadtest.oracle import Judgement, Truth
from openpit.loadtest.plan import Plan
from openpit.loadtest.policies import POLICIES
from openpit.loadtest.processes import ProcessFigures
from openpit.loadtest.projection import project
from openpit.loadtest.recording import ACCEPTED, REJECTED, Recording
from openpit.loadtest.report import Baseline, Report, machine_of, setting_of
from openpit.loadtest.workload import load_workload

__all__ = ["MS", "SECOND", "plan_of", "recording_of", "report_of", "run_of", "truth_of"]

MS = 1_000_000
SECOND = 1_000_000_000


def plan_of(orders: int, **changes: Any) -> Plan:
    """A plan of two shards, 10 orders per second, one second of warm-up."""
    plan = Plan(load_workload(), 1, 10.0, orders, SECOND, 2, POLICIES["simple"])
    return replace(plan, **changes)


def truth_of(rows: list[tuple[int, int]]) -> Truth:
    """The truth about orders given as (arrival, shard), all of which are accepted."""
    recording = Recording(len(rows))
    for number in range(1, len(rows) + 1):
        recording.verdicts[number] = ACCEPTED
    shards = [shard for _, shard in rows]
    return Truth(
        recording,
        array("q", [0, *(arrival for arrival, _ in rows)]),
        array("H", [0, *shards]),
        [shards.count(0), shards.count(1)],
    )


def recording_of(truth: Truth, latencies: list[int]) -> Recording:
    """What was recorded if each order took that long, a third of it before the call."""
    recording = Recording(len(latencies), lanes=2)
    for number, latency in enumerate(latencies, start=1):
        recording.verdicts[number] = truth.recording.verdicts[number]
        recording.asked[number] = truth.times[number] + latency // 3
        recording.decided[number] = truth.times[number] + latency
    recording.rejects = dict(truth.recording.rejects)
    return recording


def run_of(**changes: Any) -> tuple[Run, list[Any]]:
    """A run of 40 orders in 4 s, on shard 0 and 1 in turn, 1 ms and 3 ms late; with histograms."""
    plan = plan_of(40)
    truth = truth_of([(number * SECOND // 10, number % 2) for number in range(1, 41)])
    recording = recording_of(truth, [(1 + 2 * (number % 2)) * MS for number in range(1, 41)])
    recording.verdicts[40] = REJECTED
    figures, histograms = figures_of(plan, truth, recording)
    run = Run(
        target="sharded",
        library="0.1.0",
        offered=10.0,
        orders=40,
        figures=figures,
        lag=latency_of(fold([MS] * 40)),
        pipes_full=0,
        starved=0.0,
        processes=[
            ProcessFigures("generator", 10_000.0, 30 * 2**20, None),
            ProcessFigures("driver", 20_000.0, 40 * 2**20, 1_000.0),
            ProcessFigures("worker 0", 30_000.0, 25 * 2**20, 500.0),
            ProcessFigures("worker 1", 50_000.0, 25 * 2**20, 500.0),
        ],
        reports=44,
        deposits=2,
        calls=30,
        collected={"generator": [1, 0, 0], "driver": [0, 0, 0]},
        judgement=Judgement(40, 0, 0, "c0ffee", []),
        failures={},
        errors=[],
        fault=None,
        invalid=None,
    )
    return replace(run, **changes), histograms


def ladder() -> Ladder:
    """Carried at 10 and 20 orders per second, too slow for 40."""
    late = latency_of(fold([9 * MS, 900 * MS]))
    steps = [
        Step(10.0, 10.0, latency_of(fold([MS])), 0.01, MS, StepOutcome.CARRIED.value, 10.1),
        Step(20.0, 19.9, latency_of(fold([2 * MS])), 0.01, MS, StepOutcome.CARRIED.value, 20.2),
        Step(40.0, 25.0, late, 3.0, MS, StepOutcome.BEHIND.value, 39.8),
    ]
    return Ladder(steps, 20.0, is_knee_certain=True)


def report_of(**changes: Any) -> Report:
    """A report with everything in it."""
    run, histograms = run_of()
    whole = merged(histograms)
    report = Report(
        setting=setting_of(plan_of(40), "simple policies"),
        machine=machine_of(plan_of(40)),
        run=run,
        saturation=run,
        projection=project(run.processes),
        ladder=ladder(),
        baselines=[Baseline("in-process", run, run, {"orders/s": 1.0, "p50": 0.5})],
        missed=[],
        curves={"all": curve(whole), "0": curve(histograms[0]), "1": curve(histograms[1])},
        histograms={"all": whole.encode().decode()},
    )
    return replace(report, **changes)
