"""Looking at processes from outside."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["all_gone", "children_of", "descriptors", "is_running", "wait_until"]


def is_running(pid: int) -> bool:
    """Tell whether a process is there and not just waiting for its parent to take note."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # before it was opened, or before it was read
        return False
    return state not in {"Z", "X"}


def wait_until(condition: object, seconds: float = 20.0) -> bool:
    """Wait for a condition; tell whether it came true."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def all_gone(pids: list[int]) -> bool:
    """Tell whether processes end, within the time of :func:`wait_until`."""
    return wait_until(lambda: not any(is_running(pid) for pid in pids))


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and not waited for."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
