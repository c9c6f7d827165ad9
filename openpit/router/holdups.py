"""Shards that keep all others waiting, and since when they have answered nothing.

A rollback of what nobody holds any more may block the whole engine, so every call waits for it. A
shard that does not get it done must not stand for all: after the timeout it is given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openpit.router.core import RouterCore
    from openpit.router.link import ShardLink

__all__ = ["HoldUps"]


_SHARE: Final = 0.75
"""Of the timeout: the calls that wait have it, too, and shall not end a moment before."""


class HoldUps:
    """Watches a core for a face; times are seconds by any clock."""

    __slots__ = ("_core", "_limit", "_seen")

    def __init__(self, core: RouterCore, timeout: float) -> None:
        self._core: Final = core
        self._limit: Final = timeout * _SHARE
        self._seen: dict[ShardLink, tuple[int, float]] = {}

    def overdue(self, now: float) -> list[ShardLink]:
        """Take note of who keeps the others waiting; return those who have for too long."""
        late = []
        seen = {}
        for link in self._core.holding_up():
            answered, since = self._seen.get(link, (link.answered, now))
            if answered != link.answered:
                since = now
            seen[link] = (link.answered, since)
            if now - since >= self._limit:
                late.append(link)
        self._seen = seen
        return late
