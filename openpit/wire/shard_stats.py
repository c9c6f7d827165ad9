"""What a program sees of a shard."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ShardStats"]


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
