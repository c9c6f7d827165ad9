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
    """Hands a share over to who takes it, so many events at once at ``most``.

    ``now`` is the time since the start, nanoseconds.
    """

    __slots__ = ("_lots", "_most", "_now", "_place", "_share", "_sleep", "_stall", "_take")

    def __init__(
        self,
        share: Share,
        take: Callable[[Sequence[Event]], object],
        *,
        stall: int = 0,
        most: int = MOST_EVENTS,
        now: Callable[[], int] = monotonic_ns,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        self._share = share
        self._take = take
        self._stall = stall
        self._most = most
        self._now = now
        self._sleep = sleep
        self._place = 0
        self._lots: list[tuple[int, int, int, int]] = []

    def run(self, until: int | None = None) -> bool:
        """Hand over every event once it is due, up to a time; tell whether that was all of them.

        The next call goes on where this one has ended. ``stall`` is a fault, as of a `Pacer`.
        """
        events, times = self._share.events, self._share.times
        now_is, take, lots = self._now, self._take, self._lots
        count = len(times)
        free = 0
        while (place := self._place) < count:
            now = now_is()
            if until is not None and now >= until:
                return False
            if self._stall and place >= count // 2:
                self._stall -= self._pause(self._stall, now, until)
                continue
            end = bisect_right(times, now, place, min(place + self._most, count))
            if end == place:
                self._pause(times[place] - now, now, until)
                continue
            lots.append((place, end, now, free))
            take(events[place:end])
            free = now_is()
            self._place = end
        return True

    def _pause(self, nanoseconds: int, now: int, until: int | None) -> int:
        """Sleep for so long, or until a time if that comes before; return how long."""
        paused = nanoseconds if until is None else min(nanoseconds, until - now)
        self._sleep(paused / SECOND)
        return paused

    def run_closed(self, in_flight: int, until: int | None = None) -> bool:
        """Hand everything over, always as many events as hold that many orders; as :meth:`run`."""
        events = self._share.events
        while (place := self._place) < len(events):
            if until is not None and self._now() >= until:
                return False
            end = self._end_of_lot(in_flight)
            self._take(events[place:end])
            self._place = end
        return True

    def _end_of_lot(self, in_flight: int) -> int:
        events = self._share.events
        orders = 0
        for place in range(self._place, len(events)):
            if events[place][0] == ORDER:
                if orders == in_flight:
                    return place
                orders += 1
        return len(events)

    def lags(self, since: int = 0) -> array[int]:
        """Return how late each event was taken that was due from a time on, nanoseconds."""
        times = self._share.times
        first = bisect_left(times, since)
        lags = array("q")
        for place, end, now, free in self._lots:
            lags.extend(now - max(times[each], free) for each in range(max(place, first), end))
        return lags
