"""The sessions of a router's process, and how what they send gets to the shards. No I/O.

Sessions take turns: one batch of each, then again. A batch goes to its shard unread, under its
session's number, at the server's time, and with the counts that the router vouches for.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from openpit.client.answers import read_axes
from openpit.client.expected import expected
from openpit.errors import JournalFailed, WireError
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.procedures import Question, WideCall
from openpit.router.shard_link import Bodies
from openpit.server.changes import Changes
from openpit.server.group_check import Checked, GroupCheck, absent_in, going_of, told_by
from openpit.server.limits import BATCH_BYTES, ROW_BYTES
from openpit.server.names import Names
from openpit.server.questions import Questions
from openpit.server.session import Passed, Session
from openpit.server.session_turn import SessionTurn
from openpit.server.to_all import ToAll
from openpit.wire import kinds
from openpit.wire.axes import VOUCHED
from openpit.wire.frames import Flag, Op, command_frame, pack
from openpit.wire.own_numbers import own_row
from openpit.wire.roles import Role
from openpit.wire.sessions import (
    Bye,
    Welcome,
    axes_frame,
    state_frame,
    welcome_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.router.procedures import Steps
    from openpit.router.rates import Counted
    from openpit.router.shard_link import Entry, ShardLink
    from openpit.server.group_check import Absent, Row
    from openpit.server.limits import Limits
    from openpit.wire.axes import CountingAxes
    from openpit.wire.classes import Told
    from openpit.wire.frames import Axis
    from openpit.wire.sessions import Batch

__all__ = ["Switch", "bodies_beside"]


def bodies_beside(own: Bodies) -> Bodies:
    """Return what becomes of replies where some are the router's own client's, others sessions'.

    A batch of a session has an entry of its own, so its replies answer the first that is pending.
    """

    def receive(link: ShardLink, first: int, count: int, body: bytes) -> None:
        entry = link.pending[0]
        if isinstance(entry, Passed):
            link.pending.popleft()
            entry.answered(link, body)
        else:  # the router's own client's
            own.receive(link, first, count, body)

    def defer(link: ShardLink, first: int, count: int, body: bytes) -> Callable[[], None]:
        entry = link.pending[0]
        if not isinstance(entry, Passed):
            return own.defer(link, first, count, body)
        link.pending.popleft()
        entry.told()  # what follows it need not wait: the reply does, for all shards
        return partial(entry.answered, link, body)

    def refused(link: ShardLink, flags: int, count: int, body: bytes) -> None:
        entry = link.pending[0]
        if isinstance(entry, Checked):
            link.pending.popleft()
            entry.answered(link, flags, body)
            return
        if not isinstance(entry, Passed):
            own.refused(link, flags, count, body)
            return
        link.pending.popleft()
        link.books.give_back(entry)
        if flags == Flag.REFUSED:
            entry.session.close(Bye.MALFORMED, body.decode(errors="replace"))
        else:
            entry.answered(link, b"", flags)

    return Bodies(own.seal, receive, defer, own.drop, own.done, refused, own.split, own.skipped)


def _axes_of(counted: Sequence[Counted]) -> list[Axis]:
    """Return the counting part of a batch's head, with what the router vouches for."""
    axes: list[Axis] = []
    for axis, window, offset, count, _, floor in counted:
        axes += ((axis, window.began, offset), (axis + VOUCHED, floor, count))
    return axes


_STATES: Final = {ShardEvent.STALL: "stalled", ShardEvent.REPLACE: "recovering"}
_TELL_AXES: Final = (kinds.TELL_AXES, None)


