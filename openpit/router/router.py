"""The router without its pipes: takes entries and bytes, gives bytes and calls that are done.

No clock, no descriptor, no thread, no process: a face brings those. What the commands are about,
their client knows. Methods are not re-entrant: a face that is used from several threads puts a lock
around them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, cast

from openpit.errors import EngineClosed, WireError
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.own_commands import Drop, Owed, QuoteChange, let_go, say_goodbye
from openpit.router.procedures import Ask, Procedures, WideCall, arm
from openpit.router.shard_link import Books, ShardLink
from openpit.slots import SLOT_MASK, SLOT_SHIFT, SPREAD, spread_slots
from openpit.wire.frames import CAUSES, reply_in
from openpit.wire.limits import CREDITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.router.calls import Call
    from openpit.router.rates import BroadRates, Counted
    from openpit.router.shard_link import Bodies, Entry, Handles, Runner
    from openpit.wire.frames import Axis

__all__ = ["TIME_LIMIT", "Router", "check_time", "closed"]

_NONE: Final = (b"", 0, 0, ())

TIME_LIMIT: Final = 2**63
"""The first time, in nanoseconds, that has no place in a head."""


class Router:
    """Shards, the calls in flight to them, and the state that spans them.

    ``has_custom`` tells whether a policy may arm the engine-wide block when it rolls back,
    ``rates`` counts what spans the shards, and ``may_wait`` tells whether a command may wait for
    credit. ``bodies`` makes and reads those of its client. ``handles`` and ``runner`` are the
    client's: they are not looked at here.
    """

    def __init__(
        self,
        shards: int,
        *,
        has_custom: bool,
        rates: BroadRates | None,
        bodies: Bodies,
        handles: Handles,
        runner: Runner,
        credit: int = CREDITS,
        may_wait: bool = True,
    ) -> None:
        self.runner: Final = runner
        self.may_wait: Final = may_wait
        books = Books(has_custom=has_custom, rates=rates, bodies=bodies)
        self._rates: Final = cast("BroadRates", rates)  # there are some where anything counts
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
        causes, link.owed_causes = link.owed_causes, 0
        if causes:
            link.stage(Owed(self.books.now, causes))
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
            return
        if entry.counting:
            entry.counted = self._rates.stamp(entry.counting)
        if link.waiting or self.books.settling or link.in_flight + entry.count > link.credits:
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
        deliver = self.books.bodies.receive
        for frame in arrived:
            name, op, count, counted = link.batches.popleft() if link.batches else _NONE
            flags, uncounted, body = reply_in(frame, name)
            first = link.answered
            link.answered = first + count
            link.in_flight -= count
            if uncounted:
                self._settle(counted, uncounted)
            elif counted:
                for _, window, _, orders, now, _ in counted:
                    sure = window.sure
                    if orders and (sure is None or now < sure):
                        window.confirm(now)
            if not (op or flags):
                deliver(link, first, count, body)
            else:
                self._take_special(link, op, flags, first, count, body)
        if link.waiting:
            link.pump()

    def _settle(self, counted: Sequence[Counted], uncounted: Sequence[Axis]) -> None:
        """Take that some of a batch have not counted."""
        if self.books.rates is None:
            raise WireError(
                f"orders that do not count, where no rate is limited: {uncounted!r:.100}"
            )
        self.books.rates.settle(counted, uncounted)

    def _take_special(
        self, link: ShardLink, op: int, flags: int, first: int, count: int, body: bytes
    ) -> None:
        """Take what answers the router itself, or tells of an engine-wide block."""
        if op:
            if body or flags:
                raise WireError(f"nothing is to be said to that: {body!r:.50}")
            link.pending[0].confirmed(link)
            link.pending.popleft()
            return
        if flags & ~CAUSES:
            raise WireError(f"flags of no reply: {flags}")
        deliver = self.books.bodies.defer(link, first, count, body)
        steps = arm(self.links, self.books.now, flags, deliver)
        WideCall(self.books, self.procedures, steps).advance()

    def quote(self, now: int, packed: bytes) -> None:
        """Pass a change of market data on to every shard, in order with the orders."""
        self.books.is_torn = True
        for link in self.links:
            if link.is_up or link.is_stalled:  # one that goes on must not have missed any
                link.stage(QuoteChange(now, packed, self.books.bodies.done))
        self.books.is_torn = False


def check_time(now: object) -> None:
    """Raise TypeError unless a clock's time is whole nanoseconds: a shard takes no other.

    Raises:
        OverflowError: they have more than 64 bits.
    """
    if not isinstance(now, int):
        raise TypeError(f"the clock must return nanoseconds as an int, not {now!r:.100}")
    if not -TIME_LIMIT <= now < TIME_LIMIT:
        raise OverflowError(f"the clock's time has more than 64 bits: {now!r:.100}")


def closed() -> EngineClosed:
    """Return the error of a call that came too late."""
    return EngineClosed("the engine is closed")
