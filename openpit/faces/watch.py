"""Which shards stand still, and for how long.

A shard that has something to answer and answers nothing for a whole timeout is *stalled*. It keeps
its memory and may go on, so it is not ended at once; but no call waits for it a second time. One
that stays so for the stall timeout is given up.

Where calls to all shards wait for one (a rollback of what nobody holds any more, an engine-wide
block), it has a little less than the timeout: those calls have it, too, and shall not end a moment
before.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["STALL_SECONDS", "Watch"]

STALL_SECONDS: Final = 30.0
"""A shard that was silent for this long will not be of use again; and its owner wants to know."""

_SHARE: Final = 0.75
"""Of the timeout, for a shard that keeps the calls to all others waiting."""


class Watch:
    """Watches a core's shards for a face; times are seconds by any clock.

    A shard's silence counts from when it is first seen: it is never stalled early.
    """

    __slots__ = ("_router", "_seen", "_stall_timeout", "_stalled", "_timeout", "due")

    def __init__(self, router: Router, timeout: float, stall_timeout: float) -> None:
        self._router: Final = router
        self._timeout: Final = timeout
        self._stall_timeout: Final = stall_timeout
        self._seen: dict[ShardLink, tuple[int, float]] = {}
        self._stalled: dict[ShardLink, float] = {}
        self.due = inf
        """When to look again, if nothing else happens before."""

    def look(self, now: float) -> list[tuple[ShardLink, str]]:
        """Tell the core which shards are stalled; return those to be given up, and why."""
        over: list[tuple[ShardLink, str]] = []
        seen: dict[ShardLink, tuple[int, float]] = {}
        stalled: dict[ShardLink, float] = {}
        due = inf
        for link in self._router.links:
            if link.is_up and link.pending:
                answered, since = self._seen.get(link, (-1, 0.0))
                if answered != link.answered:
                    since = now
                patience = self._patience_with(link, since, now)
                end = since + patience
                if now < end:
                    seen[link] = link.answered, since
                    due = min(due, end)
                    continue
                self._router.stall(link, f"no answer within {patience:g} s")
            if link.is_stalled:
                since = self._stalled.get(link, now)
                end = since + self._stall_timeout
                if now < end:
                    stalled[link] = since
                    due = min(due, end)
                else:
                    over.append((link, f"stalled for {self._stall_timeout:g} s"))
        self._seen, self._stalled, self.due = seen, stalled, due
        return over

    def _patience_with(self, link: ShardLink, since: float, now: float) -> float:
        """Return for how many seconds a shard may be silent."""
        little = self._timeout * _SHARE
        if now < since + little or link.holds_up_all:
            return little
        return self._timeout
