"""The broker and asset axes of the rate limit, which span the shards.

A client numbers the orders that may count on an axis, one after the other: their *ranks*, which
travel in their rows. What the router adds to a rank makes it the count: that goes into the head of
each batch, so that no row has to be looked at on the way. The shard tells in its reply's head how
many of a batch did not count after all, since a block stopped them before any policy saw them.

A window begins with the first order that counts after the end of the one before. While nobody knows
yet which that is, the window is held to have begun as late as it may have: it lasts longer than it
had to at worst, and a limit is never passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from openpit.errors import WireError
from openpit.wire.axes import BROKER, NO_AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.wire.axes import CountingAxes
    from openpit.wire.frames import Axis

__all__ = ["BROKER", "BroadRates", "Counted", "Counting", "Window", "axes_of", "go_on"]

Counting: TypeAlias = tuple[int, int, int, int, int, int]
"""What a client says of the orders of a batch that may count on an axis, by the axis's number:

* the rank before the first of their call;
* how many of the call are in other batches, and have been told before;
* how many are in this one, 0 for an order that only asks what its count would be;
* the time of the first of the call, and that of the first of this batch.

A plain tuple: one is made for every order on its own.
"""


class Window:
    """One window of an axis."""

    __slots__ = ("before", "began", "count", "latest", "sure")

    def __init__(self, began: int, before: Window | None = None) -> None:
        self.began: Final = began  # the time of the order that opened it
        self.before = before
        self.count = 0  # orders, those in flight among them
        self.latest = began  # time of an order in it
        # The earliest time of an order that is known to have counted.
        self.sure: int | None = None

    def confirm(self, now: int) -> None:
        """Record that an order of that time has counted."""
        sure = self.sure
        if sure is None or now < sure:
            # Times may go back: the order that opened a window began it none the less.
            self.sure = max(now, self.began)

    def ends(self, length: int) -> int:
        """Return from when on an order does not belong to it."""
        return (self.latest if self.sure is None else self.sure) + length


Counted: TypeAlias = "tuple[int, Window, int, int, int, int]"
"""Orders of a batch that were counted on an axis: its number, the window, what makes counts of
their ranks, how many they are, the time of the first, and the rank before the first of their call.
"""


class _Axis:
    __slots__ = ("length", "window")

    def __init__(self, length: int, now: int) -> None:
        self.length = length
        # The first window begins when the barrier is made, whoever comes.
        self.window = Window(now)
        self.window.sure = now


class BroadRates:
    """Counts orders over all shards, when they are submitted and in the order of submission.

    On which axes, the first shard tells when it is up and when settings are about to change.
    """

    __slots__ = ("_axes", "_ever", "told")

    def __init__(self) -> None:
        self._axes: dict[int, _Axis] = {}
        self._ever: set[int] = set()
        self.told = NO_AXES

    def retune(self, told: CountingAxes) -> None:
        """Count on these axes: those that stay keep their counters, new ones start at zero."""
        axes: dict[int, _Axis] = {}
        for number, _, length in told.rows:
            axis = axes[number] = self._axes.get(number) or _Axis(length, told.since)
            axis.length = length
        self._axes = axes
        self._ever.update(axes)
        self.told = told

    def restore(self, rows: Iterable[tuple[int, int, int, int, int | None]]) -> None:
        """Go on in the windows that the shards tell of, each of those in which its orders counted.

        For each an axis's number, when the window began, the highest count in it, the time of the
        latest order, and of the earliest that is known to have counted.
        """
        for number, began, count, latest, sure in rows:
            axis = self._axes.get(number)
            if axis is None or began < axis.window.began:
                continue  # no rate is limited there any more, or there is a later window
            if began > axis.window.began:
                axis.window = Window(began)
            window = axis.window
            window.count = max(window.count, count)
            window.latest = max(window.latest, latest)
            if sure is not None:
                window.confirm(sure)

    def window(self, number: int) -> Window:
        """Return the window of an axis that was counted in last."""
        return self._axes[number].window

    def is_counted(self, number: int) -> bool:
        """Tell whether a rate is limited on an axis."""
        return number in self._axes

    def was_counted(self, number: int) -> bool:
        """Tell whether a rate is or was limited on an axis."""
        return number in self._ever

    def end_of(self, number: int, now: int) -> int | None:
        """Return until when an order of that time, and those after it, are in one window.

        None as long as nobody knows, since what began the window in hand is in flight.
        """
        axis = self._axes[number]
        window = axis.window
        if now - window.began < axis.length:
            return window.began + axis.length
        return now + axis.length if now >= window.ends(axis.length) else None

    def stamp(self, counting: Iterable[Counting]) -> list[Counted]:
        """Count orders that are submitted."""
        counted: list[Counted] = []
        for number, base, ahead, count, begins, now in counting:
            try:
                axis = self._axes[number]
            except KeyError:
                raise WireError(f"no rate is limited on the axis {number}") from None
            window = axis.window
            before = window.count
            # Many an order in a window comes soon after the one that began it.
            if begins - window.began >= axis.length and begins >= window.ends(axis.length):
                window = Window(begins, window)
                before = 0
                if count:
                    window.before.before = None  # type: ignore[union-attr]  # it has just got one
                    axis.window = window
            counted.append((number, window, before - base - ahead, count, now, base))
            window.count = before + count
            if count and now > window.latest:
                window.latest = now
        return counted

    def give_back(self, counted: Iterable[Counted]) -> None:
        """Take back orders that were never sent."""
        for number, window, _, count, _, _ in counted:
            self._take_back(number, window, count)

    def settle(self, counted: Sequence[Counted], uncounted: Sequence[tuple[int, int, int]]) -> None:
        """Take what a shard says of a batch some of whose orders did not count.

        With each axis, the time of the first order that did, and how many did not.

        Raises:
            WireError: no such orders were counted.
        """
        totals: dict[int, int] = {}
        for number, _, _, count, _, _ in counted:
            totals[number] = totals.get(number, 0) + count
        for number, _, missing in uncounted:
            if not 0 < missing <= totals.get(number, 0):
                raise WireError(f"{missing} orders that do not count on the axis {number}")
        told = {number: (first, missing) for number, first, missing in uncounted}
        windows = {number: window for number, window, *_ in counted}
        firsts: dict[int, int] = {}
        for number, _, _, count, now, _ in counted:
            if count:
                firsts[number] = min(now, firsts.get(number, now))
        for number, window in windows.items():
            first, missing = told.get(number, (firsts.get(number, 0), 0))
            if missing < totals[number]:
                window.confirm(first)
            self._take_back(number, window, missing)

    def _take_back(self, number: int, window: Window, count: int) -> None:
        window.count -= count
        axis = self._axes.get(number)
        if not window.count and axis is not None and axis.window is window and window.before:
            axis.window = window.before  # as if this one had never begun


def axes_of(counted: Sequence[Counted]) -> Sequence[Axis]:
    """Return the counting part of the head of a batch."""
    axes = {number: (number, window.began, offset) for number, window, offset, *_ in counted}
    return [*axes.values()]


def go_on(last: dict[int, tuple[Window, int, int]], counted: Sequence[Counted]) -> bool:
    """Tell whether what is counted next may be in a batch with what was counted last."""
    for number, window, offset, _, _, base in counted:
        if number in last:
            before, its_offset, its_base = last[number]
            if window is not before or offset != its_offset or base < its_base:
                return False
    return True
