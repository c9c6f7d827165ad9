"""How long a worker's turns take, and what it writes: of its process, and told on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openpit.shards.shard_journal import ShardJournal
    from openpit.wire.tallies import OfProcess

__all__ = ["BUCKETS", "TurnMeter"]

BUCKETS: Final = 64
"""By the length of a time in bits: no clock runs longer."""


class TurnMeter:
    """The turns of one worker; the loop counts into ``buckets`` and ``total`` itself."""

    __slots__ = ("_journal", "buckets", "total")

    def __init__(self, journal: ShardJournal | None) -> None:
        self._journal: Final = journal
        self.buckets: Final = [0] * BUCKETS
        self.total = 0  # nanoseconds

    def told(self) -> OfProcess:
        """Return what :class:`openpit.wire.tallies.ShardTally` has of the process."""
        journal = self._journal
        written = (0, 0) if journal is None else journal.written
        return (tuple(self.buckets), self.total, *written)
