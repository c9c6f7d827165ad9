"""The router without its pipes: takes calls and bytes, gives bytes and calls that are done.

No clock, no descriptor, no thread, no process: a face brings those. Every public call of the engine
has a method here that returns a :class:`~openpit.router.calls.Call`; its first argument is the
time.
Methods are not re-entrant: a face that is used from several threads puts a lock around them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.core.order import Order
from openpit.errors import EngineClosed, WireError
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.router.answers import CHECKS, read_adjusted, read_execute, read_reported, read_value
from openpit.router.batches import ExecuteMany
from openpit.router.calls import Ask, Call, CommandCall, Entry, HandleCall, HandleWideCall, WideCall
from openpit.router.expected import expected
from openpit.router.finalizing import finalize_many
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.link import ShardLink
from openpit.router.orders import (
    OrderEncoder,
    captured_order,
    captured_report,
    check_time,
)
from openpit.router.reporting import ReportMany
from openpit.router.upkeep import Drop, Owed, Quote, Start, let_go, say_goodbye
from openpit.router.wide import BroadRates, arm, check_without_account
from openpit.shards.slots import SLOT_MASK, SLOT_SHIFT, SPREAD, spread_slots
from openpit.wire import kinds
from openpit.wire.frames import pack, pack_start
from openpit.wire.limits import CREDITS, ROWS_PER_FRAME
from openpit.wire.replies import check_replies, is_usual
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.account_adjustment import Adjustment
    from openpit.core.report import ExecutionReport
    from openpit.engine.core import EngineCore
    from openpit.router.calls import Reply, Steps
    from openpit.router.link import Runner
    from openpit.router.proxies import Handles, HeldReservation, OperationProxy, RequestProxy
    from openpit.router.wide import Counted
    from openpit.wire.classes import Name

__all__ = ["RouterCore"]

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


class RouterCore:
    """Shards, the calls in flight to them, and the state that spans them.

    ``prototype`` is an engine with the same policies that checks no order: it validates settings,
    and its rate limit counts the axes that span accounts. ``may_wait`` tells whether a command may
    wait for credit.
    """

    def __init__(
        self,
        shards: int,
        prototype: EngineCore,
        *,
        handles: Handles,
        runner: Runner,
        credit: int = CREDITS,
        may_wait: bool = True,
        told: frozenset[Name] | None = None,
    ) -> None:
        self.prototype: Final = prototype
        self.runner: Final = runner
        self.has_custom: Final = prototype._has_custom
        self.may_wait: Final = may_wait
        self.links: Final = [ShardLink(number, credit, handles, runner) for number in range(shards)]
        self.rows_per_frame: Final = min(ROWS_PER_FRAME, credit)
        self.owner: Final = spread_slots(shards)
        self._link_by_slot: Final = [self.links[number] for number in self.owner]
        # Handles that nobody holds any more; the links share it. See proxies.
        self.dropped: Final[deque[tuple[ShardLink, int]]] = deque()
        for link in self.links:
            link.dropped = self.dropped
        self.woken: Final[list[Call]] = []
        self.news: Final[list[tuple[ShardEvent, ShardLink]]] = []  # for the face to tell
        self.stalled: Final[list[ShardLink]] = []
        self._now = 0
        self.is_closed = False
        # True while state is half changed. Still set when a face comes next, it tells that an
        # exception came in between, of a signal's handler.
        self.is_torn = False
        # Drops that have to be over before anything else goes out; see upkeep.let_go().
        self._settling = 0
        self._exclusive: WideCall | None = None
        self._wide_waiting: deque[WideCall] = deque()
        rates = [p for p in prototype.policies if isinstance(p, RateLimitPolicy)]
        self.encoder: Final = OrderEncoder(
            BroadRates(rates[0]) if rates else None, has_custom=self.has_custom, told=told
        )

    # --- shards ----------------------------------------------------------------------------------

    def link_of(self, account: int) -> ShardLink:
        """Return the link of the shard that owns an account."""
        return self._link_by_slot[account * SPREAD >> SLOT_SHIFT & SLOT_MASK]

    def start(self, link: ShardLink, now: int, payload: bytes) -> Call:
        """Have a worker load its engine; the call ends when the shard is up or has refused."""
        check_time(now)
        call = Start(link)
        command = (kinds.HELLO, None, now, link.number, len(self.links), payload)
        call.packed = pack_start(command)
        call.expected = expected(command)
        link.stage(call)
        return call

    def lose(self, link: ShardLink, why: str) -> None:
        """Take that a worker has ended: checks in flight to it are denied, all else is unknown."""
        if link.state in {ShardState.DOWN, ShardState.CLOSED}:
            return
        if link.is_stalled:
            self.stalled.remove(link)
        if link.state is not ShardState.CLOSING:
            link.why = why
            self.news.append((ShardEvent.LOST, link))
        link.happen(ShardEvent.LOST)
        for entry, was_sent in link.forget():
            entry.lost(self, link, sent=was_sent)

    def stall(self, link: ShardLink, why: str) -> None:
        """Record that a shard answers nothing: who waits for it is told, and nothing more is sent.

        It is asked again when it has answered something. What it has been sent it may still do; the
        reservations in late replies are rolled back.
        """
        was_torn, self.is_torn = self.is_torn, True
        link.why = why
        link.happen(ShardEvent.STALL)
        self.stalled.append(link)
        self.news.append((ShardEvent.STALL, link))
        waiting, link.waiting = link.waiting, deque()
        for entry in list(link.pending):
            entry.stalled(self, link, why)
        for entry in waiting:
            entry.lost(self, link, sent=False)
        self.is_torn = was_torn

    def _revive(self, link: ShardLink) -> None:
        """Record that a stalled shard has answered; what it owes goes ahead of anything else."""
        link.why = None
        link.happen(ShardEvent.ANSWER)
        self.stalled.remove(link)
        self.news.append((ShardEvent.ANSWER, link))
        causes, link.owed_causes = link.owed_causes, None
        if causes is not None:
            entry = Owed()
            entry.packed = pack((kinds.ARM, None, self._now, causes))
            link.stage(entry)
        self.dropped.extend((link, handle) for handle in link.owed_drops)
        link.owed_drops.clear()

    def close(self, now: int) -> Call:
        """Have every shard roll back what is open and end; nothing is accepted from now on.

        The call that this returns ends when all shards have.
        """
        self.is_torn = True
        self.is_closed = True
        self.stalled.clear()
        goodbye = say_goodbye(self, now)
        while self._wide_waiting:
            self._wide_waiting.popleft().fail(self, closed())
        self.is_torn = False
        return goodbye

    def stop_procedures(self) -> None:
        """End all procedures where they stand, before the shards are given up that they ask.

        For when an exception came between two steps: how far they are is not known any more.
        """
        pending = [entry for link in self.links for entry in link.pending]
        asked = [entry.call for entry in pending if isinstance(entry, Ask)]
        waiting, self._wide_waiting = self._wide_waiting, deque()
        exclusive, self._exclusive = self._exclusive, None
        drops = sum(isinstance(entry, Drop) and not entry.is_settled for entry in pending)
        self._settling = drops if self.has_custom else 0
        for call in [*asked, *waiting, exclusive]:
            if call is not None:
                call.stop(self)

    def retire(self) -> None:
        """Be closed without a word to the shards; whoever waits is told."""
        self.is_closed = True
        self.stalled.clear()
        waiting, self._wide_waiting = self._wide_waiting, deque()
        for link in self.links:
            if link.state in {ShardState.UP, ShardState.STALLED, ShardState.STARTING}:
                link.why = None
                link.happen(ShardEvent.CLOSE)
            if link.state is ShardState.CLOSING:
                link.happen(ShardEvent.ENDED)
            for entry, was_sent in link.forget():
                entry.lost(self, link, sent=was_sent)
        for call in waiting:
            call.fail(self, closed())

    def abandon_shards(self) -> None:
        """Be closed without a word to the shards: they are another process's."""
        self.is_closed = True
        self.stalled.clear()
        for link in self.links:
            link.forget()
            link.happen(ShardEvent.CLOSE)
            if link.state is ShardState.CLOSING:
                link.happen(ShardEvent.ENDED)

    # --- out -------------------------------------------------------------------------------------

    def submit(self, link: ShardLink, entry: Entry) -> None:
        """Send an entry's commands now, or when there is credit."""
        if self.dropped:
            let_go(self)
        if not link.is_up:
            entry.lost(self, link, sent=False)
        elif link.waiting or self._settling or link.in_flight + entry.count > link.credits:
            if not self.may_wait and not self._settling and isinstance(entry, CommandCall):
                entry.overloaded(self, link)
            else:
                entry.is_sent = False
                link.waiting.append(entry)
        else:
            self.is_torn = True
            link.stage(entry)
            self.is_torn = False

    def ask(self, link: ShardLink, entry: Entry) -> None:
        """Send a procedure's question, past credit: there is one of them per shard at a time."""
        if link.is_up:
            link.stage(entry)
        else:
            entry.lost(self, link, sent=False)

    def begin(self, call: WideCall) -> WideCall:
        """Start a procedure, or line it up behind what has to be over before."""
        if self.dropped:
            let_go(self)
        if self._settling or (call.is_exclusive and self._exclusive is not None):
            call.is_sent = False
            self._wide_waiting.append(call)
        else:
            self._begin(call)
        return call

    def _begin(self, call: WideCall) -> None:
        call.is_sent = True
        if call.is_exclusive:
            self._exclusive = call
        call.advance(self)

    def ended(self, call: WideCall) -> None:
        """Take that a procedure is over; start those that waited for that."""
        if call is self._exclusive:
            self._exclusive = None
            self._begin_waiting()

    def withdraw(self, call: WideCall) -> bool:
        """Take a procedure out of the line; tell whether it had not begun yet."""
        if call.is_sent:
            return False
        self._wide_waiting.remove(call)
        return True

    def _begin_waiting(self) -> None:
        while self._wide_waiting and not self._settling:
            if self._wide_waiting[0].is_exclusive and self._exclusive is not None:
                return
            self._begin(self._wide_waiting.popleft())

    def holding_up(self) -> list[ShardLink]:
        """Return the shards that calls to all others wait for, see ``let_go``."""
        if not self._settling:
            return []
        return [link for link in self.links if link.holds_up_all]

    def settled(self) -> None:
        """Take that one lot of dropped handles is dealt with."""
        if self.has_custom:
            self._settling -= 1
            if not self._settling:
                self._begin_waiting()
                for link in self.links:
                    self._pump(link)

    def _pump(self, link: ShardLink) -> None:
        """Send what waited for credit, as far as it goes."""
        waiting = link.waiting
        while waiting and not self._settling and link.in_flight + waiting[0].count <= link.credits:
            entry = waiting.popleft()
            entry.sent()
            link.stage(entry)

    # --- in --------------------------------------------------------------------------------------

    def receive(self, link: ShardLink, data: bytes) -> None:
        """Take bytes of a shard's replies.

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
            self._pump(link)

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
                        entry.replied_run(self, link, kind, seq, 1)
                        pending.popleft()
                        return
                elif is_usual(reply):
                    link.answered = seq + 1
                    link.in_flight -= 1
                    entry.replied(self, link, reply)
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
                entry.replied_run(self, link, kind, seq, count)
            else:
                entry.replied(self, link, reply)
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
                entry.replied_run(self, link, reply[0], seq, count)
            else:
                entry.replied(self, link, reply)

        entry.hold_back(link, seq, count)
        WideCall(arm(self, self._now, causes, deliver)).advance(self)

    def give_back(self, counted: Counted | None) -> None:
        """Take back what was counted for an order that no policy has seen nor will see."""
        rates = self.encoder.rates
        if counted is not None and rates is not None:
            rates.give_back(counted, self._now)

    def packed(self, command: tuple[Any, ...], counted: Counted | None) -> bytes:
        """Return an order's command as it is sent; one that cannot be sent counts for nothing."""
        try:
            return pack(command)
        except BaseException:
            self.give_back(counted)
            raise

    # --- orders ----------------------------------------------------------------------------------

    def execute(self, now: int, order: Order) -> Call:
        """Run both stages."""
        # The usual case of _check(), spelt out: the hot path of one order at a time.
        if type(order) is Order and type(now) is int and not self.is_closed:
            account = order._account_
            if account is not None:
                link = self._link_by_slot[account * SPREAD >> SLOT_SHIFT & SLOT_MASK]
                if link.is_up:
                    self._now = now
                    command, counted = self.encoder.execute(now, order)
                    try:
                        packed = pack(command)
                    except BaseException:
                        self.give_back(counted)
                        raise
                    call = CommandCall(link, account, packed, read_execute, _EXECUTE, counted)
                    self.submit(link, call)
                    return call
        return self._check(kinds.EXECUTE, now, order)

    def start_stage(self, now: int, order: Order) -> Call:
        """Run the start stage."""
        return self._check(kinds.START, now, order)

    def start_dry_run(self, now: int, order: Order) -> Call:
        """Run the start stage, recording nothing."""
        return self._check(kinds.START_DRY_RUN, now, order)

    def execute_dry_run(self, now: int, order: Order) -> Call:
        """Run both stages, recording nothing."""
        return self._check(kinds.EXECUTE_DRY_RUN, now, order)

    def drop_copy(self, now: int, order: Order) -> Call:
        """Record an order that the venue has already."""
        return self._check(kinds.DROP_COPY, now, order)

    def _check(self, kind: int, now: int, order: Order) -> Call:
        self._check_open(now)
        if type(order) is not Order:
            order = captured_order(order)
        account = order._account_
        check = CHECKS[kind]
        encoder = self.encoder

        def command() -> tuple[tuple[Any, ...], Counted | None]:
            if kind == kinds.EXECUTE:
                return encoder.execute(now, order)
            return encoder.whole(kind, now, order, is_peek=kind in _DRY)

        if account is not None:
            link = self._link_by_slot[account * SPREAD >> SLOT_SHIFT & SLOT_MASK]
        elif kind == kinds.DROP_COPY:
            link = self.links[0]  # refused there, whatever is blocked
        else:
            return self.begin(
                WideCall(check_without_account(self, now, check, command), check=check)
            )
        if not link.is_up:  # before it is counted for the rate limit
            call = CommandCall(link, account, b"", check.read, check)
            call.lost(self, link, sent=False)
            return call
        asked, counted = command()
        packed = self.packed(asked, counted)
        call = CommandCall(link, account, packed, check.read, check, counted)
        self.submit(link, call)
        return call

    def execute_many(self, now: int, orders: Sequence[Order], times: Sequence[int]) -> ExecuteMany:
        """Begin both stages for many orders, each at its own time."""
        self._check_open(now)
        return ExecuteMany(self, orders, times)

    def execute_stopped(self, now: int, batch: ExecuteMany) -> Call:
        """Run both stages of the order that a batch has stopped at, at that order's time."""
        call = self.execute(*batch.stopped_order)
        self._now = now
        return call

    def execute_request(self, now: int, proxy: RequestProxy) -> Call:
        """Run the main stage of a request, which is used up by that."""
        if not proxy._open:
            proxy.close()  # raises what there is to say
        self._check_open(now)
        link, account, handle = proxy._link, proxy._account, proxy._handle
        check = CHECKS[kinds.EXECUTE_REQUEST]
        if not self.prototype.alive:
            # The engine object is gone: its request refuses as one of a single process does.
            self.dropped.append((link, handle))
            proxy.close()
            call = CommandCall(link, account, b"", read_execute, check)
            call.finish(self, self.prototype.execute_started(_NO_ORDER, None, now))
            return call
        command = (kinds.EXECUTE_REQUEST, account, now, handle)
        if account is None:
            steps = check_without_account(self, now, check, lambda: (command, None), handle)
            proxy.close()
            return self.begin(HandleWideCall(steps, proxy, check))
        call = HandleCall(link, account, pack(command), read_execute, check)
        call.proxy = proxy
        self.submit(link, call)
        if not call.done:  # on its way: what an exception leaves open has not been told either
            proxy.close()
        return call

    def finalize(self, now: int, proxy: HeldReservation | OperationProxy, commit: bool) -> Call:  # noqa: FBT001 - called through the face with positional arguments
        """Commit or roll back what a proxy stands for, which is finalised by that."""
        kind = kinds.COMMIT if commit else kinds.ROLLBACK
        link, account = proxy._link, proxy._account
        if not (proxy._open and link.is_up):
            proxy.close()  # raises what there is to say
        self._check_open(now)
        call = HandleCall(link, account, pack((kind, account, now, proxy._handle)), read_value)
        call.proxy = proxy
        self.submit(link, call)
        if not call.done:  # as above
            proxy.close()
        return call

    def commit_many(self, now: int, reservations: Sequence[Any]) -> Call:
        """Commit many reservations."""
        self._check_open(now)
        return finalize_many(self, reservations, now, commit=True)

    def rollback_many(self, now: int, reservations: Sequence[Any]) -> Call:
        """Roll many reservations back."""
        self._check_open(now)
        return finalize_many(self, reservations, now, commit=False)

    # --- what comes back -------------------------------------------------------------------------

    def report(self, now: int, report: ExecutionReport) -> Call:
        """Apply an execution report; shard 0 takes those without account id."""
        report = captured_report(report)
        account = report._account_
        link = self.links[0] if account is None else self.link_of(account)
        return self._command(now, link, account, self.encoder.report(now, report), read_reported)

    def report_many(self, now: int, reports: Sequence[ExecutionReport]) -> ReportMany:
        """Apply many execution reports."""
        self._check_open(now)
        return ReportMany(self, reports, now)

    def adjust(self, now: int, account: int, adjustments: list[Adjustment]) -> Call:
        """Apply a batch of account adjustments."""
        command = (kinds.ADJUST, account, now, self.encoder.value(adjustments))
        return self._command(now, self.link_of(account), account, command, read_adjusted)

    # --- administration --------------------------------------------------------------------------

    def administer(self, now: int, account: int, method: str, *values: object) -> Call:
        """Run an administrative call on an account's shard."""
        command = (kinds.ADMINISTER, account, now, method, encode((account, *values), bare=True))
        return self._command(now, self.link_of(account), account, command, read_value)

    def procedure(self, now: int, steps: Callable[..., Steps], *arguments: Any) -> Call:
        """Run a procedure over several shards, one at a time."""
        self._check_open(now)
        return self.begin(WideCall(steps(self, *arguments), is_exclusive=True))

    def configure(self, now: int, account: int, method: str, arguments: dict[str, object]) -> Call:
        """Change a setting that is an account's own, on its shard."""
        command = (kinds.CONFIGURE, account, now, method, encode(arguments, bare=True))
        return self._command(now, self.link_of(account), account, command, read_value)

    def quote(self, now: int, service: int, operation: object) -> None:
        """Pass a change of market data on to every shard, in order with the orders."""
        check_time(now)
        packed = pack((kinds.QUOTE, None, now, service, encode(operation)))
        self.is_torn = True
        for link in self.links:
            if link.is_up or link.is_stalled:  # one that goes on must not have missed any
                entry = Quote()
                entry.packed = packed
                link.stage(entry)
        self.is_torn = False

    def _command(
        self, now: int, link: ShardLink, account: int | None, command: tuple[Any, ...], read: Any
    ) -> Call:
        self._check_open(now)
        call = CommandCall(link, account, pack(command), read)
        call.expected = expected(command)
        self.submit(link, call)
        return call

    def _check_open(self, now: int) -> None:
        if self.is_closed:
            raise closed()
        check_time(now)
        self._now = now


_EXECUTE: Final = CHECKS[kinds.EXECUTE]
_NO_ORDER: Final = Order._of(None, None, None, None, None, None, None)
_DRY: Final = frozenset({kinds.START_DRY_RUN, kinds.EXECUTE_DRY_RUN})


def _is_run_of_one(kind: object, number: object, count: object) -> bool:
    return type(kind) is type(number) is type(count) is int and count == 1


def closed() -> EngineClosed:
    """Return the error of a call that came too late."""
    return EngineClosed("the engine is closed")
