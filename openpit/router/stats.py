"""What the router knows of its shards, for those who watch it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ShardStats"]


@dataclass(frozen=True, slots=True)
class ShardStats:
    """One shard as its router sees it at this moment."""

    shard: int
    """Its number, from 0."""
    state: str
    """``"starting"``, ``"up"``, ``"stalled"``, ``"closing"``, ``"down"`` or ``"closed"``."""
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
    """Why it is down or stalled, None while it is neither."""
