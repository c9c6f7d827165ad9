"""From the processor times of a run: what more shards would carry, and when one router is full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.loadtest.measure import Run
    from openpit.loadtest.processes import ProcessFigures

__all__ = ["Projected", "Projection", "project", "why_not"]

SHARDS: Final = (1, 2, 4, 8, 16, 32)

LEAST_ORDERS_PER_CALL: Final = 4
"""With fewer, a process spends more on waking up for a call than on the orders in it.

With the simple policies a call costs the driver what three orders do, and the worker, too. More
shards would not carry that many times more: at a higher load calls have more orders.
"""

_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Projected:
    """What that many shards would carry, given a core for each process."""

    shards: int
    per_second: float
    is_router_full: bool


@dataclass(frozen=True, slots=True)
class Projection:
    """Times in nanoseconds of processor time per order."""

    driver: float
    """The router, and what its caller does to make orders and to read answers."""
    worker: float
    """All workers together, so what the worker of the order's shard takes."""
    router_full_at: float
    """Shards from which on the router is what limits."""
    router_per_second: float
    rows: list[Projected]


def why_not(run: Run) -> str | None:
    """Return why nothing can be projected from a run; None if it can."""
    if run.invalid is not None:
        return "the run that it would be made from is INVALID"
    each = run.orders / max(run.calls, 1)
    if each < LEAST_ORDERS_PER_CALL:
        return (
            f"with {each:.1f} orders in a call, and not {LEAST_ORDERS_PER_CALL} or more, the "
            "processor time is mostly that of waking up: the load is too low to say what more "
            "shards would carry"
        )
    return None


def project(processes: Sequence[ProcessFigures]) -> Projection | None:
    """Return the projection; None where the processor times are not known.

    ``processes`` are the generator, the driver, and the workers.
    """
    _, driver, *workers = processes
    times = [worker.processor for worker in workers]
    known = [time for time in times if time is not None]
    if not driver.processor or not known or len(known) < len(times) or not sum(known):
        return None
    worker = sum(known)
    router_per_second = _SECOND / driver.processor
    rows = []
    for shards in SHARDS:
        by_workers = shards * _SECOND / worker
        rows.append(
            Projected(shards, min(by_workers, router_per_second), by_workers >= router_per_second)
        )
    return Projection(driver.processor, worker, worker / driver.processor, router_per_second, rows)
