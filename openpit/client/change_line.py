"""A session's changes of market data on their way to its server, which has all shards make them.

They go out between the batches to single shards: behind what was staged before them, ahead of what
comes later. No I/O.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import ShardOverloaded, WireError
from openpit.router.calls import Call
from openpit.router.shard_link import Entry
from openpit.wire import kinds
from openpit.wire.frames import body_of, too_large
from openpit.wire.limits import CHANGES_BYTES, CHANGES_IN_FLIGHT, CHANGES_PER_FRAME
from openpit.wire.sessions import changes_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.shard_link import Books, ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["Change", "ChangeLine"]

_DONE: Final = (kinds.DONE, 1)
_ROOM: Final = 64  # of a frame: its head, and that of the array in it


class Change(Call):
    """A change that is done for its caller as soon as it is on its way.

    Raises:
        FrameTooLarge: it has no room in a frame.
    """

    __slots__ = ("_line", "answer")

    def __init__(self, line: ChangeLine, now: int, packed: bytes) -> None:
        line.check_fits(packed)
        super().__init__(line.books)
        Entry.__init__(self, 1, now, packed)
        self._line: Final = line
        self.answer: Any = None  # what its caller gets

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        """Take that all shards have made it."""

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """End with the server, if it was not sent."""
        if not sent:
            self.fail(link.refusal())

    def expire(self, why: str) -> None:
        """End unsent: there was no room in time."""
        self._line.withdraw(self)
        self.refuse()

    def refuse(self) -> None:
        """End unsent: there is no room."""
        self.fail(
            ShardOverloaded(
                f"{CHANGES_IN_FLIGHT} changes of market data are in flight, and the shards have "
                "not made any of them in time",
                0,
            )
        )

    def abandon(self) -> None:
        """End for a caller that has gone; what was not sent never is."""
        if not self.done and not self.is_sent:
            self._line.withdraw(self)
        super().abandon()


class ChangeLine:
    """What stands between the callers and the server; to a procedure it is one more shard's link.

    ``gather`` puts the frame in hand, and what the links have staged, behind what is to go out.
    """

    def __init__(self, books: Books, *, may_wait: bool) -> None:
        self.books: Final = books
        self._may_wait: Final = may_wait  # for room
        self.has_times = False  # the server takes the clients' times
        self.frame_bytes = CHANGES_BYTES  # at most, or what a session may send at all
        self.gather: Callable[[], None]
        self._pending: deque[Entry] = deque()
        self._waiting: deque[Change] = deque()
        self._open: list[bytes] = []  # changes of the frame that is to go out next
        self._open_bytes = 0
        self._open_time = 0

    # --- as a shard's link is seen by a procedure ------------------------------------------------

    number: Final = 0
    is_stalled: Final = False  # the server does not wait for shards that are

    @property
    def is_up(self) -> bool:
        """Whether there is a shard that takes changes, or will."""
        return any(link.is_up or link.is_stalled for link in self.books.links)

    @property
    def reason(self) -> str:
        """Why nothing is taken."""
        return self.books.links[0].reason

    def refusal(self) -> Exception:
        """Return the error of a change that no shard can take."""
        return self.books.links[0].refusal()

    def check_fits(self, packed: bytes) -> None:
        """Raise FrameTooLarge for a change that has no room in a frame."""
        if len(packed) + _ROOM > self.frame_bytes:
            raise too_large(len(packed), self.frame_bytes)

    def stage(self, entry: Entry) -> None:
        """Put a change behind all that has been staged anywhere, past what may be in flight."""
        size = len(entry.packed) + _ROOM
        is_full = self._open and (
            len(self._open) >= CHANGES_PER_FRAME
            or self._open_bytes + size > self.frame_bytes
            or (self.has_times and entry.now != self._open_time)
        )
        if is_full or any(link.has_output for link in self.books.links):
            self.gather()
        self._open.append(entry.packed)
        self._open_bytes += size
        self._open_time = entry.now
        self._pending.append(entry)
        entry.packed = b""

    # --- callers ---------------------------------------------------------------------------------

    def submit(self, change: Change) -> None:
        """Send a change now, or when there is room."""
        if not self.is_up:
            change.lost(self, sent=False)  # type: ignore[arg-type]  # seen as a link, see above
            return
        self.books.is_torn = True
        if not self._waiting and len(self._pending) < CHANGES_IN_FLIGHT:
            self._send(change)
        elif self._may_wait:
            change.is_sent = False
            self._waiting.append(change)
        else:
            change.refuse()
        self.books.is_torn = False

    def _send(self, change: Change) -> None:
        self.stage(change)
        change.is_sent = True
        change.finish(change.answer)

    def withdraw(self, change: Change) -> None:
        """Take a change out of the line."""
        self._waiting.remove(change)

    # --- the server ------------------------------------------------------------------------------

    @property
    def has_output(self) -> bool:
        """Whether there is a frame to go out."""
        return bool(self._open)

    def take(self) -> bytes:
        """Return the frame that is to go out next."""
        changes, self._open = self._open, []
        self._open_bytes = 0
        return changes_frame(len(changes), self._open_time, body_of(changes, len(changes)))

    def answered(self, count: int) -> None:
        """Record that so many changes have been made by all shards that answer.

        Raises:
            WireError: more than there are.
        """
        if not 0 < count <= len(self._pending) - len(self._open):
            raise WireError(f"{count} changes are made where {len(self._pending)} are on their way")
        for entry in [self._pending.popleft() for _ in range(count)]:
            entry.replied(self, 0, _DONE)  # type: ignore[arg-type]  # as above
        while self._waiting and len(self._pending) < CHANGES_IN_FLIGHT:
            self._send(self._waiting.popleft())

    def lose(self) -> None:
        """Record that the server is gone, with all that was asked of it."""
        lost: list[tuple[Any, bool]] = [(entry, True) for entry in self._pending]
        lost += [(entry, False) for entry in self._waiting]
        self._pending.clear()
        self._waiting.clear()
        self._open.clear()
        for entry, was_sent in lost:
            entry.lost(self, sent=was_sent)
