"""A shard without its process: takes the bytes of commands, returns the bytes of replies.

A pure function of its commands: no clock (each command brings its time), no descriptor, no thread.
What a shard keeps between commands is its engine and, by the number of the command that made it,
whatever waits for a commit, a rollback or a main stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.core.order import Order, new_order
from openpit.engine.answers import Recorded, Started
from openpit.engine.finalize import Effects
from openpit.errors import FrameTooLarge, WireError
from openpit.marketdata.service import apply_operation
from openpit.pretrade.policies.rate_limit import RateLimitPolicy, SuppliedCounts
from openpit.pretrade.rejects import block_row, reject_row
from openpit.shards.administration import administer, configure
from openpit.shards.intake import Intake
from openpit.wire import kinds
from openpit.wire.failures import failure_row
from openpit.wire.frames import FrameReader, frames, pack, pack_rows
from openpit.wire.rows import lock_row, outcome_row, pnl_row
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.engine.answers import Applied, Checked, DryRun
    from openpit.engine.pipeline import EngineCore
    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.rejects import Reject
    from openpit.wire.frames import Frame

__all__ = ["ShardClock", "ShardCore"]

EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED

# What packing a reply may raise: too long, a text without UTF-8 form, a number over 64 bits.
_UNPACKABLE: Final = (FrameTooLarge, ValueError, OverflowError)

_FAILURES_IN_FULL: Final = 16
"""Failures in one reply that are told in full: all that there can be have to fit into a frame."""

Command = tuple[Any, ...]
Reply: TypeAlias = "Sequence[Any]"


class ShardClock:
    """The time of a shard: that of the command in hand."""

    __slots__ = ("now",)

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time in nanoseconds."""
        return self.now


