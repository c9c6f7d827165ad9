"""The engine of one process, and the stages that build it or one of several."""

from __future__ import annotations

import time
from functools import partial
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Self, TypeVar

from openpit.core.opaque import InProcess
from openpit.core.order import Order
from openpit.core.report import ExecutionReport
from openpit.engine.accounts import account_value
from openpit.engine.arguments import checked_adjustments, checked_order, checked_report
from openpit.engine.builder import build_core
from openpit.engine.custom import CustomPolicy
from openpit.faces import handles
from openpit.faces.actor_stage import ActorStage
from openpit.faces.dry_calls import DryCalls
from openpit.faces.handles import IdleReservation
from openpit.faces.market_stage import MarketStage
from openpit.faces.observing import guarded
from openpit.faces.options import ShardedOptions, default_shards
from openpit.faces.past_stage import PastStage
from openpit.param.classes import is_of
from openpit.pretrade.policies.arguments import SettingsError
from openpit.pretrade.policies.registration import PolicyRegistrar, register
from openpit.pretrade.results import ExecuteResult as AnyExecuteResult
from openpit.pretrade.results import PostTradeResult

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from openpit.account_adjustment import Adjustment
    from openpit.engine.answers import Checked
    from openpit.engine.pipeline import EngineCore
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.faces.starting import StartPlan
    from openpit.journal.writing import Sync
    from openpit.param.ids import AccountId
    from openpit.pretrade.narrowed import (
        AccountAdjustmentBatchResult,
        DropCopyResult,
        ExecuteResult,
    )
    from openpit.pretrade.narrowed_start import StartResult
    from openpit.pretrade.policies.registration import ReadyBuilder
    from openpit.pretrade.policy import Policy
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.wire.shard_stats import ShardStats

__all__ = [
    "Engine",
    "EngineBuilder",
    "ReadyEngineBuilder",
    "ReadyShardedEngineBuilder",
    "ShardedEngineBuilder",
    "SyncedEngineBuilder",
]

