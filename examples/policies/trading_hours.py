"""No order outside the hours of its market, by the engine's clock.

The engine's clock has to tell the time of day: give the builder :func:`time_of_day`. Nothing is
kept: the same on any number of shards.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from openpit.pretrade import Policy, PolicyReject, RejectCode

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    import openpit
    from openpit.pretrade import Context

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def time_of_day() -> Callable[[], int]:
    """Return a clock of nanoseconds since 1970, in UTC, that never goes back.

    It is set once, when it is made: what corrects the system's clock later does not reach it.
    """
    ahead = time.time_ns() - time.monotonic_ns()
    return lambda: time.monotonic_ns() + ahead


class TradingHours(Policy):
    """Lets orders pass from ``opens`` to ``closes``, times of the day in UTC, on weekdays.

    The first moment belongs to the hours, the last one does not. Where ``closes`` is not behind
    ``opens``, the hours go over midnight, and end on the day after the one that they began on.
    """

    name = "TradingHours"

    def __init__(
        self,
        opens: dt.time,
        closes: dt.time,
        weekdays: Iterable[int] = (0, 1, 2, 3, 4),
    ) -> None:
        self._opens = _nanoseconds(opens)
        self._closes = _nanoseconds(closes)
        self._weekdays = frozenset(weekdays)

    def check_pre_trade_start(self, ctx: Context, order: openpit.Order) -> list[PolicyReject]:
        """Look at the time of the call."""
        day, moment = divmod(ctx.now, DAY)
        began = day
        if self._closes > self._opens:
            is_open = self._opens <= moment < self._closes
        else:
            is_open = moment >= self._opens or moment < self._closes
            if moment < self._closes:
                began -= 1
        if is_open and (began + 3) % 7 in self._weekdays:  # 1 January 1970 was a Thursday
            return []
        return [
            PolicyReject(
                RejectCode.EXCHANGE_CLOSED,
                "outside trading hours",
                f"{_text(moment)}: {_text(self._opens)} to {_text(self._closes)} UTC",
            )
        ]

    def export_state(self) -> None:
        """Return nothing, of which an engine takes a snapshot all the same."""

    def restore_state(self, state: None) -> None:
        """Take over nothing."""


def _nanoseconds(of_day: dt.time) -> int:
    seconds = (of_day.hour * 60 + of_day.minute) * 60 + of_day.second
    return seconds * SECOND + of_day.microsecond * 1000


def _text(moment: int) -> str:
    minutes, seconds = divmod(moment // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
