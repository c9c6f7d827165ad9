"""What the router knows of its shards, for those who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openpit.wire.frames import EPOCH_COMMANDS

if TYPE_CHECKING:
    from openpit.router.expiring import Expiring
    from openpit.router.shard_link import ShardLink

__all__ = ["ShardStats", "picture_of"]


@dataclass(frozen=True, slots=True)
class ShardStats:
    """One shard as its router sees it at this moment."""

    shard: int
    """Its number, from 0."""
    state: str
    """``"starting"``, ``"up"``, ``"stalled"``, ``"recovering"``, ``"closing"``, ``"down"`` or
    ``"closed"``."""
    pid: int | None
    """Process id of its worker, None where there is no process."""
    in_flight: int
    """Commands that were sent and not answered yet."""
    waiting: int
    """Commands that wait for credit."""
    credits: int
    """How many commands may be in flight."""
    sent: int
    """Commands that were sent since the start."""
    answered: int
    """Commands that were answered since the start."""
    bytes_sent: int
    """Bytes of frames for the worker."""
    bytes_received: int
    """Bytes of frames from the worker."""
    why: str | None
    """Why it is down, stalled or recovering, None while it is none of these."""
    told_in_vain: int
    """Messages by :meth:`tell` at which the actor has raised; the worker's log has the errors."""
    restarts: int
    """Workers that have taken the place of one that ended; 0 where there is no journal."""
    expired: int
    """Reservations and requests that were open for longer than ``reservation_ttl``; 0 of a shard
    that is behind a server."""


def picture_of(link: ShardLink, expiring: Expiring | None) -> ShardStats:
    """Return what a shard is like at this moment."""
    return ShardStats(
        shard=link.number,
        state=link.state.value,
        pid=link.pid,
        in_flight=link.in_flight,
        waiting=sum(entry.count for entry in link.waiting),
        credits=link.credits,
        sent=link.next_seq % EPOCH_COMMANDS,
        answered=link.answered % EPOCH_COMMANDS,
        bytes_sent=link.bytes_sent,
        bytes_received=link.bytes_received,
        why=link.why,
        told_in_vain=link.told_in_vain,
        restarts=link.restarts,
        expired=0 if expiring is None else expiring.counts[link.number],
    )
