"""A shard without its process: takes the bytes of commands, returns the bytes of replies.

A pure function of its commands: no clock (each command brings its time), no descriptor, no thread.
A batch of the router's own that is none ends the connection; one that it has passed on for another
client is refused, and changes nothing.

What a shard keeps between commands is its engine and, for each client, by the number of the command
that made it, whatever waits for a commit, a rollback or a main stage.
"""

from __future__ import annotations

from functools import partial
from itertools import repeat
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

from openpit.core.order import Order, new_order
from openpit.engine.answers import Recorded, Started
from openpit.errors import WireError
from openpit.marketdata.service import apply_operation
from openpit.pretrade.effects import Effects
from openpit.shards.actors import Actors
from openpit.shards.administration import administer, configure, rates_after
from openpit.shards.admission import admit, check_handles, check_head
from openpit.shards.alike import AlikeOrders, check_alike
from openpit.shards.answering import (
    Reply,
    adjusted,
    append,
    denied,
    dry,
    packed,
    recorded,
    rejected,
    reported,
    told,
)
from openpit.shards.armed import Armed
from openpit.shards.counts import ASKING, COUNTING, BatchCounts
from openpit.shards.held import Held, settle
from openpit.shards.intake import Intake
from openpit.shards.market import as_of
from openpit.shards.market_answers import MarketAnswers
from openpit.wire import kinds
from openpit.wire.failures import failure_row
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
from openpit.wire.limits import OPEN_HANDLES
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.engine.answers import Checked, DryRun
    from openpit.engine.pipeline import EngineCore
    from openpit.marketdata.service import MarketDataService
    from openpit.shards.clock import ShardClock
    from openpit.shards.counted_windows import CountedWindows
    from openpit.shards.held import Open
    from openpit.wire.axes import CountingAxes
    from openpit.wire.frames import Frame

__all__ = ["ShardCore"]

EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED
MESSAGES: Final = Op.MESSAGES

_FAILURES_IN_FULL: Final = 16
"""Failures in one reply that are told in full: all that there can be have to fit into a frame."""

Command = tuple[Any, ...]

_T = TypeVar("_T", Effects, Started)


