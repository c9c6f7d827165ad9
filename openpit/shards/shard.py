"""A shard without its process: takes the bytes of commands, returns the bytes of replies.

A pure function of its commands: no clock (each command brings its time), no descriptor, no thread.
A batch of the router's own that is none ends the connection; one that it has passed on for another
client is refused, and changes nothing.

What a shard keeps between commands is its engine and, for each client, by the number of the command
that made it, whatever waits for a commit, a rollback or a main stage.
"""

from __future__ import annotations

from itertools import repeat
from math import inf
from typing import TYPE_CHECKING, Any, Final

from openpit.core.order import Order, new_order
from openpit.engine.all_at_once import AllAtOnce
from openpit.engine.answers import Recorded, Started
from openpit.errors import WireError
from openpit.pretrade.effects import Effects
from openpit.shards.actors import Actors
from openpit.shards.admission import admit, check_handles, check_head
from openpit.shards.alike import AlikeOrders
from openpit.shards.answering import (
    Reply,
    append,
    denied,
    dry,
    packed,
    recorded,
    rejected,
    told,
)
from openpit.shards.armed import Armed
from openpit.shards.counts import BatchCounts, asked_of
from openpit.shards.endings import Endings
from openpit.shards.expiry import Expiry
from openpit.shards.held import Held
from openpit.shards.intake import Intake
from openpit.shards.judging import judge_alike
from openpit.shards.kept_answers import ToldOutcomes
from openpit.shards.keyed import KeyedCalls
from openpit.shards.left_open import let_go_before, told_left
from openpit.shards.market_answers import MarketAnswers
from openpit.shards.plain_holds import PlainHolds
from openpit.shards.raised_log import RaisedLog
from openpit.shards.recent import Recent
from openpit.shards.skipping import Skipping
from openpit.shards.steering import Steering
from openpit.shards.tallies import Tallies, no_process
from openpit.wire import kinds
from openpit.wire.frames import (
    CAUSES,
    EPOCH_COMMANDS,
    Flag,
    FrameReader,
    Op,
    command_in,
    reply_frame,
    whose,
)
from openpit.wire.shard_limits import ShardLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.engine.answers import Checked
    from openpit.engine.pipeline import EngineCore
    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.rejects import Reject
    from openpit.shards.clock import ShardClock
    from openpit.shards.counted_windows import CountedWindows
    from openpit.shards.held import Open
    from openpit.wire.axes import CountingAxes
    from openpit.wire.frames import Axis, Frame
    from openpit.wire.tallies import OfProcess, ShardTally

__all__ = ["ShardCore"]

EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED
DONE: Final = kinds.DONE
MESSAGES: Final = Op.MESSAGES

_USUAL: Final = ShardLimits()
Command = tuple[Any, ...]


