"""Calls in flight: who waits for which replies, and what becomes of them when none comes.

An entry is one or more consecutive commands to one shard. A call is what a caller waits for: one
entry, several, or the steps of a procedure over several shards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.errors import FrameTooLarge, OutcomeUnknown, ShardOverloaded, WireError
from openpit.router.answers import EXPECTED, Raised, denial
from openpit.router.expected import expected
from openpit.wire import kinds
from openpit.wire.frames import pack

if TYPE_CHECKING:
    from collections.abc import Generator

    from openpit.router.answers import Check, Read
    from openpit.router.core import RouterCore
    from openpit.router.expected import Expected
    from openpit.router.link import ShardLink
    from openpit.router.wide import Counted

__all__ = [
    "INTERRUPTED",
    "Ask",
    "Call",
    "CommandCall",
    "Entry",
    "HandleCall",
    "HandleWideCall",
    "Steps",
    "WideCall",
]

INTERRUPTED: Final = "a call was interrupted in the middle of its bookkeeping"
"""Why shards are given up whose books are not known to be right any more."""

Reply = tuple[Any, ...]

Question = tuple["ShardLink", tuple[Any, ...]]
"""A command and the shard that it goes to."""

Steps: TypeAlias = "Generator[list[Question], list[Reply | None], Any]"
"""A procedure: yields the questions of a step, gets their replies (None: the shard is lost)."""


class Entry:
    """Consecutive commands to one shard."""

    __slots__ = ("count", "expected", "first", "is_sent", "packed")

    holds_up_all = False  # whether calls to all other shards may have to wait for the answer

    is_sent: bool  # False while it waits for credit
    count: int  # how many commands
    first: int  # sequence number of the first, once they are on their way
    packed: bytes  # the commands, until they are on their way
    expected: Expected  # what may answer each of the commands

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        """Take the reply to one of the commands."""
        raise NotImplementedError

    def replied_run(
        self, core: RouterCore, link: ShardLink, kind: int, seq: int, count: int
    ) -> None:
        """Take one reply to several of the commands."""
        for number in range(seq, seq + count):
            self.replied(core, link, (kind, number, 1))

    def hold_back(self, link: ShardLink, seq: int, count: int) -> None:
        """Learn that replies to some of the commands have come, and will be delivered later."""

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        """End without the replies that are missing: the shard is down."""
        raise NotImplementedError

    def sent(self) -> None:
        """Learn that credit has come and the commands are on their way."""
        self.is_sent = True

    def overloaded(self, core: RouterCore, link: ShardLink) -> None:
        """End unsent: the shard had no credit in time."""
        raise NotImplementedError

    def stalled(self, core: RouterCore, link: ShardLink, why: str) -> None:
        """End for whoever waits, and hold nobody up: the shard answers nothing at the moment.

        It was sent, and its reply may come still.
        """
        raise NotImplementedError


class Call(Entry):
    """What a caller waits for."""

    __slots__ = ("done", "error", "value", "waiter")

    has_deadline = True  # False: it ends with the shards that it waits for, which may be long

    def __init__(self) -> None:
        self.done = False
        self.is_sent = True
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiter: Any = None  # the face's: whom to wake

    def finish(self, core: RouterCore, value: Any) -> None:
        """End with a result; a call that its caller has given up lets the result go."""
        if not self.done:
            self.value = value
            self._end(core)

    def fail(self, core: RouterCore, error: BaseException) -> None:
        """End with an exception."""
        if not self.done:
            self.error = error
            self._end(core)

    def _end(self, core: RouterCore) -> None:
        self.done = True
        if self.waiter is not None:
            core.woken.append(self)

    def result(self) -> Any:
        """Return the value or raise the error of a call that is done; once."""
        error, self.error = self.error, None
        if error is None:
            return self.value
        try:
            raise error
        finally:
            del error  # its traceback keeps this frame: nothing in it may keep the error

    def expire(self, core: RouterCore, why: str) -> None:
        """End for a caller whose time is up: what was not sent never is, what was is not known."""
        raise NotImplementedError

    def stalled(self, core: RouterCore, link: ShardLink, why: str) -> None:
        if not self.done:
            self.expire(core, why)

    def abandon(self, core: RouterCore) -> None:
        """End for a caller that has gone: what it would have got is let go, now or when it comes.

        The traceback of whatever made it go keeps this call, for as long as anybody looks at it.
        """
        self.done = True
        self.value = None


class CommandCall(Call):
    """One command to one shard."""

    __slots__ = ("account", "check", "counted", "link", "read")

    def __init__(
        self,
        link: ShardLink,
        account: int | None,
        packed: bytes,
        read: Read,
        check: Check | None = None,
        counted: Counted | None = None,
    ) -> None:
        # Spelt out, since this is the hot path of one order at a time.
        self.done = False
        self.is_sent = True
        self.value = None
        self.error = None
        self.waiter = None
        self.count = 1
        self.packed = packed
        self.link = link
        self.account = account
        self.read = read
        self.check = check
        self.counted = counted
        self.expected = EXPECTED[read]

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        if reply[0] == kinds.REJECTED_UNCOUNTED:
            core.give_back(self.counted)
        try:
            value = self.read(link, self.account, reply)
        except Raised as raised:
            self.fail(core, raised.error)
        except WireError:
            raise
        except BaseException as error:  # noqa: BLE001 - of reading it, as deep in a recursion
            self.fail(core, error)
        else:
            self.finish(core, value)

    def replied_run(
        self, core: RouterCore, link: ShardLink, kind: int, seq: int, count: int
    ) -> None:
        self.replied(core, link, (kind, seq, count))

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        if not sent:
            core.give_back(self.counted)
        if self.check is not None:
            self.finish(core, self.check.deny(denial(link.number, link.reason)))
        elif sent:
            self.fail(core, unknown(link, link.reason))
        else:
            self.fail(core, link.refusal())

    def overloaded(self, core: RouterCore, link: ShardLink) -> None:
        core.give_back(self.counted)
        self.fail(core, overload(core, link))

    def expire(self, core: RouterCore, why: str) -> None:
        link = self.link
        if not self.is_sent:
            link.waiting.remove(self)
            self.overloaded(core, link)
        elif self.check is not None:
            self.finish(core, self.check.deny(denial(link.number, why)))
        else:
            self.fail(core, unknown(link, why))

    def abandon(self, core: RouterCore) -> None:
        if not self.done and not self.is_sent:
            self.link.waiting.remove(self)
            core.give_back(self.counted)
        super().abandon(core)


class HandleCall(CommandCall):
    """One command about a proxy, which is closed; it is open again if nothing was sent."""

    __slots__ = ("proxy",)

    proxy: Any

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        if not sent:
            self.proxy.reopen()
        super().lost(core, link, sent=sent)

    def overloaded(self, core: RouterCore, link: ShardLink) -> None:
        self.proxy.reopen()
        super().overloaded(core, link)

    def abandon(self, core: RouterCore) -> None:
        if not self.done and not self.is_sent:
            self.proxy.reopen()
        super().abandon(core)


def unknown(link: ShardLink, why: str) -> OutcomeUnknown:
    """Return the error of a call that was sent and whose answer nobody has."""
    return OutcomeUnknown(
        f"shard {link.number}: {why}; the call may or may not have been applied", link.number
    )


def overload(core: RouterCore, link: ShardLink) -> ShardOverloaded:
    """Return the error of a call that found no credit in time, or had to wait for another shard."""
    holding_up = core.holding_up()
    if holding_up:
        number = holding_up[0].number
        return ShardOverloaded(
            f"shard {number} keeps all others waiting: what nobody holds any more "
            "has not been rolled back",
            number,
        )
    return ShardOverloaded(
        f"shard {link.number} has had no credit in time: {link.in_flight} commands are in flight",
        link.number,
    )


class Ask(Entry):
    """One question of a procedure's step."""

    __slots__ = ("call", "is_over", "kind", "place")

    def __init__(self, call: WideCall, place: int, packed: bytes, command: tuple[Any, ...]) -> None:
        self.is_sent = True
        self.is_over = False  # the procedure has gone on without the answer
        self.count = 1
        self.packed = packed
        self.call = call
        self.place = place
        self.kind: int = command[0]
        self.expected = expected(command)

    @property
    def holds_up_all(self) -> bool:  # type: ignore[override]  # the base class says it for all
        """Whether it tells of an engine-wide block."""
        return self.kind == kinds.ARM and not self.is_over

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        # Here and not in the procedure, which goes on when the last shard has answered: the fault
        # is this shard's.
        is_check = self.kind not in _ADMINISTRATIVE
        if (reply[0] in _ADMINISTRATIVE_REPLIES) is is_check and reply[0] != kinds.RAISED:
            raise WireError(f"not a reply to this command: {reply!r:.200}")
        if not self.is_over:
            self.call.answered(core, self.place, reply)

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        if not self.is_over:
            self.call.answered(core, self.place, None)

    def stalled(self, core: RouterCore, link: ShardLink, why: str) -> None:
        if self.is_over:
            return
        if self.kind in _ADMINISTRATIVE:
            # The procedure goes on without: what this asks is ahead of all that comes later.
            self.is_over = True
            self.call.answered(core, self.place, None)
        else:  # an order, of which a reservation may come still
            self.call.stalled(core, link, why)


