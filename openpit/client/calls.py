"""Calls of one command: who waits for which reply, and what becomes of them when none comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import EXPECTED, WORDS, read_reported
from openpit.client.lost_answers import sent_call
from openpit.errors import (
    JournalDamaged,
    JournalError,
    JournalFailed,
    JournalInUse,
    ReplayDiverged,
    ShardStartError,
    WireError,
)
from openpit.router.calls import Call, Raised, overload, unknown
from openpit.router.lifecycle import ShardEvent
from openpit.router.procedures import WideCall
from openpit.router.shard_link import Entry
from openpit.wire import kinds
from openpit.wire.axes import CountingAxes
from openpit.wire.possible_replies import Expected
from openpit.wire.recovered import Recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.answers import Check, Read
    from openpit.errors import SentCall
    from openpit.router.procedures import Steps
    from openpit.router.rates import Counting
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["AXES_END", "STARTED", "CommandCall", "HandleCall", "HandleWideCall", "Start"]

AXES_END: Final = 2 + len(CountingAxes._fields)
"""Where in the reply of a worker that is up begins what it has recovered, if it has a journal."""

STARTED: Final = Expected(kinds.ANSWERS[kinds.HELLO])


class Start(Call):
    """The first command: load the engine."""

    __slots__ = ("_ready", "_seconds", "link")

    has_deadline = False  # that of calls; it has one of its own

    def __init__(
        self,
        link: ShardLink,
        now: int,
        packed: bytes,
        ready: Callable[[Sequence[int], CountingAxes], None],
        seconds: float,
    ) -> None:
        super().__init__(link.books)
        Entry.__init__(self, 1, now, packed, STARTED)
        self.link = link
        self._ready: Final = ready
        self._seconds: Final = seconds

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        if reply[0] == kinds.REFUSED:
            self.fail(_refusal(link.number, reply[1]))
            return
        lacking, counting, told = reply[1], reply[2:AXES_END], reply[AXES_END:]
        axes = CountingAxes(*counting)
        self._ready(lacking, axes)
        self.books.rates.retune(axes)
        link.happen(ShardEvent.READY)
        self.finish((axes, Recovered(*told)))

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        self.fail(
            ShardStartError(
                f"shard {link.number}: {link.why}; what it has to say about that is on stderr "
                '(the main module needs an `if __name__ == "__main__":` around what it does)',
                link.number,
            ),
        )

    def expire(self, why: str) -> None:
        why = f"not up within {self._seconds:g} s"
        self.fail(ShardStartError(f"shard {self.link.number}: {why}", self.link.number))


def _refusal(shard: int, text: str) -> ShardStartError | JournalError:
    """Return the error of a worker that could not start; of its journal, by name."""
    name, _, rest = text.partition(": ")
    message = f"shard {shard}: {text}"
    if name == ReplayDiverged.__name__:
        return ReplayDiverged(rest.partition("\n")[0], shard)
    if name == JournalDamaged.__name__:
        path, _, position = rest.partition(": ")[0].rpartition(" at ")
        return JournalDamaged(rest.partition("\n")[0], path, int(position))
    if name in {JournalInUse.__name__, JournalFailed.__name__}:
        kind = JournalInUse if name == JournalInUse.__name__ else JournalFailed
        return kind(message.partition("\n")[0])
    return ShardStartError(message, shard)


class CommandCall(Call):
    """One command to one shard."""

    __slots__ = ("account", "check", "link", "read")

    is_whole_call = True

    def __init__(
        self,
        link: ShardLink,
        account: int | None,
        now: int,
        packed: bytes,
        read: Read,
        check: Check | None = None,
        counting: Sequence[Counting] = (),
    ) -> None:
        # Spelt out, since this is the hot path of one order at a time.
        self.books = link.books
        self.done = False
        self.is_sent = True
        self.value = None
        self.error = None
        self.waiter = None
        self.count = 1
        self.now = now
        self.times = ()
        self.packed = packed
        self.link = link
        self.account = account
        self.read = read
        self.check = check
        self.counting = counting
        self.counted = ()
        self.expected = EXPECTED[read]

    @property
    def uses_reserve(self) -> bool:  # type: ignore[override]  # the base class says it for all
        """Whether it is a report."""
        return self.read is read_reported

    def accounts(self) -> tuple[int | None, ...]:
        return (self.account,)

    def may_wait_for(self, link: ShardLink) -> bool:
        return link is self.link

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        try:
            value = self.read(link, self.account, seq, reply)
        except WireError:
            raise
        except BaseException as error:  # noqa: BLE001 - of reading it, as deep in a recursion
            self.fail(error.error if isinstance(error, Raised) else error)
        else:
            self.finish(value)

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        self.replied(link, seq, (kind, count))

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        if not sent:
            self.withdrawn()
        call = self._sent() if sent else None
        if self.check is not None:
            self.finish(self.check.denied(link.number, link.reason, call))
        elif sent:
            self.fail(unknown(link, link.reason, call))
        else:
            self.fail(link.refusal())

    def _sent(self) -> SentCall | None:
        """Return which call this is, for who asks for its answer later."""
        return sent_call(self.link, self, WORDS.get(self.read), self.account)

    def withdrawn(self) -> None:
        """Record that the command is never sent."""
        self.books.give_back(self)

    def overloaded(self, link: ShardLink) -> None:
        self.withdrawn()
        self.fail(overload(link))

    def expire(self, why: str) -> None:
        link = self.link
        if not self.is_sent:
            link.waiting.remove(self)
            self.overloaded(link)
        elif self.check is not None:
            self.finish(self.check.denied(link.number, why, self._sent()))
        else:
            self.fail(unknown(link, why, self._sent()))

    def abandon(self) -> None:
        if not self.done and not self.is_sent:
            self.link.waiting.remove(self)
            self.withdrawn()
        super().abandon()


class HandleCall(CommandCall):
    """One command about a proxy, which is closed; it is open again if nothing was sent."""

    __slots__ = ("proxy",)

    proxy: Any

    @property
    def uses_reserve(self) -> bool:  # type: ignore[override]  # as above
        """Whether it ends something, and checks no order."""
        return self.check is None

    def accounts(self) -> tuple[int | None, ...]:
        return () if self.check is None else (self.account,)

    def withdrawn(self) -> None:
        self.proxy.reopen()


class HandleWideCall(WideCall):
    """The main stage of a request without account id; it is open again if this never began."""

    __slots__ = ("proxy",)

    def __init__(self, router: Router, steps: Steps, proxy: Any, check: Check) -> None:
        super().__init__(router.books, router.procedures, steps, deny=check.denied)
        self.proxy = proxy

    def overloaded(self, link: ShardLink) -> None:
        self.proxy.reopen()
        super().overloaded(link)

    def abandon(self) -> None:
        if not self.done and not self.is_sent:
            self.proxy.reopen()
        super().abandon()
