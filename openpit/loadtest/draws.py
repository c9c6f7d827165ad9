"""Random draws that come out the same on every machine.

Only ``Random.random()`` is drawn from, the one method whose sequence Python promises to keep. What
takes a logarithm or a power is rounded to whole microseconds or weights, so that the last digit of
a platform's library does not show.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from math import cos, exp, log, pi, sqrt
from random import Random
from typing import Final

__all__ = ["Draws", "zipf_bounds"]

MICROSECOND: Final = 1000
"""Nanoseconds; every drawn length of time is a whole number of these."""

_UNIT: Final = 1_000_000_000
"""Weight of the first rank of Zipf's law."""


class Draws:
    """A sequence of draws, determined by its seed."""

    __slots__ = ("_draw",)

    def __init__(self, seed: int) -> None:
        self._draw: Final = Random(seed).random  # noqa: S311 - a reproducible flow, not a secret

    def below(self, limit: int) -> int:
        """Draw a whole number from 0, each below ``limit`` as likely as the others."""
        return int(self._draw() * limit)

    def between(self, least: int, most: int) -> int:
        """Draw a whole number, both ends included."""
        return least + int(self._draw() * (most - least + 1))

    def chance(self, share: float) -> bool:
        """Draw yes with a probability of ``share``."""
        return self._draw() < share

    def rank(self, bounds: list[int]) -> int:
        """Draw a position in running sums of weights, by weight."""
        return bisect(bounds, int(self._draw() * bounds[-1]))

    def exponential(self, mean: float) -> int:
        """Draw an exponentially distributed time, in nanoseconds like its mean."""
        return round(-log(1.0 - self._draw()) * mean / MICROSECOND) * MICROSECOND

    def log_normal(self, median: float, sigma: float) -> int:
        """Draw a log-normally distributed time, in nanoseconds like its median."""
        # Box and Muller; 1 - u is never zero.
        normal = sqrt(-2.0 * log(1.0 - self._draw())) * cos(2.0 * pi * self._draw())
        return round(median * exp(sigma * normal) / MICROSECOND) * MICROSECOND


def zipf_bounds(count: int, skew: float) -> list[int]:
    """Return the running sums of weights that fall like ``1 / rank ** skew``; 0: all alike."""
    if not skew:
        return list(range(1, count + 1))
    return list(accumulate(round(_UNIT / rank**skew) for rank in range(1, count + 1)))
