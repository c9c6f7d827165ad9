"""A session with a router's process, from the client's side. No I/O: bytes in, bytes out.

The client and its router are those of an embedded engine. What is another here: links write to one
connection, orders that may count get places and no counts, and a procedure that is to exclude
others asks the server for its turn.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final

from openpit.client.bodies import BODIES
from openpit.client.change_line import Change, ChangeLine
from openpit.client.client import Client
from openpit.client.places import GivenPlaces
from openpit.client.session_link import SessionLink, take_back
from openpit.errors import NotPermitted, ServerRefused, ShardOverloaded, WireError
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.procedures import Procedures
from openpit.router.router import Router
from openpit.wire.classes import Told, learn
from openpit.wire.frames import FIRST_KIND, FrameReader, body_of, messages_of, pack
from openpit.wire.kinds import ASK_ACTOR, COMMANDS, EXECUTE, KEYED, QUOTE, REPORT
from openpit.wire.limits import (
    BATCH_BYTES,
    BESIDE_BYTES,
    CHANGES_BYTES,
    REPLY_BYTES,
    SESSION_ROWS_PER_FRAME,
)
from openpit.wire.roles import KINDS_OF, OF_OPERATION, Role, role_name, role_of
from openpit.wire.sessions import (
    GIVEN_BACK_ROWS,
    SessionOp,
    axes_in,
    bye_in,
    count_of,
    given_back_frame,
    hello_frame,
    note_frame,
    op_of,
    shard_of,
    state_in,
    time_of,
    welcome_in,
)
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.asking import Asked, AskMany
    from openpit.client.batches import ExecuteMany
    from openpit.client.handles import Handles, Runner
    from openpit.client.reporting import ReportMany
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.marketdata.store import Operation
    from openpit.router.procedures import WideCall
    from openpit.router.shard_link import Books, Entry, ShardLink
    from openpit.wire.axes import CountingAxes
    from openpit.wire.frames import Frame
    from openpit.wire.sessions import Welcome

__all__ = ["Greeting", "Pauses", "Remote", "new_remote"]


class Greeting:
    """The first frames of a session: this side's, and the other's when it has come."""

    def __init__(self, name: str | None) -> None:
        self.sent: Final = hello_frame(name)
        self.welcome: Welcome | None = None
        self.behind: list[Frame] = []  # what has come behind the first frame
        self.reader: Final = FrameReader(limit=REPLY_BYTES)

    def receive(self, data: bytes) -> bool:
        """Take bytes; tell whether the other's first frame has come.

        Raises:
            ServerRefused: it does not want this session, and says why.
            WireError: it is no server of this version.
        """
        for frame in self.reader.feed(data):
            if self.welcome is not None:
                self.behind.append(frame)
            elif op_of(frame) == SessionOp.BYE:
                raise ServerRefused(*bye_in(frame))
            elif op_of(frame) == SessionOp.HELLO:
                self.welcome = welcome_in(frame)
            else:
                raise WireError(f"a server starts with HELLO, not with {frame!r:.100}")
        return self.welcome is not None


class _Turns(Procedures):
    """Procedures of which those that exclude others wait for the server to say so."""

    __slots__ = ("_asked", "has_turn", "notes")

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self.notes: list[bytes] = []
        self.has_turn = False
        self._asked: WideCall | None = None  # for whom the turn has been asked for

    def begin_now(self, call: WideCall) -> None:
        links = self._books.links
        if not call.is_exclusive or not any(link.is_up or link.is_stalled for link in links):
            super().begin_now(call)  # the shards refuse it
            return
        self.exclusive = self._asked = call
        call.is_sent = False
        self.notes.append(note_frame(SessionOp.TURN))

    def granted(self) -> None:
        """Record that the turn has come.

        Raises:
            WireError: nobody has asked for it.
        """
        call, self._asked = self._asked, None
        if call is None or self.has_turn:
            raise WireError("a turn that nobody has asked for")
        self.has_turn = True
        if call.done:  # given up meanwhile
            self.ended(call)
        else:
            call.is_sent = True
            call.advance()

    def ended(self, call: WideCall) -> None:
        if call is self.exclusive and self.has_turn:
            self.has_turn = False
            self.notes += [*self._owed(), note_frame(SessionOp.TURN_OVER)]
        super().ended(call)

    def _owed(self) -> list[bytes]:
        """Return what shards that are stalled are to do, of a call that waits for no other."""
        stalled = [link for link in self._books.links if link.is_stalled and link.has_output]
        owed = b"".join([link.take() for link in stalled])
        return [note_frame(SessionOp.GROUP, count=_frames_in(owed)), owed] if owed else []

    def withdraw(self, call: WideCall) -> bool:
        if call is self._asked:  # the turn is given back when it comes
            if not call.done:
                call.fail(ShardOverloaded(_NO_TURN, 0))
            return True
        return super().withdraw(call)

    def lost(self) -> None:
        """Record that no turn comes any more: the server is gone."""
        call, self._asked = self._asked, None
        self.has_turn = False
        self.notes.clear()
        if call is not None:
            if not call.done:
                call.fail(self._books.links[0].refusal())
            self.ended(call)


class _SessionRouter(Router):
    """A router whose shards are behind another."""

    rates = GivenPlaces
    line_up = _Turns
    link = SessionLink

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.changes: Final = ChangeLine(self.books, may_wait=self._may_wait)

    def submit(self, link: ShardLink, entry: Entry) -> None:
        link.check_fits(entry.packed)
        super().submit(link, entry)

    def revive(self, link: ShardLink) -> None:
        assert isinstance(link, SessionLink)  # noqa: S101 - see new_remote()
        link.told(is_stalled=False)
        super().revive(link)

    def change(self, now: int, service: int, operation: Operation) -> Change:
        """Return a change of market data, which is still to be sent."""
        return Change(self.changes, now, pack((QUOTE, None, service, encode(operation))))


class _LimitedRouter(_SessionRouter):
    """One whose session may not say everything: that is refused before it is sent."""

    def __init__(self, *arguments: Any, role: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._role: Final = role
        self._kinds: Final = KINDS_OF[role]

    def submit(self, link: ShardLink, entry: Entry) -> None:
        if entry.packed[FIRST_KIND - 1] not in self._kinds:  # a row is not packed in an array
            self.check(*messages_of(body_of([entry.packed], entry.count))[0])
        super().submit(link, entry)

    def check(self, kind: Any, *fields: object) -> None:
        """Raise NotPermitted unless this session may send a command."""
        command = (kind, *fields)
        self._check(role_of(command), COMMANDS[fields[2][0] if kind == KEYED else kind].name)  # type: ignore[index]  # its command

    def change(self, now: int, service: int, operation: Operation) -> Change:
        self._check(OF_OPERATION[operation[0]], "market data")
        return super().change(now, service, operation)

    def begin(self, call: WideCall) -> WideCall:
        if call.is_exclusive:
            self._check(Role.ADMIN, "a change that spans accounts")
        return super().begin(call)

    def _check(self, needed: int, what: str) -> None:
        if needed > self._role:
            raise NotPermitted(what, role_name(self._role), role_name(needed))


class _SessionClient(Client):
    """A client whose orders may come back: other settings were in force when they came."""

    most_rows = SESSION_ROWS_PER_FRAME

    def retune(self, axes: CountingAxes) -> None:
        links = [link for link in self.router.links if isinstance(link, SessionLink)]
        is_other = axes.version != self.books.rates.told.version
        if is_other:
            for link in links:
                link.settle()
        super().retune(axes)
        if is_other:
            for link in links:
                link.number_anew()


class _LimitedClient(_SessionClient):
    """One whose calls of many items are refused as a whole."""

    def execute_many(self, now: int, orders: Sequence[Order], times: Sequence[int]) -> ExecuteMany:
        self.router.check(EXECUTE)  # type: ignore[attr-defined]  # see new_remote()
        return super().execute_many(now, orders, times)

    def ask_many(self, now: int, asked: Sequence[Asked], times: Sequence[int]) -> AskMany:
        self.router.check(ASK_ACTOR)  # type: ignore[attr-defined]  # as above
        return super().ask_many(now, asked, times)

    def report_many(self, now: int, reports: Sequence[ExecutionReport]) -> ReportMany:
        self.router.check(REPORT)  # type: ignore[attr-defined]  # as above
        return super().report_many(now, reports)


class Pauses:
    """When a client whose server has gone tries to have it again; each pause is longer.

    Times are seconds of a clock that never goes back: whoever waits tells them.
    """

    def __init__(self) -> None:
        self._next = FIRST_PAUSE
        self.due = inf

    def begin(self, now: float) -> None:
        """Have the next attempt come after a pause, twice as long as the last one."""
        self.due = now + self._next
        self._next = min(2 * self._next, LONGEST_PAUSE)

    def over(self) -> None:
        """Record that the server is there."""
        self.due = inf
        self._next = FIRST_PAUSE


class Remote:
    """A client, and what goes between it and a server."""

    def __init__(self, welcome: Welcome, reader: FrameReader, client: Client) -> None:
        self.welcome: Final = welcome
        self.client: Final = client
        self.router: Final = client.router
        self.why = ""  # the server has ended the session
        self.is_lost = False  # nothing comes from the server any more
        self._reader: Final = reader
        procedures, rates = client.router.procedures, client.router.books.rates
        assert isinstance(procedures, _Turns)  # noqa: S101 - see new_remote()
        assert isinstance(rates, GivenPlaces)  # noqa: S101 - see new_remote()
        changes = client.router.changes  # type: ignore[attr-defined]  # as above
        self._changes: Final[ChangeLine] = changes
        changes.gather = self._gather
        changes.has_times = welcome.client_time
        changes.frame_bytes = min(welcome.frame_bytes, CHANGES_BYTES)
        self._ready: list[bytes] = []  # to be sent, ahead of what is staged
        self._turns: Final = procedures
        self._places: Final = rates

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` has anything to give."""
        if self._turns.notes or self._ready or self._changes.has_output:
            return True
        for link in self.router.links:  # noqa: SIM110 - any() takes two calls more a link
            if link.has_output:
                return True
        return False

    def take(self) -> bytes:
        """Return what is to be sent, since the last call."""
        if not (self._ready or self._changes.has_output):
            return self._staged()
        self._gather()
        ready, self._ready = self._ready, []
        return b"".join(ready)

    def _gather(self) -> None:
        """Put changes of market data, and what was staged behind them, to what is to be sent."""
        if self._changes.has_output:
            self._ready.append(self._changes.take())
        self._ready.append(self._staged())

    def _staged(self) -> bytes:
        """Return what is staged for single shards, and what goes with it."""
        turns, places = self._turns, self._places
        taken = [link.take() for link in self.router.links if link.has_output]
        batches = taken[0] if len(taken) == 1 else b"".join(taken)
        if not turns.notes and not turns.has_turn and not places.has_news:
            return batches
        notes, turns.notes = turns.notes, []
        if batches and turns.has_turn:
            notes.append(note_frame(SessionOp.GROUP, count=_frames_in(batches)))
        notes.append(batches)
        given_back = places.take_given_back()
        for start in range(0, len(given_back), GIVEN_BACK_ROWS):
            notes.append(given_back_frame(given_back[start : start + GIVEN_BACK_ROWS]))
        return b"".join(notes)

    def receive(self, data: bytes) -> None:
        """Take what the server has sent.

        Raises:
            WireError: it is none of this protocol. The session is of no use any more.
        """
        for frame in self._reader.feed(data):
            self.take_in(frame)

    def take_in(self, frame: Frame) -> None:
        """Take one frame; raises as :meth:`receive`."""
        op = op_of(frame)
        if op < SessionOp.HELLO:
            number = shard_of(frame)
            if number >= len(self.router.links):
                raise WireError(f"replies of shard {number}, of which there is none")
            link = self.router.links[number]
            if link.state is not ShardState.DOWN:
                assert isinstance(link, SessionLink)  # noqa: S101 - see new_remote()
                link.renumber(time_of(frame))
                self.router.receive(link, frame)
                link.answered_one()
                link.answered = link.next_seq - link.in_flight  # of this session's own
        elif op == SessionOp.STATE:
            self._take_state(*state_in(frame))
        elif op == SessionOp.MARKET:
            self._changes.answered(count_of(frame))
        elif op == SessionOp.TURN:
            self._turns.granted()
        elif op == SessionOp.AXES:
            self.client.retune(axes_in(frame))
        elif op == SessionOp.BYE:
            _, text = bye_in(frame)
            self.why = f"the server has ended the session: {text}"
        else:
            raise WireError(f"not what a server says: op {op}")

    def _take_state(self, number: int, state: str, why: str | None) -> None:
        if number >= len(self.router.links):
            raise WireError(f"the state of shard {number}, of which there is none")
        link = self.router.links[number]
        if state == "down":
            self.router.lose(link, why or "its worker has ended")
        elif state == "stalled" and not link.is_recovering and (link.is_up or link.is_stalled):
            assert isinstance(link, SessionLink)  # noqa: S101 - see new_remote()
            link.told(is_stalled=True)
            if link.is_up:
                self.router.stall(link, why or "it answers nothing")
        elif state == "recovering" and link.state in {ShardState.UP, ShardState.STALLED}:
            self._recovers(link, why)
        elif state == "up" and link.is_recovering:
            link.why = None
            link.happen(ShardEvent.RECOVERED)
        elif state == "up" and link.is_stalled:
            self.router.revive(link)

    def _recovers(self, link: ShardLink, why: str | None) -> None:
        """Have calls wait for a shard whose worker is replaced: its silence counts anew then."""
        if link.is_stalled:
            self.router.revive(link)
        link.why = why
        link.happen(ShardEvent.REPLACE)
        link.heard = _NOTHING_YET

    def lose(self, why: str) -> None:
        """Record that the server is gone, with all that was asked of it."""
        self.is_lost = True
        self.why = why
        for link in self.router.links:
            self.router.lose(link, why)
        self._changes.lose()
        self._turns.lost()
        waiting, self._turns.waiting = self._turns.waiting, deque()
        for call in waiting:
            call.fail(self.router.links[0].refusal())


