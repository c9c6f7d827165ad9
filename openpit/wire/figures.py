"""What a router knows of its shards, and how a server tells that and which sessions have gone."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.wire.sessions import STATS, SessionOp, SessionStats, note, note_in, typed
from openpit.wire.shard_stats import ShardStats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.wire.frames import Frame

__all__ = ["RouterFigures", "figures_frame", "figures_in"]


class RouterFigures(NamedTuple):
    """A shard as its router sees it, and its round trips, where they are timed."""

    stats: ShardStats
    trips: tuple[int, ...] = ()
    """How many round trips took at least 2**(place - 1) nanoseconds and less than 2**place."""
    trip_time: int = 0
    """How long all of them took, in nanoseconds."""


_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "state": str,
    "pid": (int, type(None)),
    "why": (str, type(None)),
}
_ROW: Final = (*[_TYPES.get(field.name, int) for field in fields(ShardStats)], tuple, int)


def figures_frame(shards: Sequence[RouterFigures], gone: Sequence[SessionStats]) -> Frame:
    """Return the frame that tells of all shards, and of the sessions that have ended last."""
    rows = tuple((*astuple(stats), trips, time) for stats, trips, time in shards)
    return note(SessionOp.FIGURES, rows, tuple(gone))


def figures_in(frame: Frame) -> tuple[list[RouterFigures], list[SessionStats]]:
    """Return what such a frame says.

    Raises:
        WireError: it is none.
    """
    op = SessionOp.FIGURES
    rows, gone = note_in(frame, tuple, tuple)
    shards: list[RouterFigures] = []
    for row in rows:
        *stats, trips, time = typed(op, row, _ROW)
        typed(op, trips, (int,) * len(trips))
        shards.append(RouterFigures(ShardStats(*stats), trips, time))
    return shards, [SessionStats(*typed(op, row, STATS)) for row in gone]
