from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from load_reports import MS, run_of

from openpit.loadtest.histograms import fold, latency_of
from openpit.loadtest.ladder import Step, StepOutcome, climb, step_of
from openpit.loadtest.oracle import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable


def engine_of(
    capacity: float, *, generator: float = 1e9, wrong_at: float = 1e9
) -> tuple[Callable[[float], Step], list[float]]:
    """Return an engine that carries so much, and the list of the rates that it is asked for."""
    asked: list[float] = []

    def run_step(rate: float) -> Step:
        asked.append(rate)
        verdict = StepOutcome.CARRIED if rate <= capacity else StepOutcome.BEHIND
        if rate > generator:
            verdict = StepOutcome.INVALID
        if rate >= wrong_at:
            verdict = StepOutcome.WRONG
        latency = latency_of(fold([MS]))
        return Step(rate, min(rate, capacity), latency, 0.0, 0, verdict.value, rate)

    return run_step, asked


def test_the_knee_is_the_highest_rate_that_was_carried() -> None:
    run_step, asked = engine_of(3_000)

    ladder = climb(1_000, run_step)

    assert [round(rate) for rate in asked] == [1_000, 2_000, 4_000, 2_828, 3_364]
    assert round(ladder.knee or 0) == 2_828
    assert ladder.is_knee_certain
    offered = [step.offered for step in ladder.steps]
    assert offered == sorted(offered)


def test_a_first_rate_that_is_too_much_is_halved() -> None:
    run_step, asked = engine_of(300)

    ladder = climb(1_000, run_step)

    assert [round(rate) for rate in asked] == [1_000, 500, 250, 354, 297]
    assert round(ladder.knee or 0) == 297


def test_the_steps_have_a_limit() -> None:
    run_step, asked = engine_of(1e9)

    ladder = climb(1_000, run_step, steps=3)

    assert asked == [1_000, 2_000, 4_000]
    assert (ladder.knee, ladder.is_knee_certain) == (4_000, False)


def test_a_generator_that_is_too_slow_leaves_the_knee_open() -> None:
    run_step, _ = engine_of(1e9, generator=2_000)

    ladder = climb(1_000, run_step)

    assert (ladder.knee, ladder.is_knee_certain) == (2_000, False)


def test_an_engine_that_carries_nothing_has_no_knee() -> None:
    run_step, asked = engine_of(0.1)

    ladder = climb(8, run_step)

    assert asked == [8, 4, 2, 1]
    assert ladder.knee is None


def test_wrong_decisions_end_the_climb() -> None:
    run_step, asked = engine_of(1e9, wrong_at=2_000)

    ladder = climb(1_000, run_step)

    assert asked == [1_000, 2_000]
    assert [step.verdict for step in ladder.steps] == ["carried", "wrong decisions"]


@pytest.mark.parametrize(
    ("arrived", "changes", "verdict"),
    [
        (10.0, {}, StepOutcome.CARRIED),
        (11.0, {}, StepOutcome.BEHIND),
        (10.0, {"invalid": "late"}, StepOutcome.INVALID),
        (11.0, {"invalid": "late"}, StepOutcome.INVALID),
        (10.0, {"judgement": Judgement(40, 1, 0, "", [])}, StepOutcome.WRONG),
        (10.0, {"invalid": "late", "judgement": Judgement(40, 1, 0, "", [])}, StepOutcome.WRONG),
    ],
)
def test_what_a_run_says_about_a_rate(
    arrived: float, changes: dict[str, object], verdict: StepOutcome
) -> None:
    """What arrived counts: chance makes it more or less than the rate that was asked for."""
    run, _ = run_of(**changes)
    run = replace(run, figures=replace(run.figures, offered_per_second=arrived))

    step = step_of(run, 10.5)

    assert step.verdict == verdict
    assert (step.offered, step.arrived, step.lag) == (10.5, arrived, run.lag.p99)
    assert 10.0 < step.per_second < 10.4
