"""Calls over many items, each of which may count against the rates that span accounts.

What a call counts, its client numbers and its router counts; where the items have a time each, none
is counted in a window that nobody knows yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.many import UNPACKABLE, ManyCall, fitting
from openpit.wire.frames import pack, pack_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openpit.client.submitting import Submitting
    from openpit.router.calls import Call

__all__ = ["CountedMany"]


class CountedMany(ManyCall):
    """A call over many items that may count, each at its own time.

    Stops at an item that can only be judged when everything before it is (``stopped_at``): the face
    has it done on its own (:meth:`alone`), tells :meth:`judged` and calls :meth:`resume`.
    """

    __slots__ = (
        "_alone",
        "_counts_nothing",
        "_ends",
        "_is_timed",
        "_position",
        "_times",
        "stopped_at",
    )

    def __init__(
        self,
        client: Submitting,
        inputs: Sequence[Any],
        times: Sequence[int],
        alone: Callable[[int, Any], Call],
    ) -> None:
        super().__init__(client, inputs, times[0] if times else 0)
        self._alone = alone
        self._is_timed = bool(times) and times.count(times[0]) < len(times)
        self.stopped_at: int | None = None
        self._times = times
        self._position = 0
        self._counts_nothing = client.encoder.counts_nothing
        # When the windows end that the collected items are counted in, by the numbers of their
        # axes; only where the items have a time each.
        self._ends: dict[int, int] = {}

    def alone(self, now: int) -> Call:
        """Have the item done on its own that the call has stopped at."""
        return self._alone(now, self)

    def submit_all(self) -> None:
        if self._counts_nothing:
            super().submit_all()
        else:
            self._submit_ranked()
            self._ends.clear()

    def _submit_ranked(self) -> None:
        """Submit what has been collected, with what the router is to count."""
        collected = [(number, *self.rows[number]) for number in range(len(self.rows))]
        parts = [(number, rows, indexes) for number, rows, indexes in collected if rows]
        self.rows = [([], []) for _ in self.rows]
        links = self.client.router.links
        try:
            packed = [fitting(links[number], pack_rows(rows)) for number, rows, _ in parts]
        except UNPACKABLE:
            self._submit_one_by_one(parts)
            return
        found = [self._axes_in(rows, indexes) for _, rows, indexes in parts]
        firsts: dict[int, tuple[int, int]] = {}  # by axis, the first rank and its time
        for axes in found:
            for axis, (_, rank, now) in axes.items():
                firsts[axis] = min(firsts.get(axis, (rank, now)), (rank, now))
        ahead = dict.fromkeys(firsts, 0)
        for (number, _, indexes), axes, data in zip(parts, found, packed, strict=True):
            counting = []
            for axis, (count, _, now) in axes.items():
                first, begins = firsts[axis]
                counting.append((axis, first - 1, ahead[axis], count, begins, now))
                ahead[axis] += count
            self.submit_part(number, indexes, data, counting)

    def _submit_one_by_one(self, parts: Sequence[tuple[int, list[Any], list[int]]]) -> None:
        """Submit each row on its own: one cannot be sent, and then has no rank among the others."""
        items = [
            (index, number, row)
            for number, rows, indexes in parts
            for row, index in zip(rows, indexes, strict=True)
        ]
        for index, number, row in sorted(items):
            try:
                packed = fitting(self.client.router.links[number], pack(row))
            except UNPACKABLE as error:
                self.put_failure(index, error)
                continue
            counting = [
                (axis, rank - 1, 0, count, now, now)
                for axis, (count, rank, now) in self._axes_in([row], [index]).items()
            ]
            self.submit_part(number, [index], packed, counting)

    def _axes_in(
        self, rows: Sequence[Any], indexes: Sequence[int]
    ) -> dict[int, tuple[int, int, int]]:
        """Return how many of the rows count on each axis, and the first rank and its time."""
        raise NotImplementedError

    def _heed_limits(self) -> None:
        """Submit what was collected if the limits have changed: rows of both kinds do not mix."""
        counts_nothing = self.client.encoder.counts_nothing
        if self._counts_nothing != counts_nothing:
            self.submit_all()
            self._counts_nothing = counts_nothing

    def _leave(self, position: int) -> bool:
        """Submit what was collected before an item of another window; tell if there is more to do.

        Where nothing was, the item waits for what is in flight.
        """
        self._position = position
        if not any(rows for rows, _ in self.rows):
            return self._stop()
        self.submit_all()
        return True

    def _leaves_window(self, axes: Iterable[int], now: int) -> bool:
        """Tell whether an item is in another window, on one of its axes, than those collected.

        Or whether nobody knows yet: then the item has to wait for what is in flight.
        """
        for axis in axes:
            end = self._ends.get(axis)
            if end is None:
                end = self.books.rates.end_of(axis, now)
                if end is None:
                    return True
                self._ends[axis] = end
            elif now >= end:
                return True
        return False

    def _stop(self) -> bool:
        """End here for now: the item in hand has to wait for what is before it."""
        self.stopped_at = self._position
        self.submit_all()
        self.settle(len(self.inputs) - self._position + 1)
        return False

    @property
    def stopped_item(self) -> tuple[int, Any]:
        """The item at ``stopped_at``, and its time before it."""
        return self._times[self._position], self.inputs[self._position]

    def completed(self) -> None:
        if self.stopped_at is None:
            super().completed()
        else:
            self.finish(None)  # so far: the face goes on with resume()

    def judged(self, result: Any, failure: BaseException | None) -> None:
        """Record the outcome of the item at ``stopped_at``."""
        if failure is None:
            self.results[self._position] = result
        else:
            self.failures[self._position] = failure

    def resume(self, _: int) -> CountedMany:
        """Prepare to continue behind the item at ``stopped_at``."""
        self._position += 1
        self.stopped_at = None
        self.done = False
        self._left = len(self.inputs) - self._position + 1
        return self

    def times_of(self, indexes: Sequence[int]) -> Sequence[int]:
        times = self._times
        return [times[index] for index in indexes] if self._is_timed else ()
