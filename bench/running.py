"""A workload that is set up and ready for its rounds, and what one round of it took."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Running", "Sample"]


class Sample(NamedTuple):
    """Nanoseconds of one operation in one round.

    ``processor`` is the processor time of the process that runs the workload, ``workers`` that of
    its worker processes together; None where there are none, or the system does not tell.
    """

    wall: float
    processor: float
    workers: float | None


@dataclass(frozen=True)
class Running:
    """``run(count)`` makes so many operations; it may return a time of one that it took itself."""

    run: Callable[[int], float | None]
    workers: Sequence[int] = field(default_factory=list)

    def round(self, count: int) -> Sample:
        """Return what each of ``count`` operations took."""
        gc.collect()
        before = _processor_time(self.workers)
        wall, processor = time.perf_counter_ns(), time.process_time_ns()
        own = self.run(count)
        processor = time.process_time_ns() - processor
        wall = time.perf_counter_ns() - wall
        after = _processor_time(self.workers)
        return Sample(
            wall / count if own is None else own,
            processor / count,
            None if before is None or after is None else (after - before) / count,
        )


def _processor_time(pids: Sequence[int]) -> float | None:
    """Return the nanoseconds that these processes have had a processor; None if it is not told."""
    if not pids:
        return None
    try:
        return sum(
            float(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])
            for pid in pids
        )
    except OSError:
        return None