_new = object.__new__

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Engine(DryCalls):
    """Checks orders against policies, and keeps what they reserve.

    Made by ``Engine.builder()``. An order is checked in two stages, ``start_pre_trade`` and the
    request's ``execute()``, or by ``execute_pre_trade`` at once. An accepted order holds a
    reservation, to be committed when the order went to the venue and rolled back when it did not.
    """

    __slots__ = ("_clock", "_core", "_execute", "_lock")
    __module__ = "openpit"

    _clock: Callable[[], int]
    _core: EngineCore
    _execute: Callable[[Order, int], Checked]
    _lock: RLock | None

    @classmethod
    def _of(cls, core: EngineCore) -> Engine:
        self: Engine = object.__new__(cls)
        self._core = core
        self._clock = core.clock
        self._lock = core.lock
        self._execute = core.execute
        return self

    def __del__(self) -> None:
        # Handles may outlive the engine; a pending request must then refuse,
        # unless somebody keeps a configurator, which holds the engine.
        self._core.alive = False

    @staticmethod
    def builder() -> EngineBuilder:
        """Start building an engine: choose how calls are synchronised, then add policies."""
        return EngineBuilder._of()

    def _call(self, method: Callable[[_Item, int], _Result], item: _Item) -> _Result:
        lock = self._lock
        if lock is None:
            return method(item, self._clock())
        try:
            with lock:
                return method(item, self._clock())
        finally:
            self._core.finisher.settle()

    # --- orders --------------------------------------------------------------------------------

    def start_pre_trade(self, order: Order) -> StartResult:
        """Run the start stage; the result's ``request`` runs the main stage once.

        What this stage counts (rate limits) stays counted, whatever follows.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`.
            Exception: the first one that a custom policy raised; the order did not pass.
        """
        core = self._core
        # At run time a result has one class for its cases; which one it is, each result says.
        return handles.show_started(core, self._call(core.start, checked_order(order)))  # type: ignore[return-value]  # see above

    def execute_pre_trade(self, order: Order) -> ExecuteResult:
        """Run both stages; the result's ``reservation`` is there exactly if the order passed.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`.
            Exception: the first one that a custom policy raised; the order did not pass.
        """
        if type(order) is not Order and not is_of(order, Order):
            raise TypeError("order must inherit from openpit.Order")
        core = self._core
        if self._lock is not None:
            answer = self._call(self._execute, order)
        else:
            answer = self._execute(order, self._clock())
            if answer is None:
                # What show_checked() does, spelt out: the hot path of the simple policies.
                reservation: IdleReservation = _new(IdleReservation)
                reservation._finisher = core.finisher
                reservation._open = True
                reservation._thread = get_ident()
                result: AnyExecuteResult = _new(AnyExecuteResult)
                result._reservation = reservation
                result._rejects = ()
                return result  # type: ignore[return-value]  # as above
        try:
            return handles.show_checked(core, answer)  # type: ignore[return-value]  # as above
        except BaseException:
            handles.let_go(answer)
            raise

    def apply_drop_copy(self, order: Order) -> DropCopyResult:
        """Record an order that the venue has already: blocks do not stop it.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`.
            Exception: the first one that a custom policy raised; nothing is recorded.
        """
        core = self._core
        answer = self._call(core.drop_copy, checked_order(order))
        try:
            return handles.show_recorded(core, answer)  # type: ignore[return-value]  # as above
        except BaseException:
            handles.let_go(answer)
            raise

    # --- what comes back -----------------------------------------------------------------------

    def apply_execution_report(self, report: ExecutionReport) -> PostTradeResult:
        """Apply a fill, a cancel or another report; nothing of it is ever rolled back.

        Raises:
            TypeError: ``report`` is no :class:`openpit.ExecutionReport`.
            Exception: the first one that a custom policy raised; blocks are recorded all the same.
        """
        if type(report) is not ExecutionReport:
            checked_report(report)
        if self._lock is None:
            applied = self._core.apply_report(report, self._clock())
        else:
            applied = self._call(self._core.apply_report, report)
        # Made here, without a call: most reports take less time than two of those would.
        result: PostTradeResult = _new(PostTradeResult)
        result._blocks, result._pnls, result._rows = applied
        return result

    def apply_account_adjustment(
        self, account_id: AccountId, adjustments: Iterable[Adjustment]
    ) -> AccountAdjustmentBatchResult:
        """Apply all adjustments to an account, or none of them.

        Raises:
            TypeError: ``account_id`` or an adjustment is of another class.
            Exception: what a custom policy raised; nothing is applied.
        """
        apply = partial(self._core.apply_adjustment, account_value(account_id))
        return handles.show_adjusted(self._call(apply, checked_adjustments(adjustments)))  # type: ignore[return-value]  # as above


