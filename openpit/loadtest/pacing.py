"""Handing events over on their timeline, and how late that was.

An event counts as handed over when its time has come and the generator has noticed. That the pipe
is full then is the driver's affair: the event waits here, and its decision comes the later.
"""

from __future__ import annotations

import os
import select
from array import array
from bisect import bisect_left, bisect_right
from time import monotonic_ns, sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pacer", "Schedule", "Sinks"]

_SECOND: Final = 1_000_000_000

_GLANCE: Final = 0.001
"""Seconds between two looks at full pipes while nothing is due."""


class Schedule:
    """The packed events of a load with their times and lanes, in the order of their times."""

    __slots__ = ("lanes", "packed", "times")

    def __init__(self) -> None:
        self.times = array("q")
        self.lanes = array("H")
        self.packed: list[bytes] = []

    def add(self, time: int, lane: int, packed: bytes) -> None:
        """Append an event."""
        self.times.append(time)
        self.lanes.append(lane)
        self.packed.append(packed)


class Sinks:
    """The pipes to the lanes; what one does not take now is kept for it."""

    __slots__ = ("_fds", "_kept", "has_kept", "was_full")

    def __init__(self, fds: list[int]) -> None:
        self._fds = fds
        self._kept = [bytearray() for _ in fds]
        self.has_kept = False
        self.was_full = 0
        for fd in fds:
            os.set_blocking(fd, False)

    def put(self, schedule: Schedule, start: int, end: int) -> None:
        """Send the events from one position to another."""
        kept = self._kept
        lanes, packed = schedule.lanes, schedule.packed
        for place in range(start, end):
            kept[lanes[place]] += packed[place]
        self.flush()

    def flush(self) -> None:
        """Write what is kept, as far as the pipes take it."""
        self.has_kept = False
        for fd, kept in zip(self._fds, self._kept, strict=True):
            if not kept:
                continue
            try:
                del kept[: os.write(fd, kept)]
            except BlockingIOError:
                self.was_full += 1
            if kept:
                self.has_kept = True

    def wait(self, seconds: float | None) -> None:
        """Wait until a pipe takes what is kept for it, that long at most."""
        waiting = [fd for fd, kept in zip(self._fds, self._kept, strict=True) if kept]
        select.select([], waiting, [], seconds)

    def close(self) -> None:
        """Write all that is kept, waiting for the lanes; then end them."""
        while self.has_kept:
            self.wait(None)
            self.flush()
        for fd in self._fds:
            os.close(fd)


class Pacer:
    """Hands a schedule over; :attr:`handed` tells when.

    ``stall`` is a fault to prove that the report notices: for that long, the pacer stands still
    halfway.
    """

    __slots__ = ("_clock", "_schedule", "_sinks", "_sleep", "_stall", "handed")

    def __init__(
        self,
        schedule: Schedule,
        sinks: Sinks,
        *,
        stall: int = 0,
        clock: Callable[[], int] = monotonic_ns,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._schedule = schedule
        self._sinks = sinks
        self._stall = stall
        self._clock = clock
        self._sleep = sleep
        self.handed: list[tuple[int, int, int]] = []

    def run(self, start: int) -> None:
        """Hand every event over when it is due; ``start`` is the clock's time at which time is 0.

        ``handed`` gets a row for each lot: first position, end position, time.
        """
        times = self._schedule.times
        sinks, clock = self._sinks, self._clock
        count = len(times)
        place = 0
        while place < count:
            now = clock() - start
            if self._stall and place >= count // 2:
                self._sleep(self._stall / _SECOND)
                self._stall = 0
                continue
            end = bisect_right(times, now, place)
            if end > place:
                self.handed.append((place, end, now))
                sinks.put(self._schedule, place, end)
                place = end
                continue
            due = (times[place] - now) / _SECOND
            if sinks.has_kept:
                sinks.wait(min(due, _GLANCE))
                sinks.flush()
            else:
                self._sleep(due)

    def run_free(self) -> None:
        """Hand everything over as fast as the lanes take it."""
        self._sinks.put(self._schedule, 0, len(self._schedule.times))

    def lags(self, since: int = 0) -> array[int]:
        """Return how late each event was handed over that was due from a time on, nanoseconds."""
        times = self._schedule.times
        first = bisect_left(times, since)
        lags = array("q")
        for place, end, now in self.handed:
            lags.extend(now - times[position] for position in range(max(place, first), end))
        return lags
