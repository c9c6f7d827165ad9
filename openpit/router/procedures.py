"""Procedures: calls that ask several shards, step by step.

A procedure is a generator that does no I/O: it yields the time and the questions of a step, and
gets the answers, with None for a shard that was lost meanwhile. What it asks, and what it makes of
the answers, is its maker's affair.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from openpit.errors import FrameTooLarge, WireError
from openpit.router.calls import INTERRUPTED, Call, Raised, closed, overload, unknown
from openpit.router.shard_link import Entry
from openpit.wire.frames import Op
from openpit.wire.possible_replies import ONLY_DONE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from openpit.router.rates import Counting
    from openpit.router.shard_link import Books, ShardLink
    from openpit.wire.possible_replies import Expected, Reply

__all__ = ["Ask", "Deny", "Procedures", "Question", "Steps", "WideCall", "arm"]


class Question(NamedTuple):
    """A packed command for a shard, and what may answer it.

    Flags in place of a command: arm the engine-wide block, with these causes. ``is_order`` says
    that what answers it may be a reservation, ``is_change`` that it is a part of a change that all
    shards of its step make, or none.
    """

    link: ShardLink
    command: bytes | int
    expected: Expected
    counting: Sequence[Counting] = ()
    is_order: bool = False
    is_change: bool = False


Answer: TypeAlias = "tuple[int, Reply]"
"""The number of a command, and the reply to it."""

Steps: TypeAlias = "Generator[tuple[int, list[Question]], list[Answer | None], Any]"
"""A procedure: yields the time and the questions of a step, gets their answers."""

Deny: TypeAlias = "Callable[[int, str], Any]"
"""Makes a check's result of the number of the shard that could not be asked, and why."""


class Ask(Entry):
    """One question of a procedure's step, or the command to arm the engine-wide block."""

    __slots__ = ("call", "flags", "is_change", "is_order", "is_over", "op", "place")

    ends_batch = True

    def __init__(self, call: WideCall, place: int, now: int, question: Question) -> None:
        _, command, expected, counting, self.is_order, self.is_change = question
        self.op, self.flags, packed = Op.MESSAGES, 0, b""
        if isinstance(command, int):
            self.op, self.flags = Op.ARM, command
        else:
            packed = command
        question.link.check_fits(packed)
        super().__init__(1, now, packed, expected, counting)
        self.call = call
        self.place = place
        self.is_over = False  # the procedure has gone on without the answer

    @property
    def is_awaited(self) -> bool:  # type: ignore[override]  # the base class says it for all
        return not self.is_over

    @property
    def delays_all(self) -> bool:  # type: ignore[override]  # as above
        return self.op == Op.ARM and not self.is_over

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        if not self.is_over:
            self.call.answered(self.place, (seq, reply))

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        if not self.is_over:
            self.call.answered(self.place, None)

    def confirmed(self, link: ShardLink) -> None:
        self.replied(link, self.first, ())

    def stalled(self, link: ShardLink, why: str) -> None:
        if self.is_over:
            return
        if self.is_order:  # a reservation may come still
            self.call.stalled(link, why)
        else:
            # The procedure goes on without: what this asks is ahead of all that comes later.
            self.is_over = True
            self.call.answered(self.place, None)


class Procedures:
    """The procedures of a router: the one under way that excludes others, and those in line."""

    __slots__ = ("_books", "exclusive", "waiting")

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self.exclusive: WideCall | None = None
        self.waiting: deque[WideCall] = deque()

    def begin(self, call: WideCall) -> None:
        """Start a procedure, or line it up behind what has to be over before."""
        if call.client_number in self._books.settling or (
            call.is_exclusive and self.exclusive is not None
        ):
            call.is_sent = False
            self.waiting.append(call)
        else:
            self.begin_now(call)

    def begin_now(self, call: WideCall) -> None:
        """Start a procedure that nothing keeps waiting."""
        call.is_sent = True
        if call.is_exclusive:
            self.exclusive = call
        call.advance()

    def ended(self, call: WideCall) -> None:
        """Record that a procedure is over; start those that waited for that."""
        if call is self.exclusive:
            self.exclusive = None
            self._begin_waiting()

    def withdraw(self, call: WideCall) -> bool:
        """Take a procedure out of the line; tell whether it had not begun yet."""
        if call.is_sent:
            return False
        self.waiting.remove(call)
        return True

    def _begin_waiting(self) -> None:
        settling = self._books.settling
        while True:
            call = next((one for one in self.waiting if one.client_number not in settling), None)
            if call is None or (call.is_exclusive and self.exclusive is not None):
                return
            self.waiting.remove(call)
            self.begin_now(call)

    def settled(self, client: int) -> None:
        """Record that one lot of a client's dropped handles is dealt with."""
        settling = self._books.settling
        if client in settling:
            settling[client] -= 1
            if not settling[client]:
                del settling[client]
                self._begin_waiting()
                for link in self._books.links:
                    link.pump()

    def turn_away(self, client: int | None = None) -> None:
        """End those that have not begun, of one client or of all."""
        for call in [one for one in self.waiting if client is None or one.client_number == client]:
            self.waiting.remove(call)
            call.fail(closed())

    def taken(self) -> list[WideCall]:
        """Give up all that have begun to wait or exclude others, and return them."""
        waiting, self.waiting = self.waiting, deque()
        exclusive, self.exclusive = self.exclusive, None
        return [*waiting] if exclusive is None else [*waiting, exclusive]


