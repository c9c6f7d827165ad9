"""Processor time and memory of a process, as the system counts them."""

from __future__ import annotations

import gc
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time_ns
from typing import Final

__all__ = ["Usage", "collections", "of_process", "own", "used_between"]

_SECOND: Final = 1_000_000_000
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_RESIDENT_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""What ``ru_maxrss`` counts in, bytes."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far; None where the system does not tell."""

    processor: int | None
    """Nanoseconds, on all its threads."""
    peak: int | None
    """Largest resident memory, bytes."""


def own() -> Usage:
    """Return the usage of this process."""
    peak = of_process(os.getpid()).peak
    if peak is None:
        # Only where there is no other way: it counts what the process was before it was replaced.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RESIDENT_UNIT
    return Usage(process_time_ns(), peak)


def of_process(pid: int) -> Usage:
    """Return the usage of a process by its id; nothing where there is no such process or /proc.

    Processor time is in the system's ticks, of which a second has a hundred.
    """
    folder = Path(f"/proc/{pid}")
    try:
        # The name, in parentheses, may hold anything; utime and stime come 12 and 13 after it.
        columns = (folder / "stat").read_text().rpartition(")")[2].split()
        status = (folder / "status").read_text()
    except OSError:
        return Usage(None, None)
    processor = (int(columns[11]) + int(columns[12])) * (_SECOND // _TICKS)
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return Usage(processor, int(line.split()[1]) * 1024)
    return Usage(processor, None)


def used_between(then: Usage, now: Usage) -> int | None:
    """Return the processor time between two looks at a process, None where one is not known."""
    if then.processor is None or now.processor is None:
        return None
    return now.processor - then.processor


def collections() -> list[int]:
    """Return how often each generation of this process was collected."""
    return [generation["collections"] for generation in gc.get_stats()]
