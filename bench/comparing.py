"""Rounds of several sides in turn, and what they say about each other."""

from __future__ import annotations

import contextlib
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.sides import Failed, Side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.rows import Measure
    from bench.running import Sample
    from bench.sides import Sides

__all__ = ["Compared", "Ratio", "compare"]

ENOUGH = 5
"""Turns that agree by chance in one of sixteen cases; the seven of the default, in one of 64."""


@dataclass(frozen=True)
class Ratio:
    """One side's times divided by another's: the middle one of the turns, and the spread of all."""

    middle: float
    least: float
    most: float
    turns: int | None

    @classmethod
    def exact(cls, ratio: float) -> Ratio:
        """Return a ratio of figures that do not depend on the moment."""
        return cls(ratio, ratio, ratio, None)

    @classmethod
    def of(cls, turns: Sequence[float]) -> Ratio:
        return cls(statistics.median(turns), min(turns), max(turns), len(turns))

    @property
    def verdict(self) -> str:
        """``faster`` or ``slower`` when all turns say so, and are enough for that; else ``noise``.

        Of code that has not changed, two turns agree by chance every other time.
        """
        if self.turns is None:
            return ""
        if self.turns < ENOUGH:
            return "few turns"
        if self.least <= 1 <= self.most:
            return "noise"
        return "faster" if self.most < 1 else "slower"

    def __str__(self) -> str:
        if self.turns in (None, 1):
            return f"{self.middle:.3g}"
        return f"{self.middle:.3g} ({self.least:.3g} to {self.most:.3g})"


@dataclass(frozen=True)
class Compared:
    """The rounds of each side, turn by turn, and why a side has none."""

    turns: Mapping[str, list[list[Sample]]]
    failures: Mapping[str, str]

    def best(self, side: str, measure: Measure) -> float | None:
        """Return the microseconds of one operation in the quickest round; None if not measured."""
        times = [one for turn in self.turns[side] for one in _of(turn, measure)]
        return min(times) / 1000 if times else None

    def shown(self, microseconds: float) -> str:
        return f"{microseconds:.2f}"

    def ratio(self, side: str, measure: Measure, other: str, of_other: Measure) -> Ratio | None:
        """Return how a side's times compare to another's; None if either has none.

        Rounds that were taken one after the other are compared with each other; a turn's ratio is
        the middle one of its rounds.
        """
        ratios = []
        for mine, theirs in zip(self.turns[side], self.turns.get(other, ()), strict=False):
            pairs = list(zip(_of(mine, measure), _of(theirs, of_other), strict=False))
            if not pairs or any(not time for _, time in pairs):
                return None
            ratios.append(statistics.median(one / another for one, another in pairs))
        return Ratio.of(ratios) if ratios else None


def _of(samples: Sequence[Sample], measure: Measure) -> list[float]:
    times = [getattr(sample, measure) for sample in samples]
    return [time for time in times if time is not None]


def compare(sides: Sides, *, turns: int, rounds: int, scale: float = 1.0) -> Compared:
    """Run the sides in turn: fresh processes in each turn, and rounds that alternate within it.

    A side that cannot run its workload is left out, and said why. ``scale`` makes all rounds
    longer or shorter.
    """
    taken: dict[str, list[list[Sample]]] = {name: [] for name in sides}
    failures: dict[str, str] = {}
    for _ in range(turns):
        with contextlib.ExitStack() as stack:
            running: dict[str, tuple[Side, int]] = {}
            for name, (library, timed) in sides.items():
                count = max(1, round(timed.count * scale))
                try:
                    if name not in failures:
                        side = Side(library, timed)
                        stack.callback(side.close)
                        side.round(count)  # to warm up: not counted
                        running[name] = side, count
                        taken[name].append([])
                except Failed as failed:
                    failures[name] = str(failed)
            order = list(running)
            for _ in range(rounds):
                for name in order:
                    side, count = running[name]
                    taken[name][-1].append(side.round(count))
                order.reverse()  # whoever comes first in a round comes last in the next
    return Compared(taken, failures)
