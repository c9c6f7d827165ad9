"""What the orders of a message count as: as many of them as the message has declared.

A message to an actor says before it is sent for how many orders it may count, and has their ranks.
The orders that are checked for it take these one after the other; one that would count beyond them
is not checked at all. What is left, the shard tells in its reply's head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.shards.counts import counted_in
from openpit.wire.axes import BROKER

if TYPE_CHECKING:
    from openpit.shards.counts import BatchCounts, CountingRules

__all__ = ["MessageCounts"]

Command = tuple[Any, ...]


class MessageCounts:
    """The ranks that a message in hand has declared, and not used yet."""

    __slots__ = (
        "_assets",
        "_command",
        "_counts",
        "_in_hand",
        "_is_counting",
        "_left",
        "_rank",
        "_rules",
    )

    def __init__(self, counts: BatchCounts) -> None:
        self._counts = counts
        self._rules: CountingRules | None = None
        self._command: Command = ()
        self._rank = self._left = 0
        self._assets: dict[str, list[int]] = {}  # of each the next rank, and how many are left
        self._is_counting = False  # of the order in hand: it takes a rank, and one of these
        self._in_hand: list[int] | None = None

    def begin(self, command: Command) -> None:
        """Take what a message declares."""
        self._command = command
        *_, self._rank, self._left, assets = command
        self._assets = {asset: [rank, left] for asset, rank, left in assets}
        self._rules = self._counts.rules()

    def supply(self, account: int | None, settlement: str | None) -> str | None:
        """Supply the counts of the next order; return why it may not count, if it may not."""
        rules = self._rules
        self._is_counting = False
        if rules is None:
            return None
        broker, number = rules.axes_of(account, settlement)
        if not broker and number is None:
            self._counts.supply(0, 0)
            return None
        if not self._left:
            return "its message has declared no order more that may count"
        row = None
        if number is not None:
            row = self._assets.get(settlement)  # type: ignore[arg-type]  # no row has None
            if row is None or not row[1]:
                return f"its message has declared no order more that is settled in {settlement}"
        self._is_counting = True
        self._in_hand = row
        rank = self._rank if broker else 0
        self._counts.rank(rank, row[0] if row is not None else 0, settlement)
        return None

    def take(self) -> None:
        """Record that the order in hand has been checked: it has counted, unless a block came."""
        if not (self._is_counting and self._counts.used):
            return
        self._is_counting = False
        self._left -= 1
        if self._rank:
            self._rank += 1
        row = self._in_hand
        if row is not None:
            row[1] -= 1
            if row[0]:
                row[0] += 1

    def vouch(self, broker: int, asset: int) -> None:
        """Supply the counts of the next orders, which somebody else has for all shards."""
        self._counts.supply(broker, asset)

    @property
    def has_counted(self) -> bool:
        """Whether an order has counted since counts were supplied."""
        return self._counts.used

    def end(self, place: int) -> None:
        """Give back what the message at a place of its batch has not used."""
        counts = self._counts
        assets = counts.numbers.assets
        counts.rest(
            place,
            [
                (axis, declared, self._left if axis == BROKER else self._assets[assets[axis]][1])  # type: ignore[index]  # an asset's
                for axis, _, declared in counted_in(self._command, counts.numbers.of)
            ],
        )
        self._command = ()
        self._rules = None