_ADMINISTRATIVE: Final = frozenset({kinds.ADMINISTER, kinds.CONFIGURE, kinds.ARM, kinds.DROP})
_ADMINISTRATIVE_REPLIES: Final = frozenset({kinds.DONE, kinds.ANSWER})


class WideCall(Call):
    """A procedure over several shards, step by step.

    ``check`` is there if it checks an order: a caller whose time is up then gets a denial.
    ``is_exclusive`` keeps any other such procedure waiting until this one has ended.
    """

    __slots__ = (
        "_asked",
        "_is_asking",
        "_is_stopped",
        "_missing",
        "_replies",
        "check",
        "is_exclusive",
        "steps",
    )

    def __init__(
        self, steps: Steps, *, check: Check | None = None, is_exclusive: bool = False
    ) -> None:
        super().__init__()
        self.steps = steps
        self.check = check
        self.is_exclusive = is_exclusive
        self._asked: list[ShardLink] = []
        self._replies: list[Reply | None] = []
        self._missing = 0
        self._is_asking = False
        self._is_stopped = False

    def advance(self, core: RouterCore, replies: list[Reply | None] | None = None) -> None:
        """Ask the questions of the next steps, until a shard has to answer one."""
        was_torn, core.is_torn = core.is_torn, True  # to stop between two questions is half a step
        self._go_on(core, replies)
        core.is_torn = was_torn

    def _go_on(self, core: RouterCore, replies: list[Reply | None] | None) -> None:
        while True:
            try:
                questions = self.steps.send(replies)  # type: ignore[arg-type]  # None starts it
                packed = [pack(command) for _, command in questions]
            except StopIteration as end:
                self.finish(core, end.value)
                core.ended(self)
                return
            except Raised as raised:
                self.fail(core, raised.error)
                core.ended(self)
                return
            except WireError as error:
                if not isinstance(error, FrameTooLarge):
                    # Only a check gets here: it asks one shard, whose reply was none.
                    self._give_up(
                        core, self._asked[0], f"its worker sent what is no reply: {error}"
                    )
                    core.ended(self)
                    raise
                self.fail(core, error)
                core.ended(self)
                return
            except BaseException as error:  # noqa: BLE001 - on its way to the caller
                self.fail(core, error)
                core.ended(self)
                return
            self._asked = [link for link, _ in questions]
            self._replies = replies = [None] * len(questions)
            self._missing = len(questions)
            self._is_asking = True  # a shard that is down answers at once
            for place, (link, command) in enumerate(questions):
                core.ask(link, Ask(self, place, packed[place], command))
            self._is_asking = False
            if self._missing:
                return

    def answered(self, core: RouterCore, place: int, reply: Reply | None) -> None:
        """Take one answer; go on when it was the last one that was missing."""
        if self._is_stopped:
            return
        self._replies[place] = reply
        self._missing -= 1
        if not self._missing and not self._is_asking:
            self.advance(core, self._replies)

    def expire(self, core: RouterCore, why: str) -> None:
        if core.withdraw(self):
            self.overloaded(core, core.links[0])
            return
        missing = [
            link
            for link, reply in zip(self._asked, self._replies, strict=True)
            if reply is None and (link.is_up or link.is_stalled)
        ]
        self._give_up(core, missing[0] if missing else core.links[0], why)

    def stop(self, core: RouterCore) -> None:
        """End where it stands, and go no step further."""
        self._is_stopped = True
        self._give_up(core, core.links[0], INTERRUPTED)

    def _give_up(self, core: RouterCore, link: ShardLink, why: str) -> None:
        if self.check is not None:
            self.finish(core, self.check.deny(denial(link.number, why)))
        else:
            self.fail(core, unknown(link, why))

    def overloaded(self, core: RouterCore, link: ShardLink) -> None:
        self.fail(core, overload(core, link))

    def abandon(self, core: RouterCore) -> None:
        if not self.done:
            core.withdraw(self)
        super().abandon(core)


class HandleWideCall(WideCall):
    """The main stage of a request without account id; it is open again if this never began."""

    __slots__ = ("proxy",)

    def __init__(self, steps: Steps, proxy: Any, check: Check) -> None:
        super().__init__(steps, check=check)
        self.proxy = proxy

    def overloaded(self, core: RouterCore, link: ShardLink) -> None:
        self.proxy.reopen()
        super().overloaded(core, link)

    def abandon(self, core: RouterCore) -> None:
        if not self.done and not self.is_sent:
            self.proxy.reopen()
        super().abandon(core)
