"""What a server tells of its shards, and of the sessions that it has no more, to who watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import WireError
from openpit.wire.frames import HEAD, messages_of, pack
from openpit.wire.sessions import SessionOp, SessionStats, note_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.wire.frames import Frame

__all__ = ["WatchedShard", "watch_frame", "watch_in"]


class WatchedShard(NamedTuple):
    """A shard as its server's router sees it at this moment: of all sessions together."""

    shard: int
    state: str
    why: str | None
    pid: int | None
    in_flight: int  # commands that are not answered yet
    credits: int  # how many may be
    sent: int  # commands since its life began
    answered: int  # as above
    bytes_sent: int
    bytes_received: int
    restarts: int
    expired: int


_TEXT: Final = (str, type(None))
_FIGURES: Final = (int, str, _TEXT, (int, type(None)), *[int] * 8)
_GONE: Final = (int, _TEXT, *[int] * 5)


def watch_frame(shards: Sequence[WatchedShard], gone: Sequence[SessionStats]) -> Frame:
    """Return the frame that tells how the shards stand, and which sessions have ended last."""
    return note_frame(SessionOp.WATCH, pack(((tuple(shards), tuple(gone)),)))


def watch_in(frame: Frame) -> tuple[list[WatchedShard], list[SessionStats]]:
    """Return what such a frame says.

    Raises:
        WireError: it is none.
    """
    messages = messages_of(frame[HEAD.size :])
    if len(messages) != 1 or [*map(type, messages[0])] != [tuple, tuple]:
        raise WireError(f"not what a server says of its shards: {messages!r:.100}")
    rows: Any = messages[0]
    shards, gone = rows
    return (
        [WatchedShard(*_row(one, _FIGURES)) for one in shards],
        [SessionStats(*_row(one, _GONE)) for one in gone],
    )


def _row(row: Any, fields: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row whose fields are of these types; raise WireError where they are not."""
    if (
        type(row) is not tuple
        or len(row) != len(fields)
        or not all(
            type(field) in (its if type(its) is tuple else (its,))
            for field, its in zip(row, fields, strict=True)
        )
    ):
        raise WireError(f"not what a server says of its shards: {row!r:.100}")
    return row
