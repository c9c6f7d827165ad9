"""From the processor times of clients, router and workers: the cores that a rate takes of each.

Every order is taken to cost what it cost in the run. That holds as long as calls hold about as many
orders: with more of them in a call an order costs less, with fewer more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.loadtest.measure import Run
    from openpit.loadtest.processes import RoleFigures

__all__ = ["Cores", "CoresFor", "cores_of"]

RATES: Final = (10_000.0, 20_000.0, 50_000.0, 100_000.0, 200_000.0)
"""Orders per second that cores are told for, unless others are asked for."""

ROLES: Final = ("client library", "harness", "router", "workers")

_SECOND: Final = 1e9


@dataclass(frozen=True, slots=True)
class CoresFor:
    """Cores in use at a rate, each a whole one only when it is full; times are the run's."""

    per_second: float
    clients: float
    """In calls of the engine: what any program that sends orders needs."""
    harness: float
    """Besides, to make, pace and record them as this test does."""
    router: float
    """More than 1 is more than one router can have."""
    workers: float


@dataclass(frozen=True, slots=True)
class Cores:
    """Cores by rate; times in nanoseconds of processor time per order, by role."""

    times: dict[str, float]
    rows: list[CoresFor]
    router_per_second: float
    """Orders per second that fill one router's core."""
    spread: float | None
    """By how much a role's time per order differed between runs: the most over the least, less 1,
    of the role where that is greatest. None where there was one run: then nobody knows."""


def cores_of(
    roles: Sequence[RoleFigures], rates: Sequence[float] | None, runs: Sequence[Run]
) -> Cores | None:
    """Return the cores for rates; None where a processor time is not known, or none was used.

    ``runs`` are what tells how sure that is.
    """
    times = {role.role: role.processor for role in roles if role.role in ROLES}
    if len(times) < len(ROLES) or not times["router"]:
        return None
    return Cores(
        times,
        [_row(rate, times) for rate in rates or RATES],
        _SECOND / times["router"],
        _spread(runs),
    )


def _row(rate: float, times: dict[str, float]) -> CoresFor:
    used = [times[role] * rate / _SECOND for role in ROLES]
    return CoresFor(rate, *used)


def _spread(runs: Sequence[Run]) -> float | None:
    by_role: dict[str, list[float]] = {}
    for run in runs:
        for role in run.roles:
            by_role.setdefault(role.role, []).append(role.processor)
    found = [
        max(times) / min(times) - 1
        for times in by_role.values()
        if len(times) == len(runs) > 1 and min(times)
    ]
    return max(found, default=None)
