"""How long a shard takes to answer, as this side of its pipe sees it: one batch timed at a time.

What is sent while nothing is being timed is timed, until all that was sent by then is answered: of
batches each, of calls one at a time every sixteenth. So it costs next to nothing, however much is
on its way.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.faces.observing import ObserverGuard
    from openpit.router.shard_link import ShardLink

__all__ = ["BUCKETS", "RoundTrips"]

BUCKETS: Final = 64
"""By the length of a time in bits: no clock runs longer."""

STRIDE: Final = 16
"""Commands from one that was timed to the next: calls one at a time pay for every sixteenth."""

_SECONDS: Final = 1e9
_NEVER: Final = 2**80  # no command has such a number


class RoundTrips:
    """The round trips of a router's shards; ``told`` is the observer that hears of them."""

    __slots__ = (
        "_ends", "_since", "_timed", "_told", "_waiting", "_waits_since", "buckets",
        "hears", "next", "totals",
    )  # fmt: skip

    def __init__(self, shards: int, told: ObserverGuard | None = None) -> None:
        self._told: Final = told
        self.buckets: Final = [[0] * BUCKETS for _ in range(shards)]
        self.totals: Final = [0] * shards  # nanoseconds
        self._since: Final = [0] * shards  # when what is being timed was sent, 0 if nothing is
        self._ends: Final = [0] * shards  # the number behind it
        self.next: Final = [0] * shards  # from which number on the next may be timed
        self._timed = 0  # how many shards something is being timed of
        self.hears = told is not None  # whether it has to be told of replies
        self._waiting: Final[list[Any]] = [None] * shards  # for credit: an entry that is timed
        self._waits_since: Final = [0] * shards

    def sent(self, links: Sequence[ShardLink]) -> None:
        """Record that what these shards had ready is being written.

        Need not be called while it does not hear, and nothing has a number from ``next`` on.
        """
        for link in links:
            number = link.number
            if link.next_seq >= self.next[number] and link.answered < link.next_seq:
                self._since[number] = perf_counter_ns()
                self._ends[number] = link.next_seq
                self.next[number] = _NEVER
                self._timed += 1
                self.hears = True
        if self._told is not None:
            self._tell(self._told, links)

    def heard(self, links: Sequence[ShardLink]) -> None:
        """Record that replies have come; need not be called while it does not hear."""
        for link in links:
            number = link.number
            since = self._since[number]
            if since and link.answered >= self._ends[number]:
                spent = perf_counter_ns() - since
                self._since[number] = 0
                self.next[number] = link.next_seq + STRIDE
                self._timed -= 1
                self.hears = self._timed > 0 or self._told is not None
                self.buckets[number][spent.bit_length()] += 1
                self.totals[number] += spent
                if self._told is not None:
                    self._told.tell("ran", number, spent / _SECONDS)
        if self._told is not None:
            self._tell(self._told, links)

    def _tell(self, told: ObserverGuard, links: Sequence[ShardLink]) -> None:
        """Tell the observer how much is on its way, and for how long what was sent had waited."""
        for link in links:
            number, waiting = link.number, link.waiting
            told.tell("depth", number, link.in_flight, len(waiting))
            entry = self._waiting[number]
            if entry is not None and entry.is_sent:
                waited = perf_counter_ns() - self._waits_since[number]
                told.tell("waited", number, waited / _SECONDS)
                entry = None
            if not waiting:
                entry = None
            elif entry is None:
                entry, self._waits_since[number] = waiting[-1], perf_counter_ns()
            self._waiting[number] = entry
