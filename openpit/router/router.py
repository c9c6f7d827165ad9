"""The router without its pipes: takes entries and bytes, gives bytes and calls that are done.

No clock, no descriptor, no thread, no process: a face brings those. What the commands are about,
their client knows. Methods are not re-entrant: a face that is used from several threads puts a lock
around them.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import WireError
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.own_commands import Close, Drop, Goodbye, OwnOp, let_go
from openpit.router.procedures import Ask, Procedures, WideCall, arm
from openpit.router.rates import BroadRates
from openpit.router.shard_link import Books, ShardLink
from openpit.slots import Owners, spread_slots
from openpit.wire.frames import CAUSES, NOT_APPLIED, Op, reply_in
from openpit.wire.limits import CREDITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.router.calls import Call
    from openpit.router.shard_link import Bodies, Entry
    from openpit.wire.frames import Frame

__all__ = ["Router"]

_NONE: Final = (b"", 0, 0, ())

_MAY_ARM: Final = frozenset({Op.END, Op.TICK, Op.SKIP})
"""Of the router's own ops, those at which callbacks of policies may fail."""


class Router:
    """Shards, the calls in flight to them, and the state that spans them.

    ``has_custom`` tells whether a policy may arm the engine-wide block when it rolls back,
    ``may_wait`` whether commands may wait for credit.
    ``bodies`` makes and reads those of its client. ``handles`` and ``runner`` are the client's:
    they are not looked at here.
    """

    def __init__(
        self,
        shards: int,
        *,
        has_custom: bool,
        bodies: Bodies,
        handles: Any,
        runner: Any,
        credit: int = CREDITS,
        may_wait: bool = True,
        owner: Sequence[int] | None = None,
    ) -> None:
        self.runner: Final = runner
        self._may_wait: Final = may_wait
        books = Books(has_custom=has_custom, bodies=bodies, rates=self.rates())
        self._rates: Final = books.rates
        self.books: Final = books
        self.procedures: Final = self.line_up(books)
        self.links: Final = books.links
        self.links.extend(
            self.link(number, credit, books, handles, runner) for number in range(shards)
        )
        self.owner: Final = spread_slots(shards) if owner is None else owner
        self.owners: Final = Owners(self.owner)

    # What another kind of router has others of.
    rates: type[BroadRates] = BroadRates
    line_up: type[Procedures] = Procedures
    link: type[ShardLink] = ShardLink

    is_ending = False
    """Whether the shards have been told, or are told nothing more."""

    # Called with each reply, where its client reads more of its head.
    hear: Callable[[ShardLink, Frame], None] | None = None

    # --- shards ----------------------------------------------------------------------------------

    def link_of(self, account: int) -> ShardLink:
        """Return the link of the shard that owns an account."""
        return self.links[self.owners[account]]

    def lose(self, link: ShardLink, why: str) -> None:
        """Record that a worker has ended: checks in flight are denied, all else is unknown."""
        if link.state in {ShardState.DOWN, ShardState.CLOSED}:
            return
        if link.is_stalled:
            self.books.stalled.remove(link)
        if link.state is not ShardState.CLOSING:
            link.why = why
            self.books.news.append((ShardEvent.LOST, link, link.pid, why, link.restarts))
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
        self.books.news.append((ShardEvent.STALL, link, link.pid, why, link.restarts))
        link.turn_away()
        for entry in list(link.pending):
            entry.stalled(link, why)
        self.books.is_torn = was_torn

    def revive(self, link: ShardLink) -> None:
        """Record that a stalled shard has answered; what it owes goes ahead of anything else."""
        link.why = None
        link.happen(ShardEvent.ANSWER)
        self.books.stalled.remove(link)
        self.books.news.append((ShardEvent.ANSWER, link, link.pid, None, link.restarts))
        causes, link.owed_causes = link.owed_causes, 0
        if causes:
            link.stage(OwnOp(self.books.now, Op.ARM, causes=causes))
        self.books.dropped.extend((link, handle) for handle in link.owed_drops)
        link.owed_drops.clear()
        for entry in link.owed:
            link.stage(entry)
        link.owed.clear()

    def end_client(self, client: int, now: int) -> None:
        """Roll back on every shard what a client has open that is gone; it waits for nothing more.

        That is behind all that it has sent. No other client has, or ever gets, its number.
        """
        was_torn, self.books.is_torn = self.books.is_torn, True
        self.procedures.turn_away(client)
        for link in self.links:
            link.turn_away(client)
            if link.is_stalled:
                link.owed.append(OwnOp(now, Op.END, client=client))
            elif link.is_up:
                link.stage(OwnOp(now, Op.END, client=client))
        self.books.is_torn = was_torn

    def stop_taking(self) -> None:
        """Take nothing new: what was sent is still answered, what was not never is.

        For an end that waits for shards whose workers are replaced, before :meth:`close`.
        """
        self.let_go()
        self.books.is_torn = True
        self.books.close()
        self.procedures.turn_away()
        for link in self.links:
            link.turn_away()
        self.books.is_torn = False

    def close(self, now: int, *, keeps: bool = False) -> Call:
        """Roll back what is open on every shard and end it; nothing is accepted from now on.

        Where the shards keep what is open, they are asked for nothing more than the last of
        their answers. The call that this returns ends when all shards have.
        """
        if keeps:
            self.let_go()
        self.books.is_torn = True
        self.is_ending = True
        self.books.close()
        self.books.stalled.clear()
        self.procedures.turn_away()
        waited_for = [link for link in self.links if link.is_up and not link.is_recovering]
        goodbye = Goodbye(self.books, len(waited_for), self._lose_all)
        for link in self.links:
            was_away = link.is_stalled or link.is_recovering
            link.happen(ShardEvent.CLOSE)
            if was_away:  # not waited for again
                link.why = None
                for entry, was_sent in link.forget():
                    entry.lost(link, sent=was_sent)
            link.turn_away()
            if link in waited_for:
                link.stage(Close(now, goodbye, keeps=keeps))
        self.books.is_torn = False
        return goodbye

    def stop_procedures(self) -> None:
        """End all procedures where they stand, before the shards are given up that they ask.

        For when an exception came between two steps: how far they are is not known any more.
        """
        entries = [entry for link in self.links for entry in (*link.pending, *link.waiting)]
        asked = [entry.call for entry in entries if isinstance(entry, Ask)]
        drops = [one for one in entries if isinstance(one, Drop) and not one.is_settled]
        self.books.settling.clear()
        if self.books.has_custom:
            self.books.settling.update(Counter(one.client_number for one in drops))
        for call in [*asked, *self.procedures.taken()]:
            call.stop()

    def retire(self) -> None:
        """Close without a word to the shards; whoever waits is told."""
        left = self.abandon_shards()
        self.procedures.turn_away()
        for link, entry, was_sent in left:
            entry.lost(link, sent=was_sent)

    def abandon_shards(self) -> list[tuple[ShardLink, Entry, bool]]:
        """Close without a word to the shards, nor to who waits: they may be another process's.

        Return what was under way, each with its shard and whether it was sent.
        """
        self.is_ending = True
        self.books.close()
        self.books.stalled.clear()
        left: list[tuple[ShardLink, Entry, bool]] = []
        for link in self.links:
            if link.is_stalled:
                link.why = None
            if link.state is not ShardState.CLOSING:
                link.happen(ShardEvent.CLOSE)
            if link.state is ShardState.CLOSING:
                link.happen(ShardEvent.ENDED)
            left += [(link, *each) for each in link.forget()]
        return left

    # --- out -------------------------------------------------------------------------------------

    def submit(self, link: ShardLink, entry: Entry) -> None:
        """Send an entry's commands now, or when there is credit."""
        books = self.books
        if books.dropped:
            let_go(books, self.procedures)
        if not link.is_up:
            entry.lost(link, sent=False)
            return
        if entry.counting:
            entry.counted = self._rates.stamp(entry.counting)
        books.is_torn = True
        if link.waiting or books.settling or link.in_flight + entry.count > link.credits:
            link.line_up(entry)
            may_wait = self._may_wait or entry.client_number in books.settling
            if not may_wait and not entry.is_sent and entry.is_whole_call:
                link.waiting.remove(entry)
                entry.overloaded(link)
        else:
            link.stage(entry)
        books.is_torn = False

    def pass_on(self, link: ShardLink, entry: Entry, frame: Frame) -> None:
        """Send the batch of another client, whose credit is its own affair.

        Its number is the link's ``next_seq``. What this router's own client has let go of need not
        be told before: that is of another one.
        """
        self.books.is_torn = True
        link.pass_on(entry, frame)
        self.books.is_torn = False

    def begin(self, call: WideCall) -> WideCall:
        """Start a procedure, or line it up behind what has to be over before."""
        self.let_go()
        self.procedures.begin(call)
        return call

    def let_go(self) -> None:
        """Tell the shards what nobody holds any more, without waiting for a call that does."""
        self.books.dropped.is_told = False  # first: what comes now is told anew
        if self.books.dropped and not self.books.is_closed:
            let_go(self.books, self.procedures)

    # --- in --------------------------------------------------------------------------------------

    def receive(self, link: ShardLink, data: bytes) -> None:
        """Read bytes of a shard's replies.

        Raises:
            WireError: they are none. The face ends the worker and calls :meth:`lose`.
        """
        link.bytes_received += len(data)
        arrived = link.reader.feed(data)
        if not link.is_up and arrived and link.is_stalled:
            self.revive(link)
        deliver = self.books.bodies.receive
        for frame in arrived:
            if self.hear is not None:
                self.hear(link, frame)
            name, op, count, counted = link.batches.popleft() if link.batches else _NONE
            flags, uncounted, body = reply_in(frame, name)
            if link.kept:
                link.kept.popleft()
            first = link.answered
            link.answered = first + count
            link.in_flight -= count
            if uncounted:
                self._rates.settle(counted, uncounted)
            elif counted and not flags & NOT_APPLIED:
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

    def _take_special(
        self, link: ShardLink, op: int, flags: int, first: int, count: int, body: bytes
    ) -> None:
        """Take what answers the router itself, tells of an engine-wide block, or is a refusal."""
        if flags & NOT_APPLIED and not op:
            self.books.bodies.refused(link, flags, count, body)
            return
        if flags & ~CAUSES:
            raise WireError(f"flags of no reply: {flags}")
        if not op:
            deliver = self.books.bodies.defer(link, first, count, body)
        elif body or (flags and op not in _MAY_ARM):
            raise WireError(f"nothing is to be said to that: {body!r:.50}")
        else:
            entry = link.pending.popleft()
            if not flags:
                entry.confirmed(link)
                return
            entry.defer(link, first, count)
            deliver = partial(entry.confirmed, link)
        steps = arm(self.links, self.books.now, flags, deliver)
        WideCall(self.books, self.procedures, steps).advance()