class ShardCore:
    """An engine, driven by frames.

    ``services`` are the replicas of the router's market data services, in its order. ``reader`` is
    the connection's, when its first command has been read already: that one had the number 0.
    """

    __slots__ = (
        "_armed",
        "_clock",
        "_counts",
        "_engine",
        "_fresh_orders",
        "_handlers",
        "_intake",
        "_next",
        "_open",
        "_order",
        "_reader",
        "_services",
        "closed",
        "number",
    )

    def __init__(
        self,
        number: int,
        engine: EngineCore,
        clock: ShardClock,
        services: Sequence[MarketDataService] = (),
        reader: FrameReader | None = None,
    ) -> None:
        self.number: Final = number
        self.closed = False
        self._engine = engine
        self._clock = clock
        self._services = services
        self._next = 1
        self._reader = reader or FrameReader()
        self._intake = Intake(engine.registry.owns, services)
        self._open: dict[int, Effects | Started] = {}
        self._armed = (False, False)
        # A built-in policy reads an order and lets it go, so one object serves them all; a custom
        # policy may keep what it is given.
        self._fresh_orders = engine.has_custom
        self._order = new_order(None, None, None, None, None, None, None)
        self._counts = SuppliedCounts()
        for policy in engine.policies:
            if isinstance(policy, RateLimitPolicy):
                policy.windows = self._counts
        self._handlers: dict[int, Callable[[int, Command], Reply | None]] = {
            kinds.EXECUTE_WHOLE: self._execute_whole,
            kinds.START: self._start,
            kinds.START_DRY_RUN: self._start_dry_run,
            kinds.EXECUTE_DRY_RUN: self._execute_dry_run,
            kinds.DROP_COPY: self._drop_copy,
            kinds.EXECUTE_REQUEST: self._execute_request,
            kinds.COMMIT: self._commit,
            kinds.ROLLBACK: self._rollback,
            kinds.COMMIT_MANY: self._commit_many,
            kinds.ROLLBACK_MANY: self._rollback_many,
            kinds.DROP: self._drop,
            kinds.REPORT: self._report,
            kinds.REPORT_WHOLE: self._report,
            kinds.ADJUST: self._adjust,
            kinds.ADMINISTER: self._administer,
            kinds.CONFIGURE: self._configure,
            kinds.QUOTE: self._quote,
            kinds.ARM: self._arm,
            kinds.CLOSE: self._close,
        }

    @property
    def open_handles(self) -> frozenset[int]:
        """What waits for a commit, a rollback or a main stage."""
        return frozenset(self._open)

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
        """Handle frames of commands; return all replies. Raises as :meth:`receive`."""
        answered: list[Reply] = []
        first = self._next
        for number, commands in arrived:
            if number != self._next:
                raise WireError(f"command {number} where {self._next} was expected")
            self._handle(number, self._intake.read(commands), answered)
            self._next = number + len(commands)
        return self._packed(first, answered) if answered else b""

    def finish(self) -> None:
        """Roll back what is still open; called when no command can come any more."""
        while self._open:
            _, held = self._open.popitem()
            if not isinstance(held, Started):
                _settle(held)

    def _packed(self, first: int, answered: list[Reply]) -> bytes:
        try:
            return frames(first, [(pack_rows(answered), len(answered))])
        except _UNPACKABLE:
            # One of them is at fault: its caller is told, the others get their answers.
            return frames(first, [self._packed_alone(reply) for reply in answered])

    def _packed_alone(self, reply: Reply) -> tuple[bytes, int]:
        try:
            return pack(reply), 1
        except _UNPACKABLE as error:
            seq = reply[1]
            held = self._open.pop(seq, None)
            if held is not None and not isinstance(held, Started):
                _settle(held)
            told: list[Reply] = []
            self._tell_armed(seq, told)
            told.append((kinds.RAISED, seq, *failure_row(error)))
            return pack_rows(told), len(told)

    # --- the hot path: plain orders --------------------------------------------------------------

    def _handle(self, seq: int, commands: Sequence[Command], answered: list[Reply]) -> None:
        engine = self._engine
        execute = engine.execute
        clock, counts, order = self._clock, self._counts, self._order
        fresh = self._fresh_orders
        run: list[int] | None = None  # the reply to the orders just before this one, if all passed
        for command in commands:
            kind = command[0]
            if kind > EXECUTE_COUNTED:
                self._handle_other(seq, command, answered)
                seq += 1
                run = None
                continue
            (_, account, now, underlying, settlement, side, quantity, volume, price,
             broker, asset) = command  # fmt: skip
            if kind == EXECUTE_COUNTED:
                counts.supply(broker, asset)
            clock.now = now
            if fresh:
                order = new_order(None, None, None, None, None, None, None)
            order._underlying_ = underlying
            order._settlement_ = settlement
            order._account_ = account
            order._side_ = side
            order._quantity_ = quantity
            order._volume_ = volume
            order._price_ = price
            reply: Reply | None = None
            try:
                answer = execute(order, now)
                if answer is not None:
                    reply = self._executed(seq, answer, counted=kind == EXECUTE_COUNTED)
            except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
                reply = (kinds.RAISED, seq, *failure_row(error))
            # Only a custom policy can arm the engine-wide block here.
            if fresh and self._tell_armed(seq, answered):
                run = None
            if reply is not None:
                _append(answered, reply)
                run = None
            elif run is not None:
                run[2] += 1
            else:
                run = [kinds.ACCEPTED, seq, 1]
                answered.append(run)
            seq += 1

    def _executed(self, seq: int, answer: Checked, *, counted: bool) -> Reply:
        if answer is None:
            return kinds.ACCEPTED, seq, 1
        if isinstance(answer, Effects):
            return kinds.RESERVED, seq, self._hold(seq, answer), *_told(answer)
        return self._rejected(seq, answer, counted=counted)

    def _rejected(self, seq: int, rejects: Sequence[Reject], *, counted: bool) -> Reply:
        kind = kinds.REJECTED
        if counted and not self._counts.used:
            kind = kinds.REJECTED_UNCOUNTED
        return kind, seq, tuple(map(reject_row, rejects))

    def _hold(self, seq: int, effects: Effects) -> bool:
        """Keep what waits for its fate; tell whether there is anything."""
        if effects.mutations:
            self._open[seq] = effects
            return True
        return False

    # --- everything else -------------------------------------------------------------------------

    def _handle_other(self, seq: int, command: Command, answered: list[Reply]) -> None:
        handler = self._handlers[command[0]]
        self._clock.now = command[2]
        try:
            reply = handler(seq, command)
        except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
            reply = (kinds.RAISED, seq, *failure_row(error))
        self._tell_armed(seq, answered)
        _append(answered, (kinds.DONE, seq, 1) if reply is None else reply)

    def _tell_armed(self, seq: int, answered: list[Reply]) -> bool:
        """Say so ahead of its reply if a command has armed the engine-wide block; tell whether."""
        registry = self._engine.registry
        armed = (registry.finalizer_failed, registry.unattributed_report)
        if armed != self._armed:
            self._armed = armed
            if any(armed):
                answered.append((kinds.ARMED, seq, armed))
                return True
        return False

    # orders

    def _order_of(self, command: Command) -> Order:
        order: Order = command[3]
        self._counts.supply(command[4], command[5])
        return order

    def _execute_whole(self, seq: int, command: Command) -> Reply:
        answer = self._engine.execute(self._order_of(command), command[2])
        return self._executed(seq, answer, counted=_is_counted(command))

    def _start(self, seq: int, command: Command) -> Reply:
        answer = self._engine.start(self._order_of(command), command[2])
        if isinstance(answer, Started):
            self._open[seq] = answer
            return kinds.STARTED, seq
        return self._rejected(seq, answer, counted=_is_counted(command))

    def _execute_request(self, seq: int, command: Command) -> Reply:
        started = self._open.pop(command[3], None)
        if not isinstance(started, Started):
            raise self._unknown(command[3])
        answer = self._engine.execute_started(started, command[2])
        return self._executed(seq, answer, counted=False)

    def _start_dry_run(self, seq: int, command: Command) -> Reply:
        return _dry(seq, self._engine.start_dry_run(self._order_of(command), command[2]))

    def _execute_dry_run(self, seq: int, command: Command) -> Reply:
        return _dry(seq, self._engine.execute_dry_run(self._order_of(command), command[2]))

    def _drop_copy(self, seq: int, command: Command) -> Reply:
        answer = self._engine.drop_copy(self._order_of(command), command[2])
        if not isinstance(answer, Recorded):
            return self._rejected(seq, answer, counted=_is_counted(command))
        effects, block, is_blocked = answer
        return (
            kinds.RECORDED,
            seq,
            self._hold(seq, effects),
            *_told(effects),
            None if block is None else block_row(block),
            is_blocked,
        )

    # what becomes of them

    def _finalize(self, handle: int, *, commit: bool) -> None:
        effects = self._open.pop(handle, None)
        if effects is None or isinstance(effects, Started):
            raise self._unknown(handle)
        if commit:
            effects.commit()
        else:
            effects.rollback()

    def _unknown(self, handle: object) -> RuntimeError:
        return RuntimeError(f"shard {self.number} knows no handle {handle}")

    def _commit(self, _seq: int, command: Command) -> None:
        self._finalize(command[3], commit=True)

    def _rollback(self, _seq: int, command: Command) -> None:
        self._finalize(command[3], commit=False)

    def _commit_many(self, seq: int, command: Command) -> Reply | None:
        return self._finalize_many(seq, command[3], commit=True)

    def _rollback_many(self, seq: int, command: Command) -> Reply | None:
        return self._finalize_many(seq, command[3], commit=False)

    def _finalize_many(self, seq: int, handles: Sequence[int], *, commit: bool) -> Reply | None:
        failures: list[tuple[Any, ...]] = []
        for place, handle in enumerate(handles):
            try:
                self._finalize(handle, commit=commit)
            except BaseException as error:  # noqa: BLE001 - every item is finished; told together
                brief = len(failures) >= _FAILURES_IN_FULL
                failures.append((place, *failure_row(error, brief=brief)))
        return (kinds.FAILURES, seq, tuple(failures)) if failures else None

    def _drop(self, _seq: int, command: Command) -> None:
        for handle in command[3]:
            held = self._open.pop(handle, None)
            if held is not None and not isinstance(held, Started):
                _settle(held)

    # reports and adjustments

    def _report(self, seq: int, command: Command) -> Reply | None:
        return _reported(seq, self._engine.apply_report(command[3], command[2]))

    def _adjust(self, seq: int, command: Command) -> Reply:
        _, account, now, adjustments = command
        failed, rejects, rows, blocks = self._engine.apply_adjustment(account, adjustments, now)
        return (
            kinds.ADJUSTED,
            seq,
            failed,
            tuple(map(reject_row, rejects)),
            tuple(map(outcome_row, rows)),
            tuple(map(block_row, blocks)),
        )

    # administration

    def _administer(self, seq: int, command: Command) -> Reply | None:
        answer = administer(self._engine, command[3], command[4])
        return None if answer is None else (kinds.ANSWER, seq, encode(answer))

    def _configure(self, seq: int, command: Command) -> Reply | None:
        answer = configure(self._engine, command[3], command[4])
        # Orders that were submitted before count for nothing: there was no limit to count for.
        self._counts.supply(0, 0)
        return None if answer is None else (kinds.ANSWER, seq, encode(answer))

    def _quote(self, _seq: int, command: Command) -> None:
        apply_operation(self._services[command[3]], command[4])

    def _arm(self, _seq: int, command: Command) -> None:
        registry = self._engine.registry
        finalizer_failed, unattributed_report = command[3]
        if finalizer_failed:
            registry.arm_finalizer_failure()
        if unattributed_report:
            registry.arm_unattributed_report()
        self._armed = (registry.finalizer_failed, registry.unattributed_report)

    def _close(self, _seq: int, _command: Command) -> None:
        self.finish()
        self.closed = True