class WideCall(Call):
    """A procedure over several shards, step by step.

    ``deny`` is there if it checks an order: a caller whose time is up then gets what it returns.
    ``is_exclusive`` keeps any other such procedure waiting until this one has ended.
    """

    __slots__ = (
        "_answers",
        "_asked",
        "_is_asking",
        "_is_stopped",
        "_missing",
        "_procedures",
        "deny",
        "is_exclusive",
        "steps",
    )

    def __init__(
        self,
        books: Books,
        procedures: Procedures,
        steps: Steps,
        *,
        deny: Deny | None = None,
        is_exclusive: bool = False,
    ) -> None:
        super().__init__(books)
        self._procedures: Final = procedures
        self.steps = steps
        self.deny = deny
        self.is_exclusive = is_exclusive
        self._asked: list[ShardLink] = []
        self._answers: list[Answer | None] = []
        self._missing = 0
        self._is_asking = False
        self._is_stopped = False

    def advance(self, answers: list[Answer | None] | None = None) -> None:
        """Ask the questions of the next steps, until a shard has to answer one."""
        books = self.books
        was_torn = books.is_torn
        books.is_torn = True  # to stop between two questions is half a step
        try:
            is_over = self._go_on(answers)
        except WireError:
            self._procedures.ended(self)
            raise
        if is_over:
            self._procedures.ended(self)
        books.is_torn = was_torn

    def _go_on(self, answers: list[Answer | None] | None) -> bool:
        """Ask until an answer is missing; tell whether the procedure is over instead."""
        while True:
            try:
                now, questions = self.steps.send(answers)  # type: ignore[arg-type]  # None starts it
                asks = [Ask(self, place, now, one) for place, one in enumerate(questions)]
                self._note(questions)
            except StopIteration as end:
                self.finish(end.value)
                return True
            except Raised as raised:
                self.fail(raised.error)
                return True
            except WireError as error:
                if not isinstance(error, FrameTooLarge):
                    # Only a check gets here: it asks one shard, whose reply was none.
                    self._give_up(self._asked[0], f"its worker sent what is no reply: {error}")
                    raise
                self.fail(error)
                return True
            except BaseException as error:  # noqa: BLE001 - on its way to the caller
                self.fail(error)
                return True
            self._asked = [question.link for question in questions]
            self._answers = answers = [None] * len(questions)
            self._missing = len(questions)
            self._is_asking = True  # a shard that is down answers at once
            for link, entry in zip(self._asked, asks, strict=True):
                if not link.is_up:
                    entry.lost(link, sent=False)
                    continue
                if entry.counting:
                    entry.counted = self.books.rates.stamp(entry.counting)
                link.stage(entry)  # past credit: there is one of them per shard at a time
            self._is_asking = False
            if self._missing:
                return False

    def _note(self, questions: list[Question]) -> None:
        """Have a change written down before any shard is told of it.

        Raises:
            Exception: it could not be. No shard is told then.
        """
        note = self.books.note
        if note is not None and any(one.is_change for one in questions):
            note(
                [
                    (one.link.number, one.link.next_seq, one.command)
                    for one in questions
                    if isinstance(one.command, bytes)
                ]
            )

    def answered(self, place: int, answer: Answer | None) -> None:
        """Record one answer; go on when it was the last one that was missing."""
        if self._is_stopped:
            return
        self._answers[place] = answer
        self._missing -= 1
        if not self._missing and not self._is_asking:
            self.advance(self._answers)

    def expire(self, why: str) -> None:
        links = self.books.links
        if self._procedures.withdraw(self):
            self.overloaded(links[0])
            return
        missing = [
            link
            for link, answer in zip(self._asked, self._answers, strict=True)
            if answer is None and (link.is_up or link.is_stalled)
        ]
        self._give_up(missing[0] if missing else links[0], why)

    def stop(self) -> None:
        """End where it stands, and go no step further."""
        self._is_stopped = True
        self._give_up(self.books.links[0], INTERRUPTED)

    def _give_up(self, link: ShardLink, why: str) -> None:
        if self.deny is not None:
            self.finish(self.deny(link.number, why))
        else:
            self.fail(unknown(link, why))

    def overloaded(self, link: ShardLink) -> None:
        self.fail(overload(link))

    def abandon(self) -> None:
        if not self.done:
            self._procedures.withdraw(self)
        super().abandon()


def arm(links: list[ShardLink], now: int, causes: int, deliver: Callable[[], None]) -> Steps:
    """Block the engine on every shard, then deliver the replies that this held up.

    On the one that said so as well: a call that lifts the block may have come there meanwhile, and
    must not find some shards blocked and others not. A shard that is stalled is not waited for: it
    is told first when it answers again, and takes no order until then.
    """
    for link in links:
        if link.is_stalled:
            link.owed_causes |= causes
    yield now, [Question(link, causes, ONLY_DONE) for link in links if link.is_up]
    deliver()
