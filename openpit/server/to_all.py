"""How a session's changes of market data get to all shards at one point of the router's order.

No I/O, and no body is opened. A change waits in its session's inbox of every shard, in line with
the batches there; when it is next everywhere it goes to all at once, so nobody else's comes between
two shards. A shard that is stalled owes it, and what came before it there, and holds nobody up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.server.changes import Changes
from openpit.server.limits import CHANGES_PASSED, OWED_BYTES
from openpit.server.session import Passed
from openpit.wire.frames import Flag, command_frame
from openpit.wire.limits import MARKET_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink
    from openpit.server.session import Session
    from openpit.wire.sessions import Batch

    Send = Callable[[Session, ShardLink, Batch, int], None]

__all__ = ["ToAll"]


class _Share:
    """A change that is on its way, and how many shards have still to answer."""

    __slots__ = ("change", "left", "session")

    def __init__(self, session: Session, change: Changes, shards: int) -> None:
        self.session: Final = session
        self.change: Final = change
        self.left = shards

    def one_done(self) -> None:
        self.left -= 1
        if not self.left:
            self.session.applied(self.change)


class _Owed:
    """What a stalled shard has before it."""

    __slots__ = ("bytes", "commands")

    def __init__(self) -> None:
        self.commands = self.bytes = 0

    def add(self, change: Changes, sign: int) -> None:
        self.commands += sign * change.commands
        self.bytes += sign * change.cost


class _Part(Passed):
    """A change on its way to one shard."""

    __slots__ = ("_is_over", "_owed", "_share")

    def __init__(self, share: _Share, owed: _Owed | None) -> None:
        super().__init__(share.session, 0, share.change.commands, b"")
        self._share: Final = share
        self._owed = owed
        self._is_over = False

    def answered(self, link: ShardLink, body: bytes, flags: int = 0) -> None:
        """Record that the shard has made the change."""
        if self._owed is not None:
            self._owed.add(self._share.change, -1)
        self._end()

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """Go on without the shard."""
        self._end()

    def stalled(self, link: ShardLink, why: str) -> None:
        """Go on without the shard, which owes it."""
        self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._share.one_done()


class ToAll:
    """Passes changes on; ``send`` passes on a batch that stands before one."""

    def __init__(self, router: Router, send: Send, *, client_time: bool) -> None:
        self._router: Final = router
        self._send: Final = send
        self._client_time: Final = client_time
        self.owed: Final[dict[int, _Owed]] = {}  # by shard, that is or was stalled

    def pass_next(self, session: Session, change: Changes, now: int) -> bool:
        """Pass a change on if it is next on every shard, and there is room; tell whether it is."""
        passed = session.changes_passed
        if passed and passed + change.commands > CHANGES_PASSED:
            return False
        for link in self._router.links:
            if link.is_up and session.inbox[link.number][0] is not change:
                return False
        self._pass_on(session, change, now)
        return True

    def press(self, session: Session, now: int) -> None:
        """Pass on, past all room, the changes that stand before a group, which goes so, too."""
        before = [
            one
            for number, count in session.pressing.items()
            for one in [*session.inbox[number]][:count]
            if isinstance(one, Changes)
        ]
        for change in before:
            if not change.is_passed:
                self._pass_on(session, change, now)

    def behind(self) -> list[tuple[ShardLink, str]]:
        """Return the stalled shards that owe too much to be waited for, and why."""
        over: list[tuple[ShardLink, str]] = []
        for number, owed in [*self.owed.items()]:
            link = self._router.links[number]
            if not (owed.commands and link.is_stalled):
                del self.owed[number]
            elif owed.commands > MARKET_BACKLOG or owed.bytes > OWED_BYTES:
                over.append((link, f"{owed.commands} quotes behind, and taking none"))
        return over

    def _pass_on(self, session: Session, change: Changes, now: int) -> None:
        for link in self._router.links:
            self._clear_way(session, link, change, now)
        if session.is_over:  # for what stood before it: no shard has had it
            return
        change.is_passed = True
        session.changes_passed += change.commands
        going = [link for link in self._router.links if link.is_up or link.is_stalled]
        share = _Share(session, change, len(going))
        for inbox in session.inbox:
            if inbox and inbox[0] is change:
                session.next_of(inbox)
        for link in going:
            self._pass_to(session, link, share, now)
        if not going:
            session.applied(change)

    def _clear_way(self, session: Session, link: ShardLink, change: Changes, now: int) -> None:
        """Pass on what stands before a change; a shard that is down gets none of it."""
        inbox = session.inbox[link.number]
        while inbox and inbox[0] is not change:
            first = inbox[0]
            if isinstance(first, Changes):
                self._pass_on(session, first, now)
                continue
            session.next_of(inbox)
            if link.is_up or link.is_stalled:
                self._send(session, link, first, now)

    def _pass_to(self, session: Session, link: ShardLink, share: _Share, now: int) -> None:
        change = share.change
        owed = self.owed.setdefault(link.number, _Owed()) if link.is_stalled else None
        if owed is not None:
            owed.add(change, 1)
        part = _Part(share, owed)
        time = change.time if self._client_time else now
        flags = Flag.ALL | (Flag.TURN if session.has_turn else 0)
        session.is_at.add(link.number)
        frame = command_frame(
            *(link.number, 0, link.next_seq, change.commands, time, change.rest, flags, (), ()),
            *(link.epoch, session.number),
            role=session.role,
        )
        self._router.pass_on(link, part, frame)
        if link.is_stalled:
            part.stalled(link, "")
