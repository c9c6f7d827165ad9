"""Entries: what is in flight to one shard; and calls, which callers wait for.

An entry is one or more consecutive commands to one shard. A call is what a caller waits for: one
entry, several, or the steps of a procedure over several shards. What they are about, the client
knows that made them; the router knows how many commands they are and what may answer them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import OutcomeUnknown, ShardOverloaded

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.core import RouterCore
    from openpit.router.link import ShardLink

__all__ = ["INTERRUPTED", "Call", "Entry", "Expected", "Raised", "Reply", "overload", "unknown"]

INTERRUPTED: Final = "a call was interrupted in the middle of its bookkeeping"
"""Why shards are given up whose books are not known to be right any more."""

Reply = tuple[Any, ...]


class Expected(NamedTuple):
    """The kinds of reply to a command, and the test of one of them beyond its form."""

    kinds: frozenset[int]
    tested: int = 0
    fits: Callable[[Reply], bool] = bool


class Raised(Exception):  # noqa: N818 - carries an error, and is none
    """What was raised in a shard, on its way to the caller: whatever its type, the reply is fine.

    A policy may raise a ``WireError`` of its own, and an order may be of a class that its shard
    cannot import; neither says anything of the connection.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Entry:
    """Consecutive commands to one shard."""

    __slots__ = ("count", "expected", "first", "is_sent", "packed")

    holds_up_all = False  # whether calls to all other shards may have to wait for the answer
    is_whole_call = False  # then it is refused at once where nothing may wait for credit

    is_sent: bool  # False while it waits for credit
    count: int  # how many commands
    first: int  # sequence number of the first, once they are on their way
    packed: bytes  # the commands, until they are on their way
    expected: Expected  # what may answer each of the commands

    def replied(self, router: RouterCore, link: ShardLink, reply: Reply) -> None:
        """Take the reply to one of the commands."""
        raise NotImplementedError

    def replied_run(
        self, router: RouterCore, link: ShardLink, kind: int, seq: int, count: int
    ) -> None:
        """Take one reply to several of the commands."""
        for number in range(seq, seq + count):
            self.replied(router, link, (kind, number, 1))

    def hold_back(self, link: ShardLink, seq: int, count: int) -> None:
        """Learn that replies to some of the commands have come, and will be delivered later."""

    def lost(self, router: RouterCore, link: ShardLink, *, sent: bool) -> None:
        """End without the replies that are missing: the shard is down."""
        raise NotImplementedError

    def sent(self) -> None:
        """Learn that credit has come and the commands are on their way."""
        self.is_sent = True

    def overloaded(self, router: RouterCore, link: ShardLink) -> None:
        """End unsent: the shard had no credit in time."""
        raise NotImplementedError

    def stalled(self, router: RouterCore, link: ShardLink, why: str) -> None:
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

    def finish(self, router: RouterCore, value: Any) -> None:
        """End with a result; a call that its caller has given up lets the result go."""
        if not self.done:
            self.value = value
            self._end(router)

    def fail(self, router: RouterCore, error: BaseException) -> None:
        """End with an exception."""
        if not self.done:
            self.error = error
            self._end(router)

    def _end(self, router: RouterCore) -> None:
        self.done = True
        if self.waiter is not None:
            router.woken.append(self)

    def result(self) -> Any:
        """Return the value or raise the error of a call that is done; once."""
        error, self.error = self.error, None
        if error is None:
            return self.value
        try:
            raise error
        finally:
            del error  # its traceback keeps this frame: nothing in it may keep the error

    def expire(self, router: RouterCore, why: str) -> None:
        """End for a caller whose time is up: what was not sent never is, what was is not known."""
        raise NotImplementedError

    def stalled(self, router: RouterCore, link: ShardLink, why: str) -> None:
        if not self.done:
            self.expire(router, why)

    def abandon(self, router: RouterCore) -> None:
        """End for a caller that has gone: what it would have got is let go, now or when it comes.

        The traceback of whatever made it go keeps this call, for as long as anybody looks at it.
        """
        self.done = True
        self.value = None


def unknown(link: ShardLink, why: str) -> OutcomeUnknown:
    """Return the error of a call that was sent and whose answer nobody has."""
    return OutcomeUnknown(
        f"shard {link.number}: {why}; the call may or may not have been applied", link.number
    )


def overload(router: RouterCore, link: ShardLink) -> ShardOverloaded:
    """Return the error of a call that found no credit in time, or had to wait for another shard."""
    holding_up = router.holding_up()
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
