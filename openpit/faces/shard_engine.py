"""A shard's own engine, for all of its accounts: for actors of this package alone.

A program's actors act for their message's account, and are given nothing else. A stage of this
package, whose messages are of many accounts, is one that no program can name or ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.faces.embedded import Engine

if TYPE_CHECKING:
    from openpit.faces.acting import ActorEngine
    from openpit.shards.clock import ShardClock
    from openpit.shards.message_counts import MessageCounts

__all__ = ["ShardEngine"]


class ShardEngine(Engine):
    """The engine of a shard, while a message is in hand.

    Handles are ended before the message is. What the next order counts as, on the rates that span
    accounts, is said by whoever counts for all shards; until then it counts as nothing.
    """

    __slots__ = ("_counts", "clock")

    _counts: MessageCounts
    clock: ShardClock

    @classmethod
    def behind(cls, actor: ActorEngine) -> ShardEngine:
        """Return the engine that an actor of this package stands beside."""
        scope = actor._scope
        self: ShardEngine = object.__new__(cls)
        self._core = scope.core
        self._clock = self.clock = scope.clock
        self._lock = None
        self._execute = scope.core.execute
        self._counts = scope.counts
        return self

    def __del__(self) -> None:
        """Do nothing: the engine is the shard's."""

    def count_next(self, broker: int, asset: int) -> None:
        """Have the next orders count as these, on the broker's axis and on their asset's."""
        self._counts.vouch(broker, asset)

    @property
    def has_counted(self) -> bool:
        """Whether an order has counted since :meth:`count_next`."""
        return self._counts.has_counted
