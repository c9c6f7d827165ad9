"""Commands that nobody waits for: a shard's end, quotes, what nobody holds any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.router.calls import Call
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.shard_link import Entry
from openpit.wire.frames import Op
from openpit.wire.limits import HANDLES_PER_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.procedures import Procedures
    from openpit.router.shard_link import Books, ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["Close", "Drop", "Goodbye", "MarketChange", "OwnOp", "Unattended", "let_go"]


class Unattended(Entry):
    """One command whose reply says only that it is done; an op, unless it has a body."""

    __slots__ = ()

    is_awaited = False

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        """Take the reply, which says only that."""

    def confirmed(self, link: ShardLink) -> None:
        """Take that it has been done."""

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """End with the shard: there is nobody to tell."""

    def stalled(self, link: ShardLink, why: str) -> None:
        """Wait on: nobody else does."""


class MarketChange(Unattended):
    """A change of market data, which all shards make."""

    __slots__ = ()

    is_change = True


class OwnOp(Unattended):
    """An op: arm the engine-wide block with causes, or roll back what a client has left open."""

    __slots__ = ("client_number", "flags", "op")

    def __init__(self, now: int, op: int, *, causes: int = 0, client: int = 0) -> None:
        super().__init__(1, now)
        self.op = op
        self.flags = causes
        self.client_number = client


class Drop(Unattended):
    """Handles that nobody holds any more."""

    __slots__ = ("_procedures", "handles", "is_settled")

    uses_reserve = True

    def __init__(self, handles: list[int], books: Books, procedures: Procedures) -> None:
        super().__init__(1, books.now, books.bodies.drop(handles), books.bodies.done)
        self.handles: Final = handles
        self.is_settled = False
        self._procedures: Final = procedures  # some of which may wait for it

    @property
    def delays_all(self) -> bool:  # type: ignore[override]  # the base class says it for all
        """Whether calls wait for it."""
        return not self.is_settled

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        self._settle()

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        if link.is_stalled:  # it waited for credit
            link.owed_drops += self.handles
        self._settle()

    def stalled(self, link: ShardLink, why: str) -> None:
        self._settle()

    def _settle(self) -> None:
        if not self.is_settled:
            self.is_settled = True
            self._procedures.settled(self.client_number)


class Close(Unattended):
    """The goodbye of one shard; of one that keeps what is open, to let go of nothing."""

    __slots__ = ("_goodbye", "op")

    def __init__(self, now: int, goodbye: Goodbye, *, keeps: bool) -> None:
        bodies = goodbye.books.bodies
        super().__init__(1, now, bodies.drop([]) if keeps else b"", bodies.done)
        self.op = Op.MESSAGES if keeps else Op.CLOSE
        self._goodbye = goodbye

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        link.happen(ShardEvent.ENDED)
        self._goodbye.one_ended()

    def confirmed(self, link: ShardLink) -> None:
        self.replied(link, self.first, ())

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        if link.state is ShardState.CLOSING:
            # Returned for other settings: nothing was to be applied, and all before is answered.
            link.happen(ShardEvent.ENDED)
        self._goodbye.one_ended()


class Goodbye(Call):
    """Waits until every shard has ended."""

    __slots__ = ("_lose_all", "_open")

    def __init__(self, books: Books, shards: int, lose_all: Callable[[str], None]) -> None:
        super().__init__(books)
        self._lose_all: Final = lose_all
        self._open = shards
        self.done = not shards

    def one_ended(self) -> None:
        """Record that a shard has ended."""
        self._open -= 1
        if not self._open:
            self.finish(None)

    def expire(self, why: str) -> None:
        self._lose_all(why)


def let_go(books: Books, procedures: Procedures) -> None:
    """Tell the shards what nobody holds any more, ahead of anything else.

    A rollback of a custom policy may fail and so block the whole engine. The next call of their
    client must see that, of any account, so with custom policies its calls wait until it is known.
    """
    books.is_torn = True
    handles: dict[int, list[int]] = {}
    while books.dropped:
        link, handle = books.dropped.popleft()
        handles.setdefault(link.number, []).append(handle)
    for number, listed in handles.items():
        link = books.links[number]
        if link.is_stalled:
            link.owed_drops += listed
            continue
        for start in range(0, len(listed), HANDLES_PER_COMMAND):
            if not link.is_up:
                break
            entry = Drop(listed[start : start + HANDLES_PER_COMMAND], books, procedures)
            if books.has_custom:
                books.settling[entry.client_number] = books.settling.get(entry.client_number, 0) + 1
            link.line_up(entry)
    books.is_torn = False
