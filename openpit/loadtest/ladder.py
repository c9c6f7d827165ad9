"""Climbing: rates upward until the engine falls behind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.histograms import Latency
    from openpit.loadtest.measure import Run

__all__ = ["Ladder", "Step", "StepOutcome", "climb", "step_of"]

FACTOR: Final = 2.0
"""From one rate to the next, as long as they are carried."""

REFINEMENTS: Final = 2
"""Steps between the last rate that was carried and the first that was not: within 19 %."""

MAX_STEPS: Final = 14

LEAST_RATE: Final = 1.0

CARRIED_SHARE: Final = 0.95
"""Of the offered rate that must come out decided; a queue that grows takes more than the rest."""


class StepOutcome(StrEnum):
    """How a step went."""

    CARRIED = "carried"
    BEHIND = "fell behind"
    INVALID = "generator too slow"
    WRONG = "wrong decisions"


@dataclass(frozen=True, slots=True)
class Step:
    """One rate of the ladder."""

    offered: float
    """Orders per second that were asked for."""
    per_second: float
    """Orders decided in a second."""
    latency: Latency
    drain: float
    """Seconds from the last arrival to the last decision."""
    lag: int
    """99th percentile of the generator's, nanoseconds."""
    verdict: str
    arrived: float
    """Orders per second that were offered: arrivals are not evenly spaced."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The steps by their rates, and the knee: the highest rate that was carried."""

    steps: list[Step]
    knee: float | None
    is_knee_certain: bool
    """False where no step fell behind: the engine may carry more."""


def step_of(run: Run, offered: float) -> Step:
    """Return what a run says about a rate."""
    figures = run.figures
    arrived = offered if figures.offered_per_second is None else figures.offered_per_second
    if run.broken is not None:
        verdict = StepOutcome.WRONG
    elif figures.per_second < CARRIED_SHARE * arrived:
        verdict = StepOutcome.BEHIND
    else:
        verdict = StepOutcome.CARRIED
    if run.invalid is not None and verdict is not StepOutcome.WRONG:
        verdict = StepOutcome.INVALID
    return Step(
        offered,
        figures.per_second,
        figures.latency,
        figures.drain,
        run.lag.p99,
        verdict.value,
        arrived,
    )


def climb(first: float, run_step: Callable[[float], Step], *, steps: int = MAX_STEPS) -> Ladder:
    """Run steps from a rate upward, then between the last that was carried and the next.

    A first rate that is not carried is halved until one is. Wrong decisions end the climb.
    """
    done: list[Step] = []

    def carried(rate: float) -> bool:
        done.append(run_step(rate))
        return done[-1].verdict == StepOutcome.CARRIED

    rate = first
    low: float | None = None
    high: float | None = None
    while (low is None or high is None) and len(done) < steps and rate >= LEAST_RATE:
        if carried(rate):
            low = rate
            rate *= FACTOR
        elif done[-1].verdict == StepOutcome.WRONG:
            break
        else:
            high = rate
            rate /= FACTOR
    for _ in range(REFINEMENTS):
        if low is None or high is None or len(done) >= steps:
            break
        rate = sqrt(low * high)
        if carried(rate):
            low = rate
        else:
            high = rate
    fell_behind = any(step.verdict == StepOutcome.BEHIND for step in done)
    return Ladder(sorted(done, key=lambda step: step.offered), low, fell_behind)
