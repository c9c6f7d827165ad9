"""The life of a shard, as a table, and the end of what nobody holds any more."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ENDS", "SHARD", "TAKES", "Dropped", "ShardEvent", "ShardState"]


class ShardState(StrEnum):
    """Where a shard is in its life, as its router sees it."""

    STARTING = "starting"
    UP = "up"
    STALLED = "stalled"
    RECOVERING = "recovering"
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
    REPLACE = "replace"  # the worker ended, and another one takes its place
    RECOVERED = "recovered"  # that one has come to where the last one was
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
        ShardEvent.REPLACE: ShardState.RECOVERING,
        ShardEvent.LOST: ShardState.DOWN,
    },
    # It takes nothing until it answers again: its orders are denied at once, not after a timeout.
    ShardState.STALLED: {
        ShardEvent.ANSWER: ShardState.UP,
        ShardEvent.CLOSE: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.DOWN,
    },
    # It takes what comes, as one that is up; nothing of it is sent before it has recovered.
    ShardState.RECOVERING: {
        ShardEvent.REPLACE: ShardState.RECOVERING,
        ShardEvent.RECOVERED: ShardState.UP,
        ShardEvent.CLOSE: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.DOWN,
    },
    ShardState.CLOSING: {
        ShardEvent.ENDED: ShardState.CLOSED,
        ShardEvent.LOST: ShardState.CLOSED,
    },
    # A shard that lost its memory for good is never started again: its accounts stay denied.
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


TAKES: Final = frozenset({ShardState.UP, ShardState.RECOVERING})
"""The states of a shard that takes commands."""


ENDS: Final = frozenset({ShardState.CLOSING, ShardState.CLOSED})
"""Those of a shard whose engine ends."""


class Dropped(deque[Any]):
    """Links and handles that nobody holds any more.

    A finaliser may run at any moment and in any thread: all it does is to append here.
    """

    tell: Callable[[], object] | None = None
    """Called with the first of them, by whoever appends it, where a face sees to them at once."""
    is_told = False

    def append(self, dropped: tuple[Any, int]) -> None:
        """Add a link and a handle of its shard."""
        super().append(dropped)
        tell = self.tell  # another thread may be closing
        if tell is not None and not self.is_told:
            self.is_told = True
            tell()
