"""What a server tells of its router: a row for each shard, on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import WireError
from openpit.wire.frames import HEAD, messages_of, pack
from openpit.wire.sessions import SessionOp, note_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.wire.frames import Frame

__all__ = ["RouterFigures", "figures_frame", "figures_in"]

_TEXT: Final = (str, type(None))
_NUMBER: Final = (int,)


class RouterFigures(NamedTuple):
    """A shard as its router sees it: the fields of :class:`openpit.router.ShardStats`, and more."""

    shard: int
    state: str
    pid: int | None
    in_flight: int
    waiting: int
    credits: int
    sent: int
    answered: int
    bytes_sent: int
    bytes_received: int
    why: str | None
    told_in_vain: int
    restarts: int
    expired: int
    trips: tuple[int, ...]
    """How many round trips took at least 2**(place - 1) nanoseconds and less than 2**place."""
    trip_time: int
    """How long all of them took, in nanoseconds."""


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "state": (str,),
    "pid": (int, type(None)),
    "why": _TEXT,
    "trips": (tuple,),
}


def figures_frame(rows: Sequence[RouterFigures]) -> Frame:
    """Return the frame that tells of all shards."""
    return note_frame(SessionOp.FIGURES, pack(rows))


def figures_in(frame: Frame) -> list[RouterFigures]:
    """Return what such a frame says.

    Raises:
        WireError: it is none.
    """
    return [_row_of(row) for row in messages_of(frame[HEAD.size :])]


def _row_of(row: tuple[Any, ...]) -> RouterFigures:
    if len(row) != len(RouterFigures._fields):
        raise WireError(f"not the figures of a shard: {row!r:.200}")
    for name, value in zip(RouterFigures._fields, row, strict=True):
        if type(value) not in _TYPES.get(name, _NUMBER):
            raise WireError(f"not the figures of a shard: {name} {value!r:.100}")
        if name == "trips" and not {*map(type, value)} <= {int}:
            raise WireError(f"not the figures of a shard: {name} {value!r:.100}")
    return RouterFigures(*row)
