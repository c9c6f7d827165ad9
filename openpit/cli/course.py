"""The course of a flow: its events one after another, each at its time, without what is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.cli.events import BadEventError, BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.cli.events import Event
    from openpit.cli.lines import Line
    from openpit.cli.totals import Totals

    EventOf = Callable[[bytes], Event]

__all__ = ["STEP", "Course", "FlowClock", "earlier"]

STEP = 1_000_000
"""Nanoseconds from one event to the next where the flow tells no time."""


class FlowClock:
    """The engine's clock during a replay: the time of the order that is being submitted."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Return the time in nanoseconds."""
        return self.now


class Course:
    """Makes events of lines and hands them on.

    ``event_of`` reads a line. ``take`` is given each event with its time in nanoseconds, which is
    never before that of the one before; both raise :class:`BadEventError` for a line that is to be
    left out. Those, and the events that are none, are counted in ``totals``.
    """

    __slots__ = ("_event_of", "_take", "_time", "_totals")

    def __init__(
        self, event_of: EventOf, take: Callable[[int, Event], object], totals: Totals
    ) -> None:
        self._event_of = event_of
        self._take = take
        self._totals = totals
        self._time = 0

    def follow(self, lines: Iterable[Line]) -> None:
        """Take the next lines.

        Raises:
            StrictStopError: a line is bad, and the replay is strict.
        """
        event_of, take, totals = self._event_of, self._take, self._totals
        for number, line in lines:
            if isinstance(line, BadLine):
                totals.add_bad(line)
                continue
            try:
                event = event_of(line)
                time = event.time
                if time is None:
                    time = self._time + STEP
                elif time < self._time:
                    raise earlier(time, self._time)
                take(time, event)
            except BadEventError as error:
                totals.add_bad(BadLine(number, str(error)))
            else:
                self._time = time
                totals.events += 1


def earlier(time: int, latest: int) -> BadEventError:
    """Return why an event of a time does not come after one of another."""
    return BadEventError(f"time {time} is before that of the event before, {latest}")
