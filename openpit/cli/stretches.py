"""Stretches of a flow: lines that go to the workers together, and come back as decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpit.cli.lines import Line
    from openpit.router.calls import Call

__all__ = ["NOWHERE", "Stretch"]

NOWHERE = -1
"""In place of the shard of a line that concerns no order, or is no event."""


class Stretch:
    """Consecutive lines, and where they go.

    It ``is_counted`` where what its orders count as, on the rates that span accounts, is sent with
    them.
    """

    __slots__ = (
        "bad",
        "begun",
        "counts",
        "currencies",
        "is_counted",
        "lines",
        "observed",
        "order_shards",
        "parts",
        "rows",
        "shards",
        "time",
        "times",
        "told_time",
        "twins",
    )

    def __init__(self, shards: int, *, is_counted: bool = False) -> None:
        self.rows: list[Line] = []
        self.shards: list[int] = []
        """Of each row."""
        self.lines: list[list[bytes]] = [[] for _ in range(shards)]
        """By shard, of the rows that go there."""
        self.order_shards: list[int] = []
        """Of each order; so are the next two."""
        self.times: list[int] = []
        self.currencies: list[str] = []
        self.time = 0
        """Of the last row, if all are good."""
        self.told_time: int | None = None
        """The time of the only row, where that tells none."""
        self.bad: dict[int, str] = {}
        """Why rows are bad, by their numbers: those that were found on this side, at first."""
        self.twins: set[int] = set()
        """Numbers of orders whose id another order has."""
        self.observed: list[str] = []
        """Kinds of the events that concern no order."""
        self.is_counted = is_counted
        self.counts: list[list[tuple[int, int] | None]] = [[] for _ in range(shards)]
        """By shard, what the orders of its lines count as, if it is counted."""
        self.parts: list[tuple[int, Call]] = []
        """Of each shard that has lines, what was sent."""
        self.begun = 0
        """When it was sent, on the clock of :func:`time.perf_counter_ns`."""

    def add(self, row: Line, shard: int) -> None:
        """Add a row that goes to a shard, or nowhere; its order counts as nothing."""
        _, line = row
        self.rows.append(row)
        self.shards.append(shard)
        if shard != NOWHERE:
            assert type(line) is bytes  # noqa: S101 - others go nowhere
            self.lines[shard].append(line)
            self.counts[shard].append(None)

    def add_order(self, shard: int, time: int, currency: str) -> None:
        """Add the order of the row that was added last."""
        self.order_shards.append(shard)
        self.times.append(time)
        self.currencies.append(currency)

    def numbers_of(self, shard: int) -> list[int]:
        """Return the numbers of the rows that go to a shard."""
        pairs = zip(self.rows, self.shards, strict=True)
        return [number for (number, _), its in pairs if its == shard]
