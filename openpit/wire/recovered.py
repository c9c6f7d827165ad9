"""What a shard tells of the journal that it has replayed when it was started."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["CountedWindow", "Recovered"]

CountedWindow: TypeAlias = "tuple[int, int, int, int, int | None]"
"""The latest window of an axis in which orders of the shard have counted.

The axis's number; the time of the order that opened the window; what the highest count was that an
order of this shard may have had; the time of its latest order, and of the earliest that is known to
have counted. Where none has counted since settings brought the axis, all times are that change's.
"""


class Recovered(NamedTuple):
    """What the shard has come back with, as its router has to know it."""

    batches: int = 0
    """How many it has replayed."""
    open_handles: int = 0
    """How many requests, reservations and drop copies are open still."""
    last_time: int = 0
    """The latest time that it was told, in nanoseconds."""
    causes: int = 0
    """Of the engine-wide block, as in a head's flags; 0 where it is not armed."""
    lives: tuple[tuple[int, int], ...] = ()
    """Each epoch, and the number behind the last command of it."""
    windows: tuple[CountedWindow, ...] = ()
    clients: tuple[int, ...] = ()
    """Those that have something open, by their numbers."""
