"""A replay on an engine in this process: one lane, in which event follows event."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from openpit.cli.course import Course
from openpit.cli.events import Observation
from openpit.cli.lane import ReplayLane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openpit.cli.course import EventOf, FlowClock
    from openpit.cli.events import Event
    from openpit.cli.lines import Line
    from openpit.cli.totals import Totals
    from openpit.faces.embedded import Engine

__all__ = ["LocalReplay"]


class LocalReplay:
    """One run of a flow through an engine whose clock is ``clock``.

    ``event_of`` reads the flow's lines. ``decided`` is given the decisions' lines, those of up to
    ``batch`` lines of the flow at a time.
    """

    def __init__(
        self,
        engine: Engine,
        clock: FlowClock,
        event_of: EventOf,
        totals: Totals,
        *,
        batch: int,
        decided: Callable[[str], object] | None = None,
    ) -> None:
        self._clock = clock
        self._lane = lane = ReplayLane(engine)
        self._batch = batch
        self._write = decided
        self._decisions: list[str] = []
        self._course = Course(event_of, self._take, totals)
        self._observations = totals.observations
        totals.tallies = [lane.tally]
        totals.turnover = lane.turnover
        totals.skipped = lane.book.skipped

    def run(self, blocks: Iterable[Sequence[Line]]) -> None:
        """Drive the engine with all lines.

        Raises:
            StrictStopError: a line is bad, and the replay is strict; all before it is decided.
        """
        batch = self._batch
        for block in blocks:
            for start in range(0, len(block), batch):
                self._follow(block[start : start + batch])

    def _follow(self, lines: Sequence[Line]) -> None:
        started = perf_counter_ns()
        try:
            self._course.follow(lines)
        finally:
            self._decided((perf_counter_ns() - started) // 1000)

    def _take(self, time: int, event: Event) -> None:
        self._clock.now = time
        line = self._lane.take(event, time)
        if line is not None:
            self._decisions.append(line)
        elif event.__class__ is Observation:
            self._observations[event.kind] += 1

    def _decided(self, microseconds: int) -> None:
        """Hand on what was decided, also before an end in the midst of a batch."""
        decisions, self._decisions = self._decisions, []
        if decisions:
            self._lane.tally.latencies.add(microseconds, len(decisions))
            if self._write is not None:
                self._write("".join(decisions))
