"""What has been open for too long: rolled back before the first command of a batch.

By the time of the commands, so that a replay does it at the same points. A recorded drop copy stays
open: the venue has its order, whoever forgets it here.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.shards.held import Held

__all__ = ["EXPIRED_KNOWN", "Expiry"]

EXPIRED_KNOWN: Final = 65536
"""How many of the handles that have expired last a shard knows by that: a few MiB."""


class Expiry:
    """Ends what one shard has had open for ``ttl`` nanoseconds; nothing where that is 0."""

    __slots__ = ("_held", "_known", "_opened", "count", "due", "ttl")

    def __init__(self, ttl: int, held: Held) -> None:
        self.ttl: Final = ttl
        self._held: Final = held
        self._opened: OrderedDict[int, int] = OrderedDict()  # by handle, the oldest first
        self._known: OrderedDict[int, None] = OrderedDict()
        self.due: float = inf  # the time from which something has to be looked at
        self.count = 0  # expired since the last reply

    def opened(self, handle: int, now: int) -> None:
        """Record that something is open from now on."""
        if self.ttl:
            if not self._opened:
                self.due = now + self.ttl
            self._opened[handle] = now

    def ended(self, handle: int) -> None:
        """Record that something is open no more."""
        self._opened.pop(handle, None)

    def has_ended(self, handle: int) -> bool:
        """Tell whether a handle has expired, and not too long ago."""
        return handle in self._known

    def due_by(self, now: int) -> list[int]:
        """Return what has been open for too long by now, the oldest first."""
        ttl = self.ttl
        due = takewhile(lambda item: now - item[1] >= ttl, self._opened.items())
        return [handle for handle, _ in due]

    def run(self, now: int) -> int:
        """Roll back what has been open for too long by now, the oldest first; tell how many."""
        opened, ttl, before = self._opened, self.ttl, self.count
        while opened:
            handle = next(iter(opened))
            if now - opened[handle] < ttl:
                break
            del opened[handle]
            if self._held.expire(handle):
                self.count += 1
                self._known[handle] = None
        while len(self._known) > EXPIRED_KNOWN:
            self._known.popitem(last=False)
        self.due = opened[next(iter(opened))] + ttl if opened else inf
        return self.count - before

    def told(self) -> tuple[int, int]:
        """Return how many have expired since the last call, and when the next may; 0: none."""
        count, self.count = self.count, 0
        if not self._opened:
            self.due = inf
            return count, 0
        self.due = due = self._opened[next(iter(self._opened))] + self.ttl
        return count, due

    def export(self) -> tuple[list[tuple[int, int]], list[int]]:
        """Return what is open, with since when, and what has expired: the oldest first."""
        return list(self._opened.items()), list(self._known)

    def restore(self, opened: Iterable[tuple[int, int]], known: Iterable[int]) -> None:
        """Go on with what another has exported, and nothing else."""
        self._opened = OrderedDict(opened)
        self._known = OrderedDict.fromkeys(known)
        self.due = inf if not self._opened else next(iter(self._opened.values())) + self.ttl
