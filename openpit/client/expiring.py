"""Reservations that expire: when the next one does on each shard, and who asks the shard then."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from openpit.router.own_commands import OwnOp
from openpit.wire.expiries import expiry_in
from openpit.wire.frames import Op

if TYPE_CHECKING:
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink
    from openpit.wire.frames import Frame

__all__ = ["Expiring"]

_SECOND: Final = 1e9


class Expiring:
    """The next expiry of each shard of a router, by the engine's clock."""

    __slots__ = ("_due", "_links")

    def __init__(self, router: Router) -> None:
        self._links: Final = router.links
        self._due = [inf] * len(router.links)
        router.hear = self.heard

    def heard(self, link: ShardLink, reply: Frame) -> None:
        """Take what the head of a reply says."""
        expired, due = expiry_in(reply)
        link.expired += expired
        self._due[link.number] = due or inf

    def seconds_left(self, now: int) -> float:
        """Return in how many seconds the next one comes; infinity if there is none."""
        due = min(
            (due for link, due in zip(self._links, self._due, strict=True) if link.is_up),
            default=inf,
        )
        return (due - now) / _SECOND

    def on_time(self, now: int) -> None:
        """Ask the shards on which something expires by now; each says when the next one does.

        An empty batch does, since nobody asks anything else.
        """
        for link, due in zip(self._links, self._due, strict=True):
            if due <= now and link.is_up:
                self._due[link.number] = inf
                link.stage(OwnOp(now, Op.TICK))