FIRST_PAUSE: Final = 0.05
"""Before the first attempt to have a server again: one that is restarted takes longer, one that has
closed this session alone does not."""

LONGEST_PAUSE: Final = 5.0
"""Between attempts: an attempt costs a hundred microseconds."""

_NO_TURN: Final = (
    "the server has not given this session its turn in time: another one changes settings or "
    "groups, or the server answers nothing"
)

_NOTHING_YET: Final = -2
"""In place of how much a shard had answered when its silence began: no embedded one is so new."""


def _frames_in(data: bytes) -> int:
    """Return how many frames bytes are."""
    count = start = 0
    while start < len(data):
        start += 4 + int.from_bytes(data[start : start + 4], "big")
        count += 1
    return count


def new_remote(greeting: Greeting, handles: Handles, runner: Runner, **options: Any) -> Remote:
    """Return a session that a server has welcomed, with all its shards up as far as it says."""
    welcome = greeting.welcome
    assert welcome is not None  # noqa: S101 - who calls this has waited for it
    told = Told(frozenset(welcome.classes), welcome.values, is_servers=True)
    learn(welcome.classes)
    kind = _SessionClient
    router: Callable[..., Router] = partial(_SessionRouter, owner=welcome.owner)
    if welcome.role < Role.ADMIN:
        kind = _LimitedClient
        router = partial(_LimitedRouter, owner=welcome.owner, role=welcome.role)
    client = kind(
        max(welcome.owner) + 1,
        has_custom=welcome.has_custom,
        handles=handles,
        runner=runner,
        credit=welcome.credit,
        told=told,
        actors=welcome.actors,
        router=router,
        bodies=replace(BODIES, refused=take_back),
        **options,
    )
    client.services = welcome.services
    client.encoder.share((), welcome.axes)
    remote = Remote(welcome, greeting.reader, client)
    rates = client.router.books.rates
    assert isinstance(rates, GivenPlaces)  # noqa: S101 - as above
    rates.retune(welcome.axes)
    rates.has_times = welcome.client_time
    for link in client.router.links:
        assert isinstance(link, SessionLink)  # noqa: S101 - as above
        link.has_times = welcome.client_time
        link.may_come_back = link.comes_back = welcome.away > 0
        link.message_bytes = welcome.frame_bytes - BESIDE_BYTES
        link.batch_bytes = min(link.message_bytes, BATCH_BYTES)
        link.ranks = client.encoder.ranks
        if welcome.begins:
            link.session, link.began = welcome.session, welcome.begins[link.number]
        link.heard = _NOTHING_YET
        link.happen(ShardEvent.READY)
    client.is_kept = welcome.grace > 0
    client.left.before.update(enumerate(welcome.begins))
    client.left.missed.update(client.left.before)
    for frame in greeting.behind:
        remote.take_in(frame)
    return remote
