"""What comes of a run before anything is made of it, whoever drove."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openpit.loadtest.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.loadtest.messages import Driven, Watched
    from openpit.loadtest.plan import Plan

__all__ = ["Outcome", "of_all", "recorded"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The recording, and what the processes cost."""

    driven: Driven
    """Of the driver, or of all clients together."""
    processes: list[Watched]
    """All of the run."""
    lags: Sequence[int]
    """How late each event after the warm-up was handed over, nanoseconds; none in a closed loop."""
    collected: dict[str, list[int]]
    """Runs of the garbage collector by process and generation."""
    was_full: int = 0
    """How often a pipe to a lane was full."""


def recorded(plan: Plan, driven: Sequence[Driven]) -> tuple[Recording, array[int]]:
    """Return what all who drove have recorded, and how late they took their events."""
    recording = Recording(plan.orders)
    lags = array("q")
    for each in driven:
        recording.add(each.recording)
        lags.extend(each.lags or ())
    return recording, lags


def of_all(processes: Sequence[Watched]) -> list[Watched]:
    """Return the processes, each beside the orders that all of them drove in their time."""
    orders = sum(process.orders for process in processes)
    return [replace(process, orders=orders) for process in processes]
