"""Commands that nobody waits for: a shard's end, quotes, what nobody holds any more.

And the empty batch that a shard is sent where nobody asks it anything and reservations expire.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from openpit.router.calls import Call
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.shard_link import Entry
from openpit.wire.expiries import expiry_in
from openpit.wire.frames import Op
from openpit.wire.limits import HANDLES_PER_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.procedures import Procedures
    from openpit.router.shard_link import Books, Reply, ShardLink
    from openpit.wire.frames import Frame

__all__ = [
    "Close",
    "Drop",
    "Expiring",
    "Goodbye",
    "Leave",
    "MarketChange",
    "OwnOp",
    "Unattended",
    "let_go",
    "say_goodbye",
]

_SECOND: Final = 1e9


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
    """The goodbye of one shard."""

    __slots__ = ("_goodbye",)

    op = Op.CLOSE

    def __init__(self, now: int, goodbye: Goodbye) -> None:
        super().__init__(1, now)
        self._goodbye = goodbye

    def confirmed(self, link: ShardLink) -> None:
        link.happen(ShardEvent.ENDED)
        self._goodbye.one_ended()

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        self._goodbye.one_ended()


class Leave(Unattended):
    """The last that is asked of a shard which keeps what is open: to let go of nothing."""

    __slots__ = ("_goodbye",)

    def __init__(self, now: int, goodbye: Goodbye, books: Books) -> None:
        super().__init__(1, now, books.bodies.drop([]), books.bodies.done)
        self._goodbye = goodbye

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        link.happen(ShardEvent.ENDED)
        self._goodbye.one_ended()

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


# --- what the router says of its own accord -------------------------------------------------------


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
            link.pump()
    books.is_torn = False


def say_goodbye(
    books: Books, now: int, lose_all: Callable[[str], None], *, keeps: bool = False
) -> Goodbye:
    """End every shard, or leave it as it is, when it has answered what was sent before."""
    waited_for = [link.is_up and not link.is_recovering for link in books.links]
    goodbye = Goodbye(books, sum(waited_for), lose_all)
    for link, was_up in zip(books.links, waited_for, strict=True):
        was_away = link.is_stalled or link.is_recovering
        link.happen(ShardEvent.CLOSE)
        if was_away:  # not waited for again
            link.why = None
            for entry, was_sent in link.forget():
                entry.lost(link, sent=was_sent)
        link.turn_away()
        if was_up:
            link.stage(Leave(now, goodbye, books) if keeps else Close(now, goodbye))
    return goodbye


class Expiring:
    """The next expiry of each shard, by the engine's clock, and how many there have been."""

    __slots__ = ("_due", "_links", "counts")

    def __init__(self, links: list[ShardLink]) -> None:
        self._links: Final = links
        self._due = [inf] * len(links)
        self.counts: Final = [0] * len(links)

    def heard(self, link: ShardLink, reply: Frame) -> None:
        """Take what the head of a reply says."""
        expired, due = expiry_in(reply)
        self.counts[link.number] += expired
        self._due[link.number] = due or inf

    def seconds_left(self, now: int) -> float:
        """Return in how many seconds the next one comes; infinity if there is none."""
        due = min(
            (due for link, due in zip(self._links, self._due, strict=True) if link.is_up),
            default=inf,
        )
        return (due - now) / _SECOND

    def on_time(self, now: int) -> None:
        """Ask the shards on which something expires by now; each says when the next one does."""
        for link, due in zip(self._links, self._due, strict=True):
            if due <= now and link.is_up:
                self._due[link.number] = inf
                link.stage(OwnOp(now, Op.TICK))
