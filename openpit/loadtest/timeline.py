"""A client's way along its timeline: it takes what is due, and nothing before.

What falls due while the engine is asked waits here, as it would in any client, and its latency
counts from its intended arrival. Late is only what this process could have taken earlier: it slept
for too long, or was busy with work of its own.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from time import monotonic_ns, sleep
from typing import TYPE_CHECKING, Final

from openpit.loadtest.flow import ORDER
from openpit.loadtest.plan import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.loadtest.flow import Event
    from openpit.loadtest.prepared import Share

__all__ = ["MOST_EVENTS", "Timeline"]

MOST_EVENTS: Final = 1024
"""Events that are taken at once; what a driver reads of its pipe at once is as much."""


class Timeline:
    """Hands a share over to who takes it; ``now`` is the time since the start, nanoseconds."""

    __slots__ = ("_lots", "_now", "_share", "_sleep", "_stall", "_take")

    def __init__(
        self,
        share: Share,
        take: Callable[[Sequence[Event]], object],
        *,
        stall: int = 0,
        now: Callable[[], int] = monotonic_ns,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        self._share = share
        self._take = take
        self._stall = stall
        self._now = now
        self._sleep = sleep
        self._lots: list[tuple[int, int, int, int]] = []

    def run(self) -> None:
        """Hand over every event once it is due; ``stall`` is a fault, as of a `Pacer`."""
        events, times = self._share.events, self._share.times
        now_is, take, lots = self._now, self._take, self._lots
        count = len(times)
        place = 0
        free = 0
        while place < count:
            now = now_is()
            if self._stall and place >= count // 2:
                self._sleep(self._stall / SECOND)
                self._stall = 0
                continue
            end = bisect_right(times, now, place, min(place + MOST_EVENTS, count))
            if end == place:
                self._sleep((times[place] - now) / SECOND)
                continue
            lots.append((place, end, now, free))
            take(events[place:end])
            free = now_is()
            place = end

    def run_closed(self, in_flight: int) -> None:
        """Hand everything over, always as many events as hold that many orders."""
        events = self._share.events
        start = orders = 0
        for place, event in enumerate(events):
            if event[0] == ORDER:
                if orders == in_flight:
                    self._take(events[start:place])
                    start, orders = place, 0
                orders += 1
        self._take(events[start:])

    def lags(self, since: int = 0) -> array[int]:
        """Return how late each event was taken that was due from a time on, nanoseconds."""
        times = self._share.times
        first = bisect_left(times, since)
        lags = array("q")
        for place, end, now, free in self._lots:
            lags.extend(now - max(times[each], free) for each in range(max(place, first), end))
        return lags