class EngineBuilder(InProcess):
    """First stage: how calls are synchronised. Each choice starts an independent builder."""

    __slots__ = ("_clock",)
    __module__ = "openpit"

    _clock: Callable[[], int]

    @classmethod
    def _of(cls, clock: Callable[[], int] = time.monotonic_ns) -> EngineBuilder:
        self: EngineBuilder = object.__new__(cls)
        self._clock = clock
        return self

    def clock(self, clock: Callable[[], int]) -> EngineBuilder:
        """Return a builder whose engine reads time from ``clock``.

        ``clock()`` is monotonic time in nanoseconds. It is all the time that an engine knows: rate
        limits and the age of quotes follow it, so that a recorded flow can be replayed exactly.
        """
        return EngineBuilder._of(clock)

    def no_sync(self) -> SyncedEngineBuilder:
        """Choose an engine for one thread; handles used from another raise RuntimeError."""
        return SyncedEngineBuilder._of(self._clock, is_no_sync=True)

    def full_sync(self) -> SyncedEngineBuilder:
        """Choose an engine that any threads may call at the same time."""
        return SyncedEngineBuilder._of(self._clock, is_no_sync=False)

    def account_sync(self) -> SyncedEngineBuilder:
        """Choose an engine of many threads, each account's calls in a sequence of the caller's."""
        return SyncedEngineBuilder._of(self._clock, is_no_sync=False)

    def sharded(
        self,
        shards: int | None = None,
        *,
        timeout: float = 5.0,
        max_wait: float | None = None,
        credits: int = 8192,  # noqa: A002 - the field's own word
        start_timeout: float = 60.0,
        stall_timeout: float = 30.0,
        on_shard_down: Callable[[ShardStats], object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        sync: Sync = "process",
        min_free: int = 256 * 1024 * 1024,
        snapshot_every: int = 64 * 1024 * 1024,
        keep: int | None = 2,
        migrate: bool = False,
        recovery_timeout: float = 600.0,
        restarts: int = 8,
        restart_pause: float = 0.1,
        key_window: float = 600.0,
        reservation_ttl: float | None = None,
        keys: int = 65536,
        grace: float = 60.0,
        spares: int = 1,
    ) -> ShardedEngineBuilder:
        """Choose an engine of several worker processes, each owning the accounts of its shard.

        ``shards`` is the number of workers, None for one per core. A policy object is copied into
        every worker when the engine is built: one that keeps state across accounts sees those of
        its shard only. :class:`openpit.faces.options.ShardedOptions` explains the other options.

        Raises:
            TypeError: an option of a wrong class.
            ValueError: a figure out of its range.
        """
        options = ShardedOptions(
            shards=default_shards() if shards is None else shards, timeout=timeout,
            max_wait=max_wait, credits=credits, start_timeout=start_timeout, journal=journal,
            stall_timeout=stall_timeout, on_shard_down=on_shard_down, sync=sync, min_free=min_free,
            recovery_timeout=recovery_timeout, restarts=restarts, restart_pause=restart_pause,
            key_window=key_window, reservation_ttl=reservation_ttl, keys=keys, spares=spares,
            snapshot_every=snapshot_every, keep=keep, grace=grace, migrate=migrate,
        )  # fmt: skip
        return ShardedEngineBuilder._with(self._clock, options, None)


class SyncedEngineBuilder(MarketStage):
    """Second stage: the first policy. Each one starts an independent builder."""

    __slots__ = ("_clock", "_is_no_sync")
    __module__ = "openpit"

    _clock: Callable[[], int]
    _is_no_sync: bool

    @classmethod
    def _of(cls, clock: Callable[[], int], *, is_no_sync: bool) -> Self:
        self = object.__new__(cls)
        self._clock = clock
        self._is_no_sync = is_no_sync
        return self

    def builtin(self, builtin_ready_builder: ReadyBuilder) -> ReadyEngineBuilder:
        """Register a built-in policy.

        Raises:
            ValueError: settings that the policy cannot work with.
        """
        stage = ReadyEngineBuilder._of(self._clock, is_no_sync=self._is_no_sync)
        return stage.builtin(builtin_ready_builder)

    def pre_trade(self, policy: Policy) -> ReadyEngineBuilder:
        """Register a policy of your own; its name and group id are read now.

        Raises:
            ValueError: the name is no text, or the group id not from 0 to 65535.
            AttributeError: a callback is missing.
        """
        return ReadyEngineBuilder._of(self._clock, is_no_sync=self._is_no_sync).pre_trade(policy)


class ReadyEngineBuilder(MarketStage):
    """Last stage: more policies, then ``build()``. Registration order is evaluation order."""

    __slots__ = ("_clock", "_is_no_sync", "_policies")
    __module__ = "openpit"

    _clock: Callable[[], int]
    _is_no_sync: bool
    _policies: list[BuiltinPolicy] | None

    @classmethod
    def _of(cls, clock: Callable[[], int], *, is_no_sync: bool) -> Self:
        self = object.__new__(cls)
        self._clock = clock
        self._is_no_sync = is_no_sync
        self._policies = []
        return self

    def _open(self) -> list[BuiltinPolicy]:
        if self._policies is None:
            raise ValueError("engine builder is no longer available")
        return self._policies

    def _add(self, policy: BuiltinPolicy) -> None:
        self._open().append(policy)

    def builtin(self, builtin_ready_builder: ReadyBuilder) -> Self:
        """Register another built-in policy.

        Raises:
            ValueError: settings that the policy cannot work with, or the engine is built.
        """
        try:
            register(
                builtin_ready_builder, PolicyRegistrar(self._is_no_sync, self._clock, self._add)
            )
        except SettingsError as error:
            # At run time the configurator tells these apart; here it is one ValueError of many.
            raise ValueError(str(error)) from None
        return self

    def pre_trade(self, policy: Policy) -> Self:
        """Register another policy of your own; its name and group id are read now.

        Raises:
            ValueError: a name that is no text, a group id outside 0..65535, or the engine is built.
            AttributeError: a callback is missing.
        """
        custom = CustomPolicy(policy)
        self._open().append(custom)
        return self

    def build(self) -> Engine:
        """Build the engine; the builder cannot be used again.

        Raises:
            ValueError: two policies of one name, or of one group id other than 0.
        """
        policies, self._policies = self._open(), None
        lock = None if self._is_no_sync else RLock()
        return Engine._of(build_core(policies, self._clock, lock))


class ShardedEngineBuilder(SyncedEngineBuilder):
    """Second stage of an engine of several processes; ``EngineBuilder.sharded()`` makes it.

    A policy is copied into every worker when the engine is built, an order or a report when it is
    submitted: what either side changes on its own later, the other does not see.

    Workers import the main module anew: what a program does, other than defining things, belongs
    under ``if __name__ == "__main__":``.
    """

    __slots__ = ("_observer", "_options")
    __module__ = "openpit"

    _observer: object
    _options: ShardedOptions

    @classmethod
    def _with(cls, clock: Callable[[], int], options: ShardedOptions, observer: object) -> Self:
        self = cls._of(clock, is_no_sync=False)
        self._options = options
        self._observer = observer
        return self

    def observer(self, observer: object) -> ShardedEngineBuilder:
        """Return a builder whose engine tells an object of yours what happens in it.

        That has one or several of the methods of :class:`openpit.Observer`, which it may inherit
        from. None: nobody is told; that is the default, and free.

        Raises:
            TypeError: it has none of them.
        """
        if observer is not None:
            guarded(observer)
        return ShardedEngineBuilder._with(self._clock, self._options, observer)

    def builtin(self, builtin_ready_builder: ReadyBuilder) -> ReadyShardedEngineBuilder:
        """Register a built-in policy; as on an engine of one process.

        Raises:
            ValueError: settings that the policy cannot work with.
        """
        return self._ready().builtin(builtin_ready_builder)

    def pre_trade(self, policy: Policy) -> ReadyShardedEngineBuilder:
        """Register a policy of your own; its name and group id are read now.

        Raises:
            ValueError: the name is no text, or the group id not from 0 to 65535.
            AttributeError: a callback is missing.
        """
        return self._ready().pre_trade(policy)

    def _ready(self) -> ReadyShardedEngineBuilder:
        return ReadyShardedEngineBuilder._with(self._clock, self._options, self._observer)


class ReadyShardedEngineBuilder(ReadyEngineBuilder, ActorStage, PastStage):
    """Last stage: more policies, and actors; then ``build()`` or ``await build_async()``."""

    __slots__ = ("_actors", "_observer", "_options")
    __module__ = "openpit"

    _observer: object
    _options: ShardedOptions

    @classmethod
    def _with(cls, clock: Callable[[], int], options: ShardedOptions, observer: object) -> Self:
        self = cls._of(clock, is_no_sync=False)
        self._actors = {}
        self._options = options
        self._observer = observer
        return self

    def build(self) -> ShardedEngine:  # type: ignore[override]  # the same methods, by composition
        """Start the workers and wait until they answer; the builder cannot be used again.

        Raises:
            ValueError: two policies of one name, or of one group id other than 0.
            ShardStartError: a worker did not come up, or a policy could not be copied into it. No
                process is left.
            JournalError: the journal cannot be used; see :mod:`openpit.errors`.
            RuntimeError: the main module is being imported by a worker and lacks its guard.
        """
        from openpit.faces.starting import start_blocking  # noqa: PLC0415 - slow to load

        return start_blocking(self._plan(), self._clock)

    async def build_async(self) -> AsyncShardedEngine:
        """Start the workers on the running event loop; as :meth:`build`, for asyncio programs.

        Raises:
            ValueError: as :meth:`build`.
            ShardStartError: as :meth:`build`.
            JournalError: as :meth:`build`.
            RuntimeError: as :meth:`build`, or no loop is running.
        """
        from openpit.faces.starting import start_async  # noqa: PLC0415 - slow to load

        return await start_async(self._plan(), self._clock)

    def _plan(self) -> StartPlan:
        from openpit.faces.starting import plan_of  # noqa: PLC0415 - slow to load
        from openpit.shards.process import refuse_unguarded_main  # noqa: PLC0415 - slow to load

        refuse_unguarded_main()
        policies, self._policies = self._open(), None
        return plan_of(policies, self._options, self._actors, self._observer)
