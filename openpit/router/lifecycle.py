"""The lifecycles of a shard and of what a proxy stands for, as tables."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["SHARD", "ShardEvent", "ShardState"]


class ShardState(StrEnum):
    """Where a shard is in its life, as its router sees it."""

    STARTING = "starting"
    UP = "up"
    STALLED = "stalled"
    CLOSING = "closing"
    DOWN = "down"
    CLOSED = "closed"


class ShardEvent(StrEnum):
    """What happens to a shard."""

    READY = "ready"  # the worker has loaded its engine
    CLOSE = "close"  # the router is being closed
    ENDED = "ended"  # everything was answered, the worker has said goodbye
    STALL = "stall"  # something is under way, and no answer has come for a timeout
    ANSWER = "answer"  # one has come after all
    LOST = "lost"  # the worker ended, or sent what is no frame


SHARD: Final[dict[ShardState, dict[ShardEvent, ShardState]]] = {
    ShardState.STARTING: {
        ShardEvent.READY: ShardState.UP,
        ShardEvent.CLOSE: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.DOWN,
    },
    ShardState.UP: {
        ShardEvent.CLOSE: ShardState.CLOSING,
        ShardEvent.STALL: ShardState.STALLED,
        ShardEvent.LOST: ShardState.DOWN,
    },
    # It takes nothing until it answers again: its orders are denied at once, not after a timeout.
    ShardState.STALLED: {
        ShardEvent.ANSWER: ShardState.UP,
        ShardEvent.CLOSE: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.DOWN,
    },
    ShardState.CLOSING: {
        ShardEvent.ENDED: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.CLOSED,
    },
    # A shard that lost its memory is never started again: its accounts stay denied.
    ShardState.DOWN: {
        ShardEvent.CLOSE: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.DOWN,
    },
    ShardState.CLOSED: {
        ShardEvent.CLOSE: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.CLOSED,
    },
}
"""What follows on an event; an event that a state does not list cannot happen in it."""
