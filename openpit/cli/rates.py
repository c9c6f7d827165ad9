"""The rates of a flow's orders that span accounts, where somebody has to count for all shards.

A window begins with the first order that counts after the end of the one before, and only what
decides an order knows whether it counts. But wherever windows begin, no limit is reached as long as
no stretch of a window's length has more orders in it than that: then nobody has to know.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import compress, repeat
from operator import eq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.limits.broad import BroadLimits, BroadRate

__all__ = ["FlowRates", "RateAxis"]


class RateAxis:
    """The orders of a flow on one axis; their times go back behind those alone that are none."""

    __slots__ = ("_begun", "_count", "_length", "_limit", "_recent")

    def __init__(self, rate: BroadRate) -> None:
        self._limit: Final = rate.max_orders
        self._length: Final = rate.window
        self._begun = 0  # an engine's first window begins when it is made: at no time at all
        self._count = 0
        self._recent: list[int] = []  # times of orders, whether they count or not

    def may_be_reached(self, times: Sequence[int], known: int) -> bool:
        """Tell whether the limit may be passed by orders that come now, if all of them count.

        ``known`` is a time before which no order comes any more. Orders of before that are later
        than these have turned out to be none.
        """
        if not times:
            return False
        recent, limit, length = self._recent, self._limit, self._length
        del recent[bisect_right(recent, times[0]) :]
        del recent[: bisect_right(recent, known - length)]
        behind = max(len(recent) - limit, 0)  # the first that one of these may be too many after
        recent += times
        if len(recent) <= limit:
            return False
        pairs = zip(recent[behind:], recent[behind + limit :], strict=False)
        return any(last - first < length for first, last in pairs)

    def counted(self, times: Sequence[int]) -> None:
        """Record that these orders have counted."""
        length, begun, count = self._length, self._begun, self._count
        start, end = 0, len(times)
        while start < end:
            behind = bisect_left(times, begun + length, start)
            count += behind - start
            start = behind
            if start < end:
                begun, count = times[start], 0
        self._begun, self._count = begun, count

    def count(self, now: int) -> int:
        """Count an order; return the count with it."""
        self.counted((now,))
        return self._count


class FlowRates:
    """The orders of a flow on all axes."""

    __slots__ = ("_assets", "_broker")

    def __init__(self, limits: BroadLimits) -> None:
        self._broker = None if limits.broker is None else RateAxis(limits.broker)
        self._assets = {asset: RateAxis(rate) for asset, rate in limits.assets.items()}

    def may_be_reached(self, times: Sequence[int], currencies: Sequence[str], known: int) -> bool:
        """Tell whether a limit may be passed by orders that come now, if all of them count.

        ``known`` is a time before which no order comes any more.
        """
        near = [axis.may_be_reached(its, known) for axis, its in self._axes(times, currencies)]
        return any(near)  # each has taken note of them

    def counted(self, times: Sequence[int], currencies: Sequence[str]) -> None:
        """Record that these orders have counted."""
        for axis, its in self._axes(times, currencies):
            axis.counted(its)

    def count(self, now: int, currency: str) -> tuple[int, int]:
        """Count an order; return the broker's and the asset's count with it, 0 without a limit."""
        asset = self._assets.get(currency)
        return (
            0 if self._broker is None else self._broker.count(now),
            0 if asset is None else asset.count(now),
        )

    def _axes(
        self, times: Sequence[int], currencies: Sequence[str]
    ) -> Iterator[tuple[RateAxis, Sequence[int]]]:
        if self._broker is not None:
            yield self._broker, times
        if self._assets:
            used = {*currencies}
            for asset, axis in self._assets.items():
                if asset not in used:
                    continue
                if len(used) == 1:
                    yield axis, times
                else:
                    yield axis, [*compress(times, map(eq, currencies, repeat(asset)))]
