"""What orders of a session are counted as, on the axes that span accounts.

A client gives each of its orders that may count a *place*, one after the other on each axis, and
says with each batch how far the stretch of places reaches that the batch is in. The whole stretch
is counted when its first batch comes: so an order's count is settled by its place, in whatever
order the batches come, and whatever other sessions send in between. What of a stretch never comes
is given back, at the session's end at the latest.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.router.rates import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.router.rates import BroadRates, Counted
    from openpit.wire.sessions import Row

__all__ = ["Places"]

STRETCHES: Final = 1024
"""Stretches of one axis that have not come in full: far more than batches wait for credit."""

PLACES: Final = 2**60
"""More orders than a session sends in its life; sums of such numbers have room in a head."""


class _Stretch:
    """Places that are counted in one window; ``offset`` makes counts of them."""

    __slots__ = ("before", "left", "offset", "reach", "window")

    def __init__(self, before: int, reach: int, window: Window, offset: int) -> None:
        self.before: Final = before
        self.reach: Final = reach
        self.window: Final = window
        self.offset: Final = offset
        self.left = reach - before  # how many have not come


class _Line:
    """The places of a session on one axis."""

    __slots__ = ("reach", "stretches")

    def __init__(self) -> None:
        self.reach = 0  # the last place that is counted
        self.stretches: list[_Stretch] = []


class Places:
    """The places of one session's orders."""

    __slots__ = ("_lines", "_owed", "_owing", "_rates")

    def __init__(self, rates: BroadRates) -> None:
        self._rates: Final = rates
        self._lines: dict[int, _Line] = {}
        self._owed: dict[int, list[tuple[int, int]]] = {}  # given back before they were counted
        self._owing = 0  # rows of that

    def stamp(self, rows: Sequence[Row], now: int | None, *, is_old: bool = False) -> list[Counted]:
        """Return what the orders of a batch are counted as; ``now`` is its time, None: its own.

        In place of a rank of theirs there is the count that all of them are above. What ``is_old``
        comes back from its shard, so nobody else's orders are to be counted behind it meanwhile.

        Raises:
            WireError: there are no such orders, on one of the axes. None is counted then.
        """
        counted: list[Counted] = []
        try:
            for row in rows:
                counted.append(self._stamp(row, now, is_old=is_old))  # noqa: PERF401 - one may raise
        except WireError:
            self._rates.give_back(counted)
            raise
        return counted

    def _stamp(self, row: Row, now: int | None, *, is_old: bool) -> Counted:
        axis, lacking, reach, count, begins, its = row
        if now is not None:
            begins = its = now
        if reach >= PLACES or not -PLACES < lacking < PLACES:
            raise WireError(f"places that no session comes to: {reach}, {lacking}")
        line = self._lines.get(axis) or self._begin_line(axis)
        before = line.reach
        if reach > before:
            span = reach - before
            if count > span:
                raise WireError(f"{count} orders where {span} are left to come")
            if len(line.stretches) >= STRETCHES:
                raise WireError(f"{STRETCHES} stretches of the axis {axis} that never came")
            if is_old or not self._rates.is_counted(axis):
                # No more: they were on their way when that was changed.
                window, offset = Window(its), -before
            else:
                asked = [(axis, before, 0, span, begins, its)]
                ((_, window, offset, _, _, _),) = self._rates.stamp(asked)
            line.reach = reach
            if count == span and not self._owing:  # all of it in one batch
                return axis, window, offset + lacking, count, its, offset + before
            stretch = _Stretch(before, reach, window, offset)
            line.stretches.append(stretch)
            if self._owing:
                self._take_owed(axis, before, reach)
        elif count:
            stretch = _stretch_of(line, reach)
        elif self._rates.is_counted(axis):
            ((_, window, offset, *_),) = self._rates.stamp([(axis, before, 0, 0, begins, its)])
            return axis, window, offset + lacking, 0, its, 0
        else:
            return axis, Window(its), lacking, 0, its, 0
        if count > stretch.left:
            raise WireError(f"{count} orders where {stretch.left} are left to come")
        stretch.left -= count
        if not stretch.left:
            line.stretches.remove(stretch)
        offset = stretch.offset
        return axis, stretch.window, offset + lacking, count, its, offset + stretch.before

    def _begin_line(self, axis: int) -> _Line:
        if not self._rates.was_counted(axis):
            raise WireError(f"no rate is limited on the axis {axis}")
        line = self._lines[axis] = _Line()
        return line

    def _take_owed(self, axis: int, before: int, reach: int) -> None:
        """Take back what was given back of these places before they were counted."""
        for owed in [one for one in self._owed.get(axis, ()) if before < one[0] <= reach]:
            self._owed[axis].remove(owed)
            self._owing -= 1
            self.give_back([(axis, *owed)])

    def give_back(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Take back orders that never come: of each axis the reach of their stretch, and how many.

        Raises:
            WireError: there are no such orders.
        """
        for axis, reach, count in rows:
            line = self._lines.get(axis)
            if line is None or reach > line.reach:
                # What it came behind waits for its turn: it is told apart when that is counted.
                if self._owing >= STRETCHES:
                    raise WireError(f"orders that were not counted on the axis {axis}")
                self._owing += 1
                self._owed.setdefault(axis, []).append((reach, count))
                continue
            stretch = _stretch_of(line, reach)
            if count > stretch.left:
                raise WireError(f"{count} orders where {stretch.left} are left to come")
            self._give_back(axis, line, stretch, count)

    def _give_back(self, axis: int, line: _Line, stretch: _Stretch, count: int) -> None:
        stretch.left -= count
        self._rates.give_back([(axis, stretch.window, 0, count, 0, 0)])
        if not stretch.left:
            line.stretches.remove(stretch)

    def end(self) -> None:
        """Take back all that has not come."""
        for axis, line in self._lines.items():
            for stretch in list(line.stretches):
                self._give_back(axis, line, stretch, stretch.left)


def _stretch_of(line: _Line, reach: int) -> _Stretch:
    stretches = line.stretches
    if stretches and stretches[0].before < reach <= stretches[0].reach:
        return stretches[0]
    place = bisect_left(stretches, reach, key=_reach_of)
    if place < len(stretches) and stretches[place].before < reach:
        return stretches[place]
    raise WireError(f"orders that have come, or were given back: {reach}")


_reach_of: Final = attrgetter("reach")
