"""The time of a shard."""

from __future__ import annotations

__all__ = ["ShardClock"]


class ShardClock:
    """The time of a shard: that of the command in hand."""

    __slots__ = ("now",)

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time in nanoseconds."""
        return self.now
