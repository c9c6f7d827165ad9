"""What comes of a run before anything is made of it, whoever drove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.loadtest.messages import Driven, Watched

__all__ = ["Outcome"]


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
