"""The router without its pipes: takes entries and bytes, gives bytes and calls that are done.

No clock, no descriptor, no thread, no process: a face brings those. What the commands are about,
their client knows. Methods are not re-entrant: a face that is used from several threads puts a lock
around them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from openpit.errors import EngineClosed, WireError
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.link import Books, ShardLink
from openpit.router.own_commands import Drop, Owed, QuoteChange, Start, let_go, say_goodbye
from openpit.router.procedures import Ask, Procedures, WideCall, arm
from openpit.slots import SLOT_MASK, SLOT_SHIFT, SPREAD, spread_slots
from openpit.wire import kinds
from openpit.wire.frames import pack, pack_start
from openpit.wire.limits import CREDITS
from openpit.wire.replies import check_replies, is_usual

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.router.calls import Call
    from openpit.router.link import Entry, Handles, Reply, Runner
    from openpit.router.rates import BroadRates

__all__ = ["Router", "check_time", "closed"]

ACCEPTED: Final = kinds.ACCEPTED
DONE: Final = kinds.DONE
ARMED: Final = kinds.ARMED

Delivery: TypeAlias = "tuple[Entry, Reply, int, int, tuple[bool, bool] | None]"
"""An entry, a reply to it, the first of its commands that this answers, how many, and what the
engine-wide block that the shard told of before it came from."""

# What a reply that is not of this protocol makes of the code that reads it.
_MALFORMED: Final = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)


class Router:
    """Shards, the calls in flight to them, and the state that spans them.

    ``has_custom`` tells whether a policy may arm the engine-wide block when it rolls back,
    ``rates`` counts what spans the shards, and ``may_wait`` tells whether a command may wait for
    credit.
    ``ready`` is told which of the offered classes a worker lacks that has come up. ``handles`` and
    ``runner`` are the client's: they are not looked at here.
    """

    def __init__(
        self,
        shards: int,
        *,
        has_custom: bool,
        rates: BroadRates | None,
        ready: Callable[[Sequence[int]], None],
        handles: Handles,
        runner: Runner,
        credit: int = CREDITS,
        may_wait: bool = True,
    ) -> None:
        self._ready: Final = ready
        self.runner: Final = runner
        self.may_wait: Final = may_wait
        books = Books(has_custom=has_custom, rates=rates)
        self.books: Final = books
        self.procedures: Final = Procedures(books)
        self.links: Final = books.links
        self.links.extend(
            ShardLink(number, credit, books, handles, runner) for number in range(shards)
        )
        self.owner: Final = spread_slots(shards)
        self.link_by_slot: Final = [self.links[number] for number in self.owner]

    # --- shards ----------------------------------------------------------------------------------

    def link_of(self, account: int) -> ShardLink:
        """Return the link of the shard that owns an account."""
        return self.link_by_slot[account * SPREAD >> SLOT_SHIFT & SLOT_MASK]

    def start(self, link: ShardLink, now: int, payload: bytes) -> Call:
        """Load the engine in a worker; the call ends when the shard is up or has refused."""
        check_time(now)
        call = Start(link, self._ready)
        call.packed = pack_start((kinds.HELLO, None, now, link.number, len(self.links), payload))
        link.stage(call)
        return call

    def lose(self, link: ShardLink, why: str) -> None:
        """Record that a worker has ended: checks in flight are denied, all else is unknown."""
        if link.state in {ShardState.DOWN, ShardState.CLOSED}:
            return
        if link.is_stalled:
            self.books.stalled.remove(link)
        if link.state is not ShardState.CLOSING:
            link.why = why
            self.books.news.append((ShardEvent.LOST, link))
        link.happen(ShardEvent.LOST)
        for entry, was_sent in link.forget():
            entry.lost(link, sent=was_sent)

    def _lose_all(self, why: str) -> None:
        for link in self.links:
            self.lose(link, why)

    def stall(self, link: ShardLink, why: str) -> None:
        """Record that a shard answers nothing: who waits for it is told, and nothing more is sent.

        It is asked again when it has answered something. What it has been sent it may still do; the
        reservations in late replies are rolled back.
        """
        was_torn, self.books.is_torn = self.books.is_torn, True
        link.why = why
        link.happen(ShardEvent.STALL)
        self.books.stalled.append(link)
        self.books.news.append((ShardEvent.STALL, link))
        waiting, link.waiting = link.waiting, deque()
        for entry in list(link.pending):
            entry.stalled(link, why)
        for entry in waiting:
            entry.lost(link, sent=False)
        self.books.is_torn = was_torn

    def _revive(self, link: ShardLink) -> None:
        """Record that a stalled shard has answered; what it owes goes ahead of anything else."""
        link.why = None
        link.happen(ShardEvent.ANSWER)
        self.books.stalled.remove(link)
        self.books.news.append((ShardEvent.ANSWER, link))
        causes, link.owed_causes = link.owed_causes, None
        if causes is not None:
            entry = Owed()
            entry.packed = pack((kinds.ARM, None, self.books.now, causes))
            link.stage(entry)
        self.books.dropped.extend((link, handle) for handle in link.owed_drops)
        link.owed_drops.clear()

    def close(self, now: int) -> Call:
        """Roll back what is open on every shard and end it; nothing is accepted from now on.

        The call that this returns ends when all shards have.
        """
        self.books.is_torn = True
        self.books.is_closed = True
        self.books.stalled.clear()
        goodbye = say_goodbye(self.books, now, self._lose_all)
        waiting, self.procedures.waiting = self.procedures.waiting, deque()
        for call in waiting:
            call.fail(closed())
        self.books.is_torn = False
        return goodbye

    def stop_procedures(self) -> None:
        """End all procedures where they stand, before the shards are given up that they ask.

        For when an exception came between two steps: how far they are is not known any more.
        """
        pending = [entry for link in self.links for entry in link.pending]
        asked = [entry.call for entry in pending if isinstance(entry, Ask)]
        drops = sum(isinstance(entry, Drop) and not entry.is_settled for entry in pending)
        self.books.settling = drops if self.books.has_custom else 0
        for call in [*asked, *self.procedures.taken()]:
            call.stop()

    def retire(self) -> None:
        """Close without a word to the shards; whoever waits is told."""
        self.books.is_closed = True
        self.books.stalled.clear()
        waiting, self.procedures.waiting = self.procedures.waiting, deque()
        for link in self.links:
            if link.state in {ShardState.UP, ShardState.STALLED, ShardState.STARTING}:
                link.why = None
                link.happen(ShardEvent.CLOSE)
            if link.state is ShardState.CLOSING:
                link.happen(ShardEvent.ENDED)
            for entry, was_sent in link.forget():
                entry.lost(link, sent=was_sent)
        for call in waiting:
            call.fail(closed())

    def abandon_shards(self) -> None:
        """Close without a word to the shards: they are another process's."""
        self.books.is_closed = True
        self.books.stalled.clear()
        for link in self.links:
            link.forget()
            link.happen(ShardEvent.CLOSE)
            if link.state is ShardState.CLOSING:
                link.happen(ShardEvent.ENDED)

    # --- out -------------------------------------------------------------------------------------

    def submit(self, link: ShardLink, entry: Entry) -> None:
        """Send an entry's commands now, or when there is credit."""
        if self.books.dropped:
            let_go(self.books, self.procedures)
        if not link.is_up:
            entry.lost(link, sent=False)
        elif link.waiting or self.books.settling or link.in_flight + entry.count > link.credits:
            if not self.may_wait and not self.books.settling and entry.is_whole_call:
                entry.overloaded(link)
            else:
                entry.is_sent = False
                link.waiting.append(entry)
        else:
            self.books.is_torn = True
            link.stage(entry)
            self.books.is_torn = False

    def begin(self, call: WideCall) -> WideCall:
        """Start a procedure, or line it up behind what has to be over before."""
        if self.books.dropped:
            let_go(self.books, self.procedures)
        self.procedures.begin(call)
        return call

    # --- in --------------------------------------------------------------------------------------

    def receive(self, link: ShardLink, data: bytes) -> None:
        """Read bytes of a shard's replies.

        Raises:
            WireError: they are none. The face ends the worker and calls :meth:`lose`.
        """
        link.bytes_received += len(data)
        arrived = link.reader.feed(data)
        if not link.is_up and arrived and link.is_stalled:
            self._revive(link)
        for _, replies in arrived:
            try:
                self._take(link, replies)
            except _MALFORMED as error:
                raise WireError(f"not a reply of this protocol: {error!r}") from error
        if link.waiting:
            link.pump()

    def _take(self, link: ShardLink, replies: Sequence[Reply]) -> None:
        """Deliver the replies of a frame, all of which have been looked at before the first one."""
        pending = link.pending
        if len(replies) == 1 and pending and link.causes is None and pending[0].count == 1:
            # One reply to one command, spelt out: the hot path of one order at a time.
            (reply,) = replies
            entry = pending[0]
            kind, seq = reply[0], reply[1]
            may_answer, tested, _ = entry.expected
            if seq == link.answered and kind in may_answer and kind != tested:
                if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - twice as fast as a tuple
                    if _is_run_of_one(*reply):
                        link.answered = seq + 1
                        link.in_flight -= 1
                        entry.replied_run(link, kind, seq, 1)
                        pending.popleft()
                        return
                elif is_usual(reply):
                    link.answered = seq + 1
                    link.in_flight -= 1
                    entry.replied(link, reply)
                    pending.popleft()
                    return
        check_replies(replies)
        for entry, reply, seq, count, causes in self._looked_at(link, replies):
            link.answered = seq + count
            link.in_flight -= count
            kind = reply[0]
            if causes is not None:
                self._hold_back(link, causes, entry, reply, seq, count)
            elif kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - twice as fast as a tuple
                entry.replied_run(link, kind, seq, count)
            else:
                entry.replied(link, reply)
            # Only now: an entry that cannot make sense of its reply is lost with its shard.
            if seq + count == entry.first + entry.count:
                pending.popleft()

    def _looked_at(self, link: ShardLink, replies: Sequence[Reply]) -> list[Delivery]:
        """Return what each entry in flight is to have of a frame's replies.

        Raises:
            WireError: one of them is no reply of this protocol, or none to what it answers.
        """
        deliveries: list[Delivery] = []
        entries = iter(link.pending)
        seq = end = link.answered  # and the number behind the last command of the entry in hand
        left = link.in_flight
        causes = link.causes
        for reply in replies:
            kind = reply[0]
            number = reply[1]
            if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - as above
                _, _, count = reply
                if not (type(kind) is type(number) is type(count) is int and 0 < count <= left):
                    raise WireError(f"an answer to {count!r:.50} of {left} commands")
            else:
                count = 1
            if number != seq or not left:
                raise WireError(f"reply to {number} where {seq} was expected")
            if kind == ARMED:
                # The reply that this one goes before may come in the next frame.
                if causes is not None:
                    raise WireError(f"an engine-wide block is told twice: {reply!r:.200}")
                causes = reply[2]
                continue
            left -= count
            while count:
                if seq == end:
                    entry = next(entries)
                    end = entry.first + entry.count
                    may_answer, tested, fits = entry.expected
                if kind not in may_answer or (kind == tested and not fits(reply)):
                    raise WireError(f"not a reply to this command: {reply!r:.200}")
                here = min(end - seq, count)
                deliveries.append((entry, reply, seq, here, causes))
                seq += here
                count -= here
            causes = None
        link.causes = causes
        return deliveries

    def _hold_back(
        self, link: ShardLink, causes: Reply, entry: Entry, reply: Reply, seq: int, count: int
    ) -> None:
        """Deliver a reply only when every shard knows of the engine-wide block it tells of."""

        def deliver() -> None:
            if reply[0] in {ACCEPTED, DONE}:
                entry.replied_run(link, reply[0], seq, count)
            else:
                entry.replied(link, reply)

        entry.hold_back(link, seq, count)
        steps = arm(self.links, self.books.now, causes, deliver)
        WideCall(self.books, self.procedures, steps).advance()

    def quote(self, packed: bytes) -> None:
        """Pass a change of market data on to every shard, in order with the orders."""
        self.books.is_torn = True
        for link in self.links:
            if link.is_up or link.is_stalled:  # one that goes on must not have missed any
                entry = QuoteChange()
                entry.packed = packed
                link.stage(entry)
        self.books.is_torn = False


def _is_run_of_one(kind: object, number: object, count: object) -> bool:
    return type(kind) is type(number) is type(count) is int and count == 1


def check_time(now: object) -> None:
    """Raise TypeError unless a clock's time is whole nanoseconds: a shard takes no other."""
    if not isinstance(now, int):
        raise TypeError(f"the clock must return nanoseconds as an int, not {now!r:.100}")


def closed() -> EngineClosed:
    """Return the error of a call that came too late."""
    return EngineClosed("the engine is closed")
