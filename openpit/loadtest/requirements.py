"""Thresholds from the command line: ``p99<2ms``, ``throughput>50000``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.figures import RunFigures

__all__ = ["Requirement", "missed", "parse_requirement"]

_TEXT: Final = re.compile(r"\s*([a-z0-9.]+)\s*([<>])\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)?\s*")

_UNITS: Final = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}

_TIMES: Final[dict[str, Callable[[RunFigures], float]]] = {
    "p50": lambda figures: figures.latency.p50,
    "p90": lambda figures: figures.latency.p90,
    "p99": lambda figures: figures.latency.p99,
    "p99.9": lambda figures: figures.latency.p999,
    "max": lambda figures: figures.latency.max,
}

_NUMBERS: Final[dict[str, Callable[[RunFigures], float]]] = {
    "throughput": lambda figures: figures.per_second,
    "imbalance": lambda figures: figures.imbalance,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A figure, the side of the limit on which it has to be, and the limit."""

    text: str
    name: str
    is_below: bool
    limit: float
    """Nanoseconds for a time."""

    def found(self, figures: RunFigures) -> float:
        """Return the figure that it is about."""
        return (_TIMES.get(self.name) or _NUMBERS[self.name])(figures)

    def is_met(self, figures: RunFigures) -> bool:
        """Tell whether the figure is on the right side; the limit itself is not."""
        found = self.found(figures)
        return found < self.limit if self.is_below else found > self.limit


def parse_requirement(text: str) -> Requirement:
    """Return the requirement of a text.

    Raises:
        ValueError: it is none; the message says what one looks like.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is no requirement such as "p99<2ms" or "throughput>50000"')
    name, side, number, unit = match.groups()
    if name in _TIMES:
        if unit is None:
            raise ValueError(f"{text!r} lacks a unit: ns, us, ms or s")
        limit = float(number) * _UNITS[unit]
    elif name in _NUMBERS:
        if unit is not None:
            raise ValueError(f"{text!r}: {name} has no unit")
        limit = float(number)
    else:
        known = ", ".join([*_TIMES, *_NUMBERS])
        raise ValueError(f"{text!r} is about {name!r}, which is none of {known}")
    return Requirement(text.strip(), name, side == "<", limit)


def missed(requirements: list[Requirement], figures: RunFigures) -> list[str]:
    """Return a line for each requirement that is not met."""
    lines = []
    for requirement in requirements:
        if not requirement.is_met(figures):
            found = requirement.found(figures)
            told = f"{found / 1e6:,.3f} ms" if requirement.name in _TIMES else f"{found:,.2f}"
            lines.append(f"required {requirement.text}, found {told}")
    return lines