class Switch:
    """Sessions around a router, whose own client's commands go beside theirs."""

    def __init__(
        self,
        client: Client,
        told: Told,
        limits: Limits,
        services: Sequence[tuple[str, ...]] = (),
        *,
        client_time: bool = False,
        names: Names | None = None,
    ) -> None:
        self._client: Final = client
        self.names: Final = names or Names()
        self.router: Final = client.router
        self.limits: Final = limits
        self.client_time: Final = client_time
        self._told: Final = told
        self._services: Final = tuple(services)  # of market data: the policies that read each
        # What sessions are told: after how many seconds a shard is stalled, and for how many at
        # most one is away whose worker is replaced, if it is.
        self.patience = 0.0, 0.0
        self.changes: Final = ToAll(self.router, self._send, client_time=client_time)
        self.sessions: Final[dict[int, Session]] = {}
        self._turns: Final[dict[Session, SessionTurn]] = {}
        self._order: Final[deque[Session]] = deque()
        self.drain: Callable[[], object] = bool  # has the server end in order, once it can
        self.questions: Final = Questions(self.router, self.sessions, self._drain_now)
        self.opened: Callable[[Session], object] = bool  # hears of each that is welcomed ...
        self.closed: Callable[[Session], object] = bool  # ... and of its end
        self.note: Callable[[list[Row], list[Absent]], object] = lambda *_: None  # of groups
        self._is_held = False  # until it is known on which axes orders are counted
        self.is_waiting = False  # something was left at the last turn, until a shard answers
        self.stirred: Final[list[Session]] = []  # who has something to be written, or ended a turn

    # --- sessions --------------------------------------------------------------------------------

    def open(self, role: int = Role.ADMIN, user: int = 0) -> Session:
        """Return a new session of a user's; one too many is closed already, and says so.

        Of those that have not said who they are, the first makes room for one too many.
        """
        silent = [one for one in self.sessions.values() if not (one.is_known or one.is_over)]
        if len(self.sessions) - len(silent) >= self.limits.sessions:
            return self.turn_away(Bye.FULL, self._full)
        if len(silent) >= self.limits.silent:
            silent[0].close(Bye.FULL, f"there are {len(silent)} that have not said who they are")
        session = self._new(role, user)
        self.sessions[session.number] = session
        self._order.append(session)
        return session

    def turn_away(self, reason: str, why: str) -> Session:
        """Return a session that is closed already, and says so."""
        session = self._new(Role.READER, 0)
        session.close(reason, why)
        return session

    def _new(self, role: int, user: int) -> Session:
        return Session(
            self.names.next_number(),
            len(self.router.links),
            self.router.books.rates,
            self.limits,
            role=role,
            user=user,
            client_time=self.client_time,
            stirred=self.stirred,
        )

    @property
    def _full(self) -> str:
        return f"there are {self.limits.sessions} sessions already"

    def _make_known(self, session: Session) -> None:
        """Welcome a session that has said who it is, if there is room; of a name there is one."""
        known = [one for one in self.sessions.values() if one.is_known and not one.is_over]
        if len(known) > self.limits.sessions:
            session.close(Bye.FULL, self._full)
            return
        for other in known:
            if other is session or session.name is None or other.name != session.name:
                continue
            if other.user != session.user:
                session.close(Bye.NAME, f"another user's session is called {session.name!r}")
                return
            other.close(Bye.NAME, f"a newer session is called {session.name!r}")
            if self.names.keeps(other):
                self.leave(other, self.router.books.now)
        number = self.names.number_of(session)
        if number != session.number:  # it has been here before
            self.sessions[number] = self.sessions.pop(session.number)
            session.number = number
        if self.names.keeps(session):
            session.begins = tuple(link.next_seq for link in self.router.links)
        self._welcome(session)
        self.opened(session)

    def receive(self, session: Session, data: bytes) -> None:
        """Take what a session has sent; one that says what it may not is closed, with a word."""
        if not session.is_over:
            was_known = session.is_known
            try:
                session.receive(data)
            except WireError as error:
                session.close(Bye.MALFORMED, str(error))
            if session.is_known and not was_known:
                self._make_known(session)
            if session.asked and not session.is_over:
                self.questions.answer(session)
            if (session.wants_turn or session in self._turns) and not session.is_over:
                self._see_to_turn(session)

    def _drain_now(self) -> None:
        self.drain()  # as it is then

    def _see_to_turn(self, session: Session) -> None:
        turn = self._turns.get(session)
        if turn is not None and turn.is_sent and not session.has_turn:
            self._give_back_turn(session)
        if session.wants_turn:
            session.wants_turn = False
            turn = self._turns[session] = SessionTurn(self.router, session)
            self.router.begin(turn)

    def _give_back_turn(self, session: Session) -> None:
        turn = self._turns.pop(session)
        session.has_turn = False
        if not self.router.procedures.withdraw(turn):
            self.router.procedures.ended(turn)

    def _welcome(self, session: Session) -> None:
        welcome = Welcome(
            session.number,
            session.role,
            self.limits.credit,
            self.limits.frame_bytes,
            self._client.has_custom,
            self.client_time,
            tuple(self.router.owner),
            self.router.books.rates.told,
            tuple(sorted(self._told.objects)),
            self._told.values,
            tuple(sorted(self._client.actors)),
            self._services,
            self.names.grace if self.names.keeps(session) else 0.0,
            session.begins,
            *self.patience,
        )
        session.say_first(welcome_frame(welcome))
        for link in self.router.links:
            if link.is_stalled or link.is_recovering:
                session.say(state_frame(link.number, link.state.value, link.why))
            elif not link.is_up:
                session.say(state_frame(link.number, "down", link.why))

    def leave(self, session: Session, now: int) -> None:
        """End a session that has gone, or was closed: the shards roll back what it left open."""
        if self.sessions.get(session.number) is not session:  # a newer one may have its number
            return
        del self.sessions[session.number]
        self.questions.left(session)
        self._order.remove(session)
        if session.pressing and not any(link.is_up for link in self.router.links):
            self._check_group(session, now)  # no shard has an answer that its client waits for
        if session in self._turns:
            self._give_back_turn(session)
        session.end()
        if session.is_known:
            self.closed(session)
        if not self.names.leave(session) and session.is_at:
            self.router.end_client(session.number, now)

    def _end_at(self, session: Session, link: ShardLink, now: int, name: bytes) -> None:
        """Have a shard roll back what a session left open there."""
        frame = command_frame(
            *(link.number, Op.END, link.next_seq, 1, now, b""),
            *(0, (), (), link.epoch, session.number),
        )
        self.router.pass_on(link, Passed(session, Op.END, 1, name), frame)
        session.is_at.discard(link.number)

    def tell(self, event: ShardEvent, link: ShardLink) -> None:
        """Tell all sessions what has happened to a shard."""
        if event in {ShardEvent.STALL, ShardEvent.REPLACE}:
            frame = state_frame(link.number, _STATES[event], link.why)
        elif event in {ShardEvent.ANSWER, ShardEvent.RECOVERED}:
            frame = state_frame(link.number, "up", None)
        else:
            frame = state_frame(link.number, "down", link.why)
        for session in self.sessions.values():
            if link.state in {ShardState.DOWN, ShardState.CLOSED}:
                session.lost(link.number)
            if session.is_known:
                session.say(frame)

    def _look_at_axes(self, session: Session, now: int, changed: int) -> None:
        """Ask a shard on which axes orders are counted, and pass nothing on until it has said so.

        What a session changes, nobody here has read; the shards have, or have refused it. What is
        new counts from when it was ``changed``: a shard tells of its start.
        """
        self._is_held = True
        router = self.router
        steps = self._axes_steps(session, now, changed)
        router.begin(WideCall(router.books, router.procedures, steps))

    def _axes_steps(self, session: Session, now: int, changed: int) -> Steps:
        for link in self.router.links:
            if link.is_up:
                (answer,) = yield now, [Question(link, pack(_TELL_AXES), expected(_TELL_AXES))]
                if answer is not None:
                    axes = read_axes(link, answer[1])._replace(since=changed)
                    self._retune(axes, session)
                    break
        self._is_held = False

    def _retune(self, axes: CountingAxes, changer: Session) -> None:
        """Count on these axes from here on, and tell all sessions, if they are others.

        Whoever has asked for the change is told in any case: it may expect others.
        """
        told = self.router.books.rates.told
        if axes._replace(since=told.since) == told:
            changer.say(axes_frame(told))
            return
        self._client.retune(axes)
        frame = axes_frame(axes)
        for session in self.sessions.values():
            if session.is_known:
                session.say(frame)

    # --- turns -----------------------------------------------------------------------------------

    def serve(self, now: int) -> bool:
        """Pass on what there is credit for: a batch of each session, then again."""
        if self._is_held:
            self.is_waiting = True
            return False
        has_moved = False
        order = self._order
        waiting = [session for session in order if session.inbox_bytes or session.pressing]
        for session in waiting:
            if session.pressing and not session.is_checked:
                self.changes.press(session, now)
                self._check_group(session, now)
                has_moved = True
        is_moving = bool(waiting) and not self._is_held
        while is_moving:
            is_moving = False
            for session in waiting:
                if session.is_checked or not session.inbox_bytes:
                    continue
                for number, batches in enumerate(session.inbox):
                    if batches and self._pass(session, number, batches, now):
                        is_moving = has_moved = True
        order.rotate(-1)
        self.is_waiting = False
        for session in waiting:
            if session.inbox_bytes or session.pressing:
                self.is_waiting = True
        return has_moved

    def _pass(
        self, session: Session, number: int, batches: deque[Batch | Changes], now: int
    ) -> bool:
        link = self.router.links[number]
        batch = batches[0]
        if isinstance(batch, Changes):
            return self.changes.pass_next(session, batch, now)
        if not link.is_up or (
            link.in_flight + batch.commands > link.credits and not batch.op and link.in_flight
        ):
            return False
        batches.popleft()
        self._send(session, link, batch, now)
        return True

    def _check_group(self, session: Session, now: int) -> None:
        """Have the shards look at a group; its session waits for that, and nobody else does."""

        def go_on() -> None:
            session.is_checked = False
            check.check_changes(self.router.links)
            time = self._pass_group(session, pressing, now)
            if check.changes:
                self._look_at_axes(session, now, time)

        session.is_checked = True
        pressing, session.pressing = session.pressing, {}
        check = GroupCheck(session, go_on)
        check.left = 1  # this one
        for number, count in pressing.items():
            link = self.router.links[number]
            for batch in [*session.inbox[number]][:count] if link.is_up else ():
                if isinstance(batch, Changes):  # it has been passed on
                    continue
                if not (batch.rows or batch.op):  # what has rows cannot change settings
                    check.left += 1
                    entry = Checked(check, batch, session)
                    flags = batch.flags | Flag.TURN | Flag.CHECK
                    self._pass_on(session, link, batch, entry, now, flags)
        check.ended()

    def _pass_group(self, session: Session, pressing: dict[int, int], now: int) -> int:
        """Pass on together what is to be done everywhere or nowhere, past credit; return its time.

        A shard that is stalled owes it, ahead of all that comes later.
        """
        time = now
        going = going_of(session, pressing, self.router.links, self._version)
        try:
            self.note(told_by(going), absent_in(self.router.links))
        except JournalFailed as error:  # no shard is told
            session.close(Bye.CLOSED, str(error))
        for link, batch in going:
            inbox = session.inbox[link.number]
            if inbox and inbox[0] is batch:  # the session may have been closed for one of them
                inbox.popleft()
                time = batch.time if self.client_time else now
                self._send(session, link, batch, now, Flag.TURN)
                if link.number in session.pressing:  # the next group has come meanwhile
                    session.pressing[link.number] -= 1
        return time

    def _send(
        self, session: Session, link: ShardLink, batch: Batch, now: int, flags: int = 0
    ) -> None:
        rows = batch.rows
        # As cost_of() has it, spelt out.
        session.inbox_bytes -= len(batch.rest) + ROW_BYTES * len(rows) + BATCH_BYTES
        time = batch.time if self.client_time else now
        if batch.op:
            self._end_at(session, link, time, batch.name)
            return
        passed = Passed(session, 0, batch.commands, batch.name)
        axes: Sequence[Axis] = ()
        if rows:
            its_time = None if self.client_time else now
            is_old = batch.settings != self.router.books.rates.told.version
            try:
                counted = session.places.stamp(rows, its_time, is_old=is_old)
            except WireError as error:
                session.close(Bye.MALFORMED, str(error))
                return
            passed.counted = counted
            axes = _axes_of(counted)
        session.is_at.add(link.number)
        self._pass_on(session, link, batch, passed, time, batch.flags | flags, axes)

    def _pass_on(
        self,
        session: Session,
        link: ShardLink,
        batch: Batch,
        entry: Entry,
        time: int,
        flags: int,
        axes: Sequence[Axis] = (),
    ) -> None:
        """Have a batch go out, with what the router vouches for in its head."""
        if session.begins:
            began = session.begins[link.number]
            axes = *axes, own_row(began, batch.first, batch.unacknowledged)
        frame = command_frame(
            link.number, 0, link.next_seq, batch.commands, time, batch.rest, flags, axes, (),
            link.epoch, session.number, role=session.role, settings=batch.settings,
        )  # fmt: skip
        self.router.pass_on(link, entry, frame)

    @property
    def _version(self) -> int:
        """Of the settings that all shards have."""
        return self.router.books.rates.told.version

    @property
    def waits(self) -> bool:
        """Whether a shard has to answer, for whomever."""
        return any(link.pending for link in self.router.links)

    def close_all(self, why: str) -> None:
        """Close every session, with a word."""
        for session in self.sessions.values():
            session.close(Bye.CLOSED, why)
