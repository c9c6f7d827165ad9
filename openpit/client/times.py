"""The times of calls, in nanoseconds, as a program's clock tells them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["FIRST_TIME", "TIME_LIMIT", "check_time", "timed"]

_Item = TypeVar("_Item")

FIRST_TIME: Final = -(2**63)
TIME_LIMIT: Final = 2**63
"""The times that have a place in a head: from the one to before the other."""


def check_time(now: object) -> None:
    """Raise TypeError unless a clock's time is whole nanoseconds: a shard takes no other.

    Raises:
        OverflowError: they have more than 64 bits.
    """
    if not isinstance(now, int):
        raise TypeError(f"the clock must return nanoseconds as an int, not {now!r:.100}")
    if not FIRST_TIME <= now < TIME_LIMIT:
        raise OverflowError(f"the clock's time has more than 64 bits: {now!r:.100}")


def timed(items: Iterable[_Item], clock: Callable[[], int]) -> tuple[list[_Item], list[int]]:
    """Take orders or messages one by one, each with the time that a call for it alone would have.

    By the system's clock those of one call have one time: no program could tell.
    """
    if clock is time.monotonic_ns:
        listed = list(items)
        return listed, [clock()] * len(listed)
    listed = []
    times: list[int] = []
    for item in items:
        listed.append(item)
        now = clock()
        check_time(now)
        times.append(now)
    return listed, times
