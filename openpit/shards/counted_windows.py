"""The windows of broad rates as a shard's own batches tell them, replayed and new ones.

The head of each batch has said in which window its orders count, and what makes counts of their
ranks. So the highest count that there was is known, or one above it: never too low. On an axis that
settings have brought, the first window begins with that change, whether orders count there or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.shards.counts import asked_of, counted_in, ranks_in
from openpit.wire.axes import BROKER, VOUCHED
from openpit.wire.frames import command_in, name_of, reply_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.shards.counts import BatchCounts
    from openpit.shards.intake import Intake
    from openpit.wire.frames import Frame
    from openpit.wire.recovered import CountedWindow

__all__ = ["CountedWindows"]

Command = tuple[Any, ...]


class CountedWindows:
    """Reads commands in an intake's place, and notes of each batch what it counted."""

    __slots__ = ("_axes", "_counts", "_intake", "_rows", "_version", "commands")

    def __init__(
        self, intake: Intake, counts: BatchCounts, rows: Iterable[CountedWindow] = ()
    ) -> None:
        self._intake: Final = intake
        self._counts: Final = counts
        self.commands: Sequence[Command] = ()  # of the batch that was read last
        self._rows: dict[int, CountedWindow] = {row[0]: row for row in rows}
        self._version = counts.version
        self._axes = _axes_of(counts)

    def read(self, body: bytes, count: int, counts: BatchCounts) -> Sequence[Command]:
        """Read as the intake does."""
        self.commands = commands = self._intake.read(body, count, counts)
        return commands

    def note(self, frame: Frame, reply: Frame, whose: bytes) -> None:
        """Note what a batch has counted that has just been answered."""
        _, op, _, count, _, now, _, _, axes, times, _ = command_in(frame, whose)
        if op:
            return
        if self.is_behind:
            self._begin(max(times, default=now))
        if not axes:
            return
        _, uncounted, _ = reply_in(reply, name_of(reply))
        lacking = {axis: (first, missing) for axis, first, missing in uncounted}
        ranks = (None if times else self._brokers_alone(now)) or self._ranks(times or [now] * count)
        for number, began, offset in axes:
            if number < VOUCHED and number in ranks:
                self._add(number, began, offset, ranks[number], lacking.get(number))

    @property
    def is_behind(self) -> bool:
        """Whether settings have changed since a batch was noted last."""
        return self._version != self._counts.version

    def _begin(self, now: int) -> None:
        """Begin a window on each axis that is new: it counts from its change on, and none before.

        Until an order counts there, nothing else would tell that, and it would be held to have
        counted since the engine's first start.
        """
        before, self._axes = self._axes, _axes_of(self._counts)
        self._version = self._counts.version
        for number in self._axes - before:
            self._rows[number] = (number, now, 0, now, now)

    def _brokers_alone(self, now: int) -> dict[int, tuple[int, int, int, int]] | None:
        """Return what :meth:`_ranks` would of orders of one time that count for the broker alone.

        None where they are not such: that takes a tenth of going through them one by one.
        """
        ranks = ranks_in(self.commands)
        if ranks is None or any(ranks[1]):
            return None
        brokers = ranks[0]  # they rise
        counted = len(brokers) - brokers.count(0)
        return {BROKER: (max(brokers), counted, now, now)} if counted else {}

    def _ranks(self, times: Sequence[int]) -> dict[int, tuple[int, int, int, int]]:
        """Return for each axis the highest rank, the orders, their first time and their last."""
        found: dict[int, tuple[int, int, int, int]] = {}
        for command, now in zip(self.commands, times, strict=True):
            for number, rank, orders in counted_in(asked_of(command), self._counts.numbers.of):
                highest, before, first, last = found.get(number, (0, 0, now, now))
                found[number] = (
                    max(highest, rank + orders - 1), before + orders,
                    min(first, now), max(last, now),
                )  # fmt: skip
        return found

    def _add(
        self,
        number: int,
        began: int,
        offset: int,
        ranks: tuple[int, int, int, int],
        lacking: tuple[int, int] | None,
    ) -> None:
        highest, orders, first, last = ranks
        missing = 0
        if lacking is not None:
            first, missing = lacking
        if missing >= orders:
            return  # none has counted: as if the window had not begun
        row = (number, began, highest + offset - missing, max(last, began), max(first, began))
        before = self._rows.get(number)
        if before is None or began > before[1]:
            self._rows[number] = row
        elif began == before[1]:
            self._rows[number] = (
                number, began, max(before[2], row[2]), max(before[3], row[3]),
                _earlier(before[4], row[4]),
            )  # fmt: skip

    @property
    def rows(self) -> tuple[CountedWindow, ...]:
        """The latest window of each axis."""
        return tuple(self._rows.values())


def _axes_of(counts: BatchCounts) -> set[int]:
    return {number for number, _, _ in counts.axes().rows}


def _earlier(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)