class ShardCore:
    """An engine, driven by frames.

    ``services`` are the replicas of the router's market data services, in its order. ``reader`` is
    the connection's, when its first command has been read already: that one had the first number of
    the ``epoch``.
    """

    __slots__ = (
        "_client",
        "_clock",
        "_engine",
        "_execute",
        "_first",
        "_fresh_orders",
        "_handlers",
        "_held",
        "_market",
        "_most",
        "_most_open",
        "_next",
        "_open",
        "_order",
        "_reader",
        "_services",
        "_told",
        "actors",
        "armed",
        "closed",
        "counts",
        "intake",
        "number",
        "whose",
    )

    def __init__(
        self,
        number: int,
        engine: EngineCore,
        clock: ShardClock,
        services: Sequence[MarketDataService] = (),
        reader: FrameReader | None = None,
        epoch: int = 0,
        most_open: int = OPEN_HANDLES,
    ) -> None:
        self.number: Final = number
        self._most_open: Final = most_open
        self.closed = False
        self._engine = engine
        self._execute = engine.execute
        self._clock = clock
        self._services = services
        self._market = MarketAnswers(services)
        self._first = self._next = epoch * EPOCH_COMMANDS + 1
        self.whose = whose(number, epoch)
        self._reader = reader or FrameReader()
        self._held = Held()
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
        self.actors: Final = Actors(engine, clock, self.counts)
        owns = engine.registry.owns
        self.intake: Intake | CountedWindows = Intake(owns, services, self.actors.made)
        self._handlers: dict[int, Callable[[int, Command, int], Reply | None]] = {
            kinds.EXECUTE_WHOLE: self._execute_whole,
            kinds.START: self._start,
            kinds.START_DRY_RUN: partial(self._dry_run, engine.start_dry_run),
            kinds.EXECUTE_DRY_RUN: partial(self._dry_run, engine.execute_dry_run),
            kinds.DROP_COPY: self._drop_copy,
            kinds.EXECUTE_REQUEST: self._execute_request,
            kinds.COMMIT: partial(self._finalize, commit=True),
            kinds.ROLLBACK: partial(self._finalize, commit=False),
            kinds.COMMIT_MANY: partial(self._finalize_many, commit=True),
            kinds.ROLLBACK_MANY: partial(self._finalize_many, commit=False),
            kinds.DROP: self._drop,
            kinds.REPORT: self._report,
            kinds.REPORT_WHOLE: self._report,
            kinds.ADJUST: self._adjust,
            kinds.ADMINISTER: self._administer,
            kinds.CONFIGURE: self._configure,
            kinds.CHECK_SETTINGS: self._check_settings,
            kinds.TELL_AXES: self._tell_axes,
            kinds.QUOTE: self._quote,
            kinds.ASK_ACTOR: self.actors.reply_to_ask,
            kinds.TELL_ACTOR: self.actors.reply_to_tell,
            kinds.ASK_MARKET: self._ask_market,
        }

    @property
    def axes(self) -> CountingAxes:
        """The axes on which orders of several accounts are counted."""
        return self.counts.axes()

    @property
    def open_handles(self) -> frozenset[int]:
        """What waits for a commit, a rollback or a main stage."""
        return self._held.handles

    def resume(self, epoch: int, first: int) -> None:
        """Expect this number next, of this epoch: what comes is replayed, or of a new life."""
        self.closed = False
        self.whose = whose(self.number, epoch)
        self._first, self._next = epoch * EPOCH_COMMANDS + 1, first

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
            self._router_says(*batch[:6], is_bare=not (body or axes))
            self._next = first + 1
            return reply_frame(frame, b"", self._told)
        if client != self._client:
            self._client = client
            self._open = self._held.of(client)
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
                        return reply_frame(frame, b"", not_applied)
                    numbers = range(self._first, first)
                    check_handles(commands, client, self._open, self._held, numbers)
        except WireError as error:
            if not client:
                raise
            self._next = first + count
            return reply_frame(frame, str(error).encode(errors="replace"), Flag.REFUSED)
        self._next = first + count
        answered: list[Reply] = []
        self._handle(first, commands, now, times, answered)
        uncounted = counts.uncounted(commands, times or repeat(now)) if counts.missing else ()
        body = packed(first, answered, self._let_go)
        return reply_frame(frame, body, self._told, uncounted)

    def _router_says(  # a head's fields
        self, client: int, op: int, _: int, count: int, flags: int, now: int, *, is_bare: bool
    ) -> None:
        """Do what the router wants of its own accord."""
        is_bare = is_bare and count == 1 and not flags & ~CAUSES
        if not is_bare or bool(flags) is not (op == Op.ARM):
            raise WireError(f"not a word of the router: op {op}, flags {flags}, {count} commands")
        self._clock.now = now
        if op == Op.CLOSE:
            self.finish()
            self.closed = True
        elif op == Op.END:
            self._held.end(client)
            self._client = None
            self._tell_armed()
        elif op == Op.ARM:
            self.armed.arm(flags)

    def finish(self) -> None:
        """End the actors, and roll back what is still open: no command can come any more."""
        self.actors.close()
        self._held.end_all()
        self._client = None

    def _let_go(self, seq: int) -> None:
        """Roll back what a command has left open, if anything: its caller cannot know of it."""
        settle([self._open.pop(seq, None)])
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
        execute, fresh = self._execute, self._fresh_orders
        clock, counts, order = self._clock, self.counts, self._order
        clock.now = now
        is_near = len(self._open) + len(commands) > self._most  # else none of them comes to it
        if type(commands) is AlikeOrders and not (times or fresh or is_near):
            check_alike(execute, self._executed, order, counts, seq, commands, now, answered)
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
                    reply = self._executed(seq, answer)
            except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
                reply = (kinds.RAISED, *failure_row(error))
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

    def _executed(self, seq: int, answer: Checked) -> Reply:
        if answer is None:
            return kinds.ACCEPTED, 1
        if isinstance(answer, Effects):
            return kinds.RESERVED, self._keep(seq, answer), *told(answer)
        return rejected(answer)

    def _keep(self, seq: int, effects: Effects) -> bool:
        """Keep what waits for its fate; tell whether there is anything."""
        if effects.mutations:
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
            reply = (kinds.RAISED, *failure_row(error))
        self._tell_armed()
        append(answered, (kinds.DONE, 1) if reply is None else reply)
        if kind in COUNTING and not self.counts.used:
            self.counts.miss(place, command)
        elif kind in ASKING:
            self.actors.settle(place)

    def _tell_armed(self) -> None:
        """Say so in the reply's head if a command has armed the engine-wide block."""
        registry = self._engine.registry
        if (registry.finalizer_failed, registry.unattributed_report) != self.armed.told:
            self._told |= self.armed.news()

    # orders

    def _order_of(self, command: Command) -> Order:
        order: Order = command[2]
        self.counts.rank(command[3], command[4], order._settlement_)
        return order

    def _execute_whole(self, seq: int, command: Command, now: int) -> Reply:
        order = self._order_of(command)
        if self._is_full:
            return denied(self.number, self._most_open)
        return self._executed(seq, self._engine.execute(order, now))

    def _start(self, seq: int, command: Command, now: int) -> Reply:
        order = self._order_of(command)
        if self._is_full:
            return denied(self.number, self._most_open)
        answer = self._engine.start(order, now)
        if isinstance(answer, Started):
            self._open[seq] = answer
            return (kinds.STARTED,)
        return rejected(answer)

    def _execute_request(self, seq: int, command: Command, now: int) -> Reply:
        started = self._take(command[2], Started)
        return self._executed(seq, self._engine.execute_started(started, now))

    def _dry_run(
        self, run: Callable[[Order, int], DryRun], _seq: int, command: Command, now: int
    ) -> Reply:
        return dry(run(self._order_of(command), now))

    def _drop_copy(self, seq: int, command: Command, now: int) -> Reply:
        order = self._order_of(command)
        if self._is_full:
            return denied(self.number, self._most_open)
        answer = self._engine.drop_copy(order, now)
        if not isinstance(answer, Recorded):
            return rejected(answer)
        return recorded(answer, is_held=self._keep(seq, answer.effects))

    # what becomes of them

    def _finalize(self, _seq: int, command: Command, _now: int, *, commit: bool) -> None:
        self._end(command[2], commit=commit)

    def _end(self, handle: int, *, commit: bool) -> None:
        effects = self._take(handle, Effects)
        if commit:
            effects.commit()
        else:
            effects.rollback()

    def _take(self, handle: int, kind: type[_T]) -> _T:
        """Return what a handle names, which is over with that; what is no such thing stays."""
        held = self._open.get(handle)
        if not isinstance(held, kind):
            raise RuntimeError(f"shard {self.number} knows no handle {handle}")  # noqa: TRY004 - the caller's word
        del self._open[handle]
        return held

    def _finalize_many(
        self, _seq: int, command: Command, _now: int, *, commit: bool
    ) -> Reply | None:
        failures: list[tuple[Any, ...]] = []
        for place, handle in enumerate(command[2]):
            try:
                self._end(handle, commit=commit)
            except BaseException as error:  # noqa: BLE001 - every item is finished; told together
                brief = len(failures) >= _FAILURES_IN_FULL
                failures.append((place, *failure_row(error, brief=brief)))
        return (kinds.FAILURES, tuple(failures)) if failures else None

    def _drop(self, _seq: int, command: Command, _now: int) -> None:
        settle([self._open.pop(handle, None) for handle in command[2]])

    # reports and adjustments

    def _report(self, _seq: int, command: Command, now: int) -> Reply | None:
        return reported(self._engine.apply_report(command[2], now))

    def _adjust(self, _seq: int, command: Command, now: int) -> Reply:
        _, account, adjustments = command
        return adjusted(self._engine.apply_adjustment(account, adjustments, now))

    # administration

    def _administer(self, _seq: int, command: Command, _now: int) -> Reply | None:
        answer = administer(self._engine, command[2], command[3])
        return None if answer is None else (kinds.ANSWER, encode(answer))

    def _configure(self, _seq: int, command: Command, _now: int) -> Reply | None:
        answer = configure(self._engine, command[2], command[3])
        # Orders that were submitted before have no ranks: there was no limit to count for.
        self.counts.supply(0, 0)
        self.counts.version += command[1] is None
        return None if answer is None else (kinds.ANSWER, encode(answer))

    def _check_settings(self, _seq: int, command: Command, now: int) -> Reply:
        rates = rates_after(self._engine, command[2], command[3])
        return (kinds.CHECKED, *self.counts.axes_after(rates, now))

    def _tell_axes(self, _seq: int, _command: Command, _now: int) -> Reply:
        return (kinds.CHECKED, *self.counts.axes())

    def _quote(self, _seq: int, command: Command, now: int) -> None:
        apply_operation(self._services[command[2]], as_of(command[3], now))

    def _ask_market(self, _seq: int, command: Command, now: int) -> Reply:
        return (kinds.ANSWER, encode(self._market.answer(command[2], command[3], now)))