class ShardCore:
    """An engine, driven by frames.

    ``services`` are the replicas of the router's market data services, in its order. ``reader`` is
    the connection's, when its first command has been read already: that one had the first number of
    the ``epoch``.
    """

    __slots__ = (
        "_all_at_once", "_client", "_endings", "_engine", "_execute", "_first", "_fresh_orders",
        "_handlers", "_most", "_most_open", "_next", "_open", "_order", "_reader", "_skipping",
        "_steering", "_told", "actors", "armed", "clock", "closed", "counts", "expiry", "held",
        "intake", "keeps", "keyed", "number", "outcomes", "plain", "process", "raised", "recent",
        "services", "tallies", "whose",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        engine: EngineCore,
        clock: ShardClock,
        services: Sequence[MarketDataService] = (),
        reader: FrameReader | None = None,
        epoch: int = 0,
        limits: ShardLimits = _USUAL,
    ) -> None:
        self.number: Final = number
        self._most_open: Final = limits.open_handles
        self.closed = False
        self.keeps = False  # what is open outlives the shard: its journal has it
        self._engine = engine
        self._execute = execute = engine.execute
        self.clock: Final = clock
        self.services: Final = services
        market = MarketAnswers(services)
        raised = self.raised = RaisedLog(number, engine.registry)
        plain = self.plain = PlainHolds(engine)
        self.held: Final = Held(raised, plain)
        self.recent: Final = Recent()
        self.expiry: Final = Expiry(limits.reservation_ttl, self.held)
        self._all_at_once: Final = None if self.expiry.ttl else AllAtOnce(engine)
        self.tallies: Final = Tallies()
        self.process: Callable[[], OfProcess] = no_process  # what its worker adds to them
        endings = self._endings = Endings(number, self.expiry, self.tallies, raised, plain)
        self._first = self._next = epoch * EPOCH_COMMANDS + 1
        self.whose = whose(number, epoch)
        self._reader = reader or FrameReader()
        self._client: int | None = None  # whose batch was the last, and what it has open
        self._open: Open = {}
        self._most: float = inf  # that it may have: a session has a limit, the router's client none
        self.armed: Final = Armed(engine.registry)
        self._told = 0  # what the reply's head is to say of the batch in hand
        # A built-in policy reads an order and lets it go, so one object serves them all; a custom
        # policy may keep what it is given.
        self._fresh_orders = engine.has_custom
        self._order = new_order(None, None, None, None, None, None, None)
        self.counts: Final = BatchCounts(engine.policies)
        steering = self._steering = Steering(number, engine, self.counts, self.recent)
        self.actors: Final = Actors(engine, clock, self.counts, self.tallies, raised)
        owns = engine.registry.owns
        self.intake: Intake | CountedWindows = Intake(owns, services, self.actors.made)
        self._handlers: dict[int, Callable[[int, Command, int], Reply | None]] = {
            kinds.EXECUTE_WHOLE: self._execute_whole,
            kinds.START: self._start,
            kinds.START_DRY_RUN: lambda _, it, now: dry(
                engine.start_dry_run(self._order_of(it), now)
            ),
            kinds.EXECUTE_DRY_RUN: lambda _, it, now: dry(
                engine.execute_dry_run(self._order_of(it), now)
            ),
            kinds.DROP_COPY: self._drop_copy,
            kinds.EXECUTE_REQUEST: self._execute_request,
            kinds.COMMIT: endings.commit,
            kinds.ROLLBACK: endings.rollback,
            kinds.COMMIT_MANY: endings.commit_many,
            kinds.ROLLBACK_MANY: endings.rollback_many,
            kinds.DROP: endings.drop,
            kinds.REPORT: steering.report,
            kinds.REPORT_WHOLE: steering.report,
            kinds.ADJUST: steering.adjust,
            kinds.ADMINISTER: steering.administer,
            kinds.CONFIGURE: steering.configure,
            kinds.CHECK_SETTINGS: steering.check_settings,
            kinds.TELL_AXES: lambda *_: (kinds.CHECKED, *self.counts.axes()),
            kinds.TELL_TALLIES: lambda *_: (kinds.TALLIES, *self._tally()),
            kinds.QUOTE: market.change,
            kinds.ASK_ACTOR: self.actors.reply_to_ask,
            kinds.TELL_ACTOR: self.actors.reply_to_tell,
            kinds.ASK_MARKET: market.reply,
            kinds.KEYED: self._keyed,
            kinds.ASK_LEFT: lambda _, command, __: told_left(self._open, *command[2:]),
            kinds.ASK_OUTCOME: lambda *it: self.outcomes.reply(self._client or 0, *it),
            kinds.DROP_LEFT: lambda _, it, __: let_go_before(self._open, it[2], raised, plain),
            kinds.ASK_MISSED: lambda _, it, __: self.outcomes.missed(self._client, it, self._open),
        }
        nothing = engine.finisher.effects
        if self.expiry.ttl:  # there is always a reservation then
            self._execute = lambda order, now: execute(order, now) or nothing()
        self.keyed: Final = KeyedCalls(
            number, limits, self.held, self.counts, self._handlers, nothing, raised
        )
        self._skipping: Final = Skipping(number, self.held, self.expiry, endings, raised, plain)
        self.outcomes: Final = ToldOutcomes(number, self.keyed.keys, self.held, self.counts)

    @property
    def axes(self) -> CountingAxes:
        """The axes on which orders of several accounts are counted."""
        return self.counts.axes()

    @property
    def open_handles(self) -> frozenset[int]:
        """What waits for a commit, a rollback or a main stage."""
        return self.held.handles

    @property
    def open_clients(self) -> tuple[int, ...]:
        """The numbers of those who have any of it, or who may have missed answers."""
        return self.outcomes.clients

    def resume(self, epoch: int, first: int) -> None:
        """Expect this number next, of this epoch: what comes is replayed, or of a new life."""
        self.closed = False
        self.whose = whose(self.number, epoch)
        self._first, self._next = 1, first  # handles of former lives are known, too

    @property
    def engine(self) -> EngineCore:
        """The engine of this shard."""
        return self._engine

    def receive(self, data: bytes) -> bytes:
        """Handle the commands that are complete with ``data``; return all replies.

        Raises:
            WireError: the bytes are no commands of this protocol. The shard is of no use any more.
        """
        return self.answer(self._reader.feed(data))

    def answer(self, arrived: Sequence[Frame]) -> bytes:
        """Handle batches of commands; return all replies. Raises as :meth:`receive`."""
        if len(arrived) == 1:
            return self._batch(arrived[0])
        return b"".join([self._batch(frame) for frame in arrived])

    def _batch(self, frame: Frame) -> bytes:
        """Handle a batch of commands; return the batch of replies to it."""
        batch = command_in(frame, self.whose)
        client, op, first, count, flags, now, role, settings, axes, times, body = batch
        if first != self._next:
            raise WireError(f"command {first} where {self._next} was expected")
        self._told = 0
        if op != MESSAGES:
            self._router_says(batch)
            self._next = first + 1
            return self._reply(frame, b"", self._told)
        if client != self._client:
            self._client = self._steering.client = self.raised.client = client
            self._open = self._endings.open = self.held.of(client)
            self._most = self._most_open if client else inf
        counts = self.counts
        try:
            counts.begin(axes)
            commands = self.intake.read(body, count, counts)
            if client or len(commands) != count or flags & ~Flag.TIMES:
                check_head(commands, client, count, flags)
                if client:
                    not_applied = admit(commands, flags, role, settings, counts)
                    if not_applied:
                        self._next = first + count
                        return self._reply(frame, b"", not_applied)
                    numbers = range(self._first, first)
                    check_handles(commands, client, self._open, self.held, numbers)
        except WireError as error:
            if not client:
                raise
            self._next = first + count
            return self._reply(frame, str(error).encode(errors="replace"), Flag.REFUSED)
        self._next = first + count
        if now >= self.expiry.due:
            self._expire(now)
        answered: list[Reply] = []
        self._handle(first, commands, now, times, answered)
        if count == 1 and answered[0][0] == DONE:  # as most calls are answered that end an order
            self.tallies.alone += 1
        else:
            self.tallies.note(answered, count)
        uncounted = counts.uncounted(commands, times or repeat(now)) if counts.missing else ()
        body = packed(first, answered, self._let_go)
        if self.expiry.ttl:
            return self._reply(frame, body, self._told, uncounted)
        return reply_frame(frame, body, self._told, uncounted)

    def _reply(
        self, frame: Frame, body: bytes, flags: int, uncounted: Sequence[Axis] = ()
    ) -> Frame:
        return reply_frame(frame, body, flags, uncounted, *self.expiry.told())

    def _expire(self, now: int) -> None:
        self.clock.now = now
        self.tallies.expired += self.expiry.run(now)
        self._tell_armed()

    def _router_says(self, batch: tuple[Any, ...]) -> None:
        """Do what the router wants of its own accord."""
        client, op, _, count, flags, now, _, skipped, axes, _, body = batch
        is_bare = count == 1 and not (axes or flags & ~CAUSES or (body and op != Op.SKIP))
        if not is_bare or bool(flags) is not (op == Op.ARM):
            raise WireError(f"not a word of the router: op {op}, flags {flags}, {count} commands")
        self.clock.now = now
        if op == Op.CLOSE:
            self.finish()
            self.held.end_all()
            self.closed = True
        elif op == Op.END:
            self.held.end(client)
            self._client = None
            self._tell_armed()
        elif op == Op.TICK:
            self._expire(now)
        elif op == Op.SKIP:
            self._skipping.end(skipped, client, now, body)
            self._client = None
            self._expire(now)
        elif op == Op.ARM:
            self.armed.arm(flags)

    def finish(self) -> None:
        """End the actors, and roll back what is open and not kept: no command can come any more."""
        self.actors.close()
        if not self.keeps:
            self.held.end_all()
        self._client = None

    def _let_go(self, seq: int) -> None:
        self._endings.let_go(seq)
        self._tell_armed()

    # --- the hot path: plain orders --------------------------------------------------------------

    def _handle(
        self,
        seq: int,
        commands: Sequence[Command],
        now: int,
        times: Sequence[int],
        answered: list[Reply],
    ) -> None:
        execute, fresh, raised = self._execute, self._fresh_orders, self.raised.reply
        clock, counts, order = self.clock, self.counts, self._order
        clock.now = now
        is_near = len(self._open) + len(commands) > self._most  # else none of them comes to it
        if type(commands) is AlikeOrders and not (times or fresh or is_near):
            asked = (
                self._all_at_once, self.plain, self._open,
                (execute, self._executed, raised, order), counts, self.recent,
            )  # fmt: skip
            judge_alike(*asked, seq, commands, now, self._client or 0, answered)
            return
        run: list[int] | None = None  # the reply to the orders just before this one, if all passed
        first = seq
        for command in commands:
            if times:
                clock.now = now = times[seq - first]
            kind = command[0]
            if kind > EXECUTE_COUNTED:
                self._handle_other(seq, seq - first, command, now, answered)
                seq += 1
                run = None
                continue
            (_, account, underlying, settlement, side, quantity, volume, price,
             broker, asset) = command  # fmt: skip
            if kind == EXECUTE_COUNTED:
                counts.rank(broker, asset, settlement)
            if fresh:
                order = new_order(underlying, settlement, account, side, quantity, volume, price)
            else:
                order._underlying_, order._settlement_, order._account_ = (
                    underlying, settlement, account,
                )  # fmt: skip
                order._side_, order._quantity_ = side, quantity
                order._volume_, order._price_ = volume, price
            reply: Reply | None = None
            try:
                if is_near and self._is_full:
                    reply = denied(self.number, self._most_open)
                elif (answer := execute(order, now)) is not None:
                    reply = self._executed(seq, answer, command)
            except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
                reply = raised(error, command)
            if kind == EXECUTE_COUNTED and not counts.used:
                counts.miss(seq - first, command)
            if fresh:  # only a custom policy can arm the engine-wide block here
                self._tell_armed()
            if reply is not None:
                append(answered, reply)
                run = None
            elif run is not None:
                run[1] += 1
            else:
                run = [kinds.ACCEPTED, 1]
                answered.append(run)
            seq += 1

    def _executed(self, seq: int, answer: Checked, asked: Command | Order) -> Reply:
        if answer is None and not self.expiry.ttl:
            return kinds.ACCEPTED, 1
        if answer is None or isinstance(answer, Effects):
            effects = answer or self._engine.finisher.effects()
            self.expiry.opened(seq, self.clock.now)
            row = self.plain.row_of(effects)
            if row is not None:
                self._open[seq] = row
                return row
            # Where reservations expire, there is one also of what holds nothing.
            is_held = self._keep(seq, effects, always=self.expiry.ttl > 0)
            reply = kinds.RESERVED, is_held, *told(effects)
            if self.keeps:
                effects.origin = asked, reply
            return reply
        return self._refused(asked, answer)

    def _refused(self, asked: Command | Order, rejects: Sequence[Reject]) -> Reply:
        reply = rejected(rejects)
        self.recent.refuse(self.clock.now, self._client or 0, asked, reply[1])
        return reply

    def _keep(self, seq: int, effects: Effects, *, always: bool = False) -> bool:
        """Keep what waits for its fate; tell whether there is anything."""
        if always or effects.mutations:
            self._open[seq] = effects
            return True
        return False

    @property
    def _is_full(self) -> bool:
        """Whether the client has as much open as it may."""
        return len(self._open) >= self._most

    # --- everything else -------------------------------------------------------------------------

    def _handle_other(
        self, seq: int, place: int, command: Command, now: int, answered: list[Reply]
    ) -> None:
        kind = command[0]
        try:
            reply = self._handlers[kind](seq, command, now)
        except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
            reply = self.raised.reply(error, command)
        self._tell_armed()
        append(answered, (kinds.DONE, 1) if reply is None else reply)
        asked = asked_of(command)
        if asked[0] in kinds.COUNTING and not self.counts.used:
            self.counts.miss(place, asked)
        elif kind in kinds.ASKING:
            self.actors.settle(place)

    def _tell_armed(self) -> None:
        """Say so in the reply's head if a command has armed the engine-wide block."""
        registry = self._engine.registry
        if (registry.finalizer_failed, registry.unattributed_report) != self.armed.told:
            self._told |= self.armed.news()

    def _order_of(self, command: Command) -> Order:
        order: Order = command[2]
        self.counts.rank(command[3], command[4], order._settlement_)
        return order

    def _execute_whole(self, seq: int, command: Command, now: int) -> Reply:
        order = self._order_of(command)
        if self._is_full:
            return denied(self.number, self._most_open)
        return self._executed(seq, self._execute(order, now), order)

    def _start(self, seq: int, command: Command, now: int) -> Reply:
        order = self._order_of(command)
        if self._is_full:
            return denied(self.number, self._most_open)
        answer = self._engine.start(order, now)
        if isinstance(answer, Started):
            self._open[seq] = answer
            self.expiry.opened(seq, now)
            return (kinds.STARTED,)
        return self._refused(order, answer)

    def _execute_request(self, seq: int, command: Command, now: int) -> Reply:
        started = self._endings.take(command[2], Started)
        self.tallies.used += 1
        return self._executed(seq, self._engine.execute_started(started, now), started.order)

    def _drop_copy(self, seq: int, command: Command, now: int) -> Reply:
        order = self._order_of(command)
        if self._is_full:
            return denied(self.number, self._most_open)
        answer = self._engine.drop_copy(order, now)
        if not isinstance(answer, Recorded):
            return self._refused(order, answer)
        reply = recorded(answer, is_held=self._keep(seq, answer.effects))
        if self.keeps:
            answer.effects.origin = order, reply
        return reply

    def _keyed(self, seq: int, command: Command, now: int) -> Reply:
        reply = self.keyed.answer(seq, command, now, self._client or 0, is_full=self._is_full)
        _, number, is_open, first = reply
        if number == seq:
            self.tallies.note_first(first, is_open=is_open)
        return reply

    def _tally(self) -> ShardTally:
        is_open = self.held.count + self.actors.kept
        blocked, is_stopped = self._engine.registry.stopped()
        return self.tallies.told(is_open, blocked, self.process(), is_stopped=is_stopped)