def _append(answered: list[Reply], reply: Reply) -> None:
    """Append a reply, or count it into the run that it goes on with."""
    kind = reply[0]
    if kind in _RUNS and answered and answered[-1][0] == kind:
        answered[-1] = (kind, answered[-1][1], answered[-1][2] + 1)
    else:
        answered.append(reply)


_RUNS: Final = frozenset({kinds.ACCEPTED, kinds.DONE})


def _settle(effects: Effects) -> None:
    """Roll back for somebody who is gone: a failure arms the engine, its text has no reader."""
    try:
        effects.rollback()
    except BaseException:  # noqa: BLE001 - see the docstring
        return


def _is_counted(command: Command) -> bool:
    """Tell whether the router counted the order of a command that carries it as a value."""
    return bool(command[4] or command[5])


def _traces(effects: Effects) -> tuple[Any, Any]:
    return lock_row(effects.lock_groups), tuple(map(outcome_row, effects.rows))


def _told(effects: Effects) -> tuple[Any, Any]:
    """Return what goes back with an order; what stays open need not keep it."""
    traces = _traces(effects)
    effects.forget_traces()
    return traces


def _dry(seq: int, answer: DryRun) -> Reply:
    effects, block = answer
    return (
        kinds.DRY,
        seq,
        tuple(map(reject_row, effects.rejects)) or None,
        *_traces(effects),
        None if block is None else block_row(block),
    )


def _reported(seq: int, answer: Applied) -> Reply | None:
    blocks, pnls, rows = answer
    if not (blocks or pnls or rows):
        return None
    return (
        kinds.REPORTED,
        seq,
        tuple(map(block_row, blocks)),
        tuple(map(pnl_row, pnls)),
        tuple(map(outcome_row, rows)),
    )
