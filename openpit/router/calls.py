"""Calls: what callers wait for.

A call is one entry, several, or the steps of a procedure over several shards. What it is about, the
client knows that made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.errors import EngineClosed, OutcomeUnknown, ShardOverloaded
from openpit.router.shard_link import Entry

if TYPE_CHECKING:
    from openpit.errors import SentCall
    from openpit.router.shard_link import Books, ShardLink

__all__ = ["INTERRUPTED", "Call", "Raised", "closed", "overload", "unknown"]

INTERRUPTED: Final = "a call was interrupted in the middle of its bookkeeping"
"""Why shards are given up whose books are not known to be right any more."""


class Raised(Exception):  # noqa: N818 - carries an error, and is none
    """What was raised in a shard, on its way to the caller: whatever its type, the reply is fine.

    A policy may raise a ``WireError`` of its own, and an order may be of a class that its shard
    cannot import; neither says anything of the connection.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Call(Entry):
    """What a caller waits for."""

    __slots__ = ("books", "done", "error", "value", "waiter")

    has_deadline = True  # False: it ends with the shards that it waits for, which may be long

    def __init__(self, books: Books) -> None:
        self.books = books
        self.done = False
        self.is_sent = True
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiter: Any = None  # the face's: whom to wake

    @property
    def is_awaited(self) -> bool:  # type: ignore[override]  # the base class says it for all
        return not self.done

    def finish(self, value: Any) -> None:
        """End with a result; a call that its caller has given up lets the result go."""
        if not self.done:
            self.value = value
            self.done = True
            books = self.books
            if books.answer_due or books.credit_due:
                books.forget(self)
            if self.waiter is not None:
                books.woken.append(self)

    def fail(self, error: BaseException) -> None:
        """End with an exception."""
        if not self.done:
            self.error = error
            self.finish(None)

    def result(self) -> Any:
        """Return the value or raise the error of a call that is done; once."""
        error, self.error = self.error, None
        if error is None:
            return self.value
        try:
            raise error
        finally:
            del error  # its traceback keeps this frame: nothing in it may keep the error

    def may_wait_for(self, _link: ShardLink) -> bool:
        """Tell whether it may be this shard that the call waits for."""
        return True

    def expire(self, why: str) -> None:
        """End for a caller whose time is up: what was not sent never is, what was is not known."""
        raise NotImplementedError

    def stalled(self, link: ShardLink, why: str) -> None:
        if not (self.done or link.comes_back):  # else another worker answers in the end
            self.expire(why)

    def abandon(self) -> None:
        """End for a caller that has gone: what it would have got is let go, now or when it comes.

        The traceback of whatever made it go keeps this call, for as long as anybody looks at it.
        """
        self.done = True
        self.value = None
        self.books.forget(self)


def closed() -> EngineClosed:
    """Return the error of a call that came too late."""
    return EngineClosed("the engine is closed")


def unknown(link: ShardLink, why: str, call: SentCall | None = None) -> OutcomeUnknown:
    """Return the error of a call that was sent and whose answer nobody has."""
    error = OutcomeUnknown(
        f"shard {link.number}: {why}; the call may or may not have been applied", link.number
    )
    error.call = call
    return error


def overload(link: ShardLink) -> ShardOverloaded:
    """Return the error of a call that found no credit in time, or had to wait for another shard."""
    delaying = link.books.delaying()
    if delaying:
        number = delaying[0].number
        return ShardOverloaded(
            f"shard {number} keeps all others waiting: what nobody holds any more "
            "has not been rolled back",
            number,
        )
    return ShardOverloaded(
        f"shard {link.number} has had no credit in time: {link.in_flight} commands are in flight",
        link.number,
    )
