"""Rejects of many orders that are alike but for a number: told once, with the numbers beside it."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from openpit.pretrade.rejects import new_reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.pretrade.rejects import Reject

__all__ = ["AlikeReject", "RefusedRun", "RefusedRuns"]


class AlikeReject(NamedTuple):
    """What such rejects say; the number stands in the details, between two texts."""

    code: str
    reason: str
    before: str
    behind: str
    policy: str
    scope: str
    user_data: int = 0

    def row(self, number: int) -> tuple[str, str, str, str, str, int]:
        """Return what the reject of a number says, as ``reject_row`` does."""
        code, reason, before, behind, policy, scope, user_data = self
        return code, reason, f"{before}{number}{behind}", policy, scope, user_data

    def of(self, number: int) -> Reject:
        """Return the reject of a number."""
        return new_reject(*self.row(number))


class RefusedRun(NamedTuple):
    """Consecutive orders that are rejected alike: the place of the first, and a number of each."""

    first: int
    numbers: Sequence[int]
    reject: AlikeReject


class RefusedRuns:
    """The orders of many that are rejected, by runs in their order.

    The others are not, but those at the places ``apart``, in order, which are to be judged by
    themselves.
    """

    __slots__ = ("apart", "runs")

    def __init__(self, runs: Sequence[RefusedRun], apart: Sequence[int] = ()) -> None:
        self.runs = runs
        self.apart = apart

    def places(self) -> Iterator[int]:
        """Yield the places of the orders that are rejected, in order."""
        for first, numbers, _ in self.runs:
            yield from range(first, first + len(numbers))

    def without_those_apart(self) -> Iterator[RefusedRun]:
        """Yield the runs, each cut where an order is to be judged by itself."""
        for first, numbers, reject in self.runs:
            start, behind = first, first + len(numbers)
            low, high = bisect_left(self.apart, first), bisect_left(self.apart, behind)
            for place in (*self.apart[low:high], behind):
                if place > start:
                    yield RefusedRun(start, numbers[start - first : place - first], reject)
                start = place + 1
