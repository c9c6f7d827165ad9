"""Building an engine of several processes, stage by stage.

The stages are those of the engine of one process (spec section 4), which also does the checking:
what is built first is an engine of one process, the router's prototype.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import inf
from time import monotonic
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Self

from openpit.client.client import Client
from openpit.client.handles import BLOCKING
from openpit.engine.builder import (
    ReadyEngineBuilder,
    SyncedEngineBuilder,
    build_core,
    check_policies,
)
from openpit.errors import ShardStartError
from openpit.faces.aio.driver import AsyncDriver
from openpit.faces.aio.engine import AsyncShardedEngine
from openpit.faces.aio.handles import ASYNC
from openpit.faces.blocking.driver import BlockingDriver
from openpit.faces.blocking.engine import ShardedEngine
from openpit.faces.interrupts import hold, release
from openpit.faces.watch import STALL_SECONDS
from openpit.shards.copying import dump_policies
from openpit.shards.process import Worker, refuse_unguarded_main
from openpit.slots import MAX_SHARDS
from openpit.wire.limits import CREDITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.engine.core import EngineCore
    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.policies.registration import ReadyBuilder
    from openpit.pretrade.policy import Policy
    from openpit.router.link import Handles
    from openpit.router.stats import ShardStats
    from openpit.wire.classes import Told

__all__ = ["ReadyShardedEngineBuilder", "ShardedEngineBuilder", "ShardedOptions"]

TIMEOUT_SECONDS: Final = 5.0
"""A shard answers within microseconds: one that takes seconds is stuck, and its orders are late."""

START_SECONDS: Final = 60.0
"""A worker imports the package and every module that the policies need, on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardedOptions:
    """How a sharded engine behaves when a shard does not answer.

    The fields are the options of ``EngineBuilder.sharded()``, with the same defaults; what is
    refused here is told in its name.
    """

    shards: int
    timeout: float = TIMEOUT_SECONDS
    max_wait: float | None = None
    credits: int = CREDITS
    start_timeout: float = START_SECONDS
    stall_timeout: float = STALL_SECONDS
    on_shard_down: Callable[[ShardStats], object] | None = None

    def __post_init__(self) -> None:
        """Check classes and figures."""
        _require(self.shards, "shards", "an int or None", int)
        _require(self.timeout, "timeout", "a number of seconds", int, float)
        _require(self.max_wait, "max_wait", "a number of seconds or None", int, float, NoneType)
        _require(self.stall_timeout, "stall_timeout", "a number of seconds", int, float)
        _require(self.credits, "credits", "an int", int)
        _require(self.start_timeout, "start_timeout", "a number of seconds", int, float)
        if self.on_shard_down is not None and not callable(self.on_shard_down):
            raise _wrong_class(self.on_shard_down, "on_shard_down", "callable or None")

        if not 1 <= self.shards <= MAX_SHARDS:
            raise ValueError(f"sharded(): shards must be in range 1..={MAX_SHARDS}")
        if not 0 < self.timeout < inf or not 0 < self.start_timeout < inf:
            raise ValueError("sharded(): timeout and start_timeout must be positive and finite")
        if self.max_wait is not None and not 0 <= self.max_wait < inf:
            raise ValueError("sharded(): max_wait must be finite and not negative")
        if not 0 < self.stall_timeout < inf:
            raise ValueError("sharded(): stall_timeout must be positive and finite")
        if not 1 <= self.credits <= CREDITS:
            raise ValueError(f"sharded(): credits must be in range 1..={CREDITS}")


def _require(value: object, option: str, words: str, *classes: type) -> None:
    if isinstance(value, bool) or not isinstance(value, classes):
        raise _wrong_class(value, option, words)


def _wrong_class(value: object, option: str, words: str) -> TypeError:
    return TypeError(f"sharded(): {option} must be {words}, not {type(value).__name__}")


class ShardedEngineBuilder(SyncedEngineBuilder):
    """Second stage of an engine of several processes, each owning the accounts of its shard.

    ``Engine.builder().sharded(shards)`` makes it; ``shards`` is None for one worker per core that
    this process may use. Options, by keyword:

    * ``timeout``: seconds that a call waits for its shard's answer (5). Then a check is denied and
      any other call raises :class:`openpit.errors.OutcomeUnknown`; a reservation that comes later
      is rolled back. It counts from the call, also while that waits for credit (``max_wait``, if
      longer). A call over many items waits as long as each of its shards goes on to answer.
    * ``max_wait``: seconds that a call waits for credit (``timeout``); with 0,
      :class:`openpit.errors.ShardOverloaded` comes at once.
    * ``stall_timeout``: seconds that a shard which answers nothing may go on so (30). After one
      ``timeout`` without any answer it is *stalled*: its orders are denied and its other calls
      raise :class:`openpit.errors.ShardStalled`, both at once, until it answers again. After
      ``stall_timeout`` more it is ended; the blocking engine, which has no thread of its own, does
      so with its next call of any kind, or :meth:`openpit.ShardedEngine.stats`.
    * ``credits``: commands in flight to one shard (8192, also the most).
    * ``start_timeout``: seconds until every worker must be up (60).
    * ``on_shard_down``: called with the :class:`openpit.router.ShardStats` of a shard that has
      died, by the thread that noticed, after its own call.

    A policy object is copied into every worker when the engine is built. A policy of your own that
    keeps state across accounts sees the accounts of its shard only. Orders and reports are copied
    there too, each when it is submitted: what either side changes on its own later, the other does
    not see.

    Workers import the main module anew: what a program does, other than defining things, belongs
    under ``if __name__ == "__main__":``.
    """

    __slots__ = ("_options",)
    __module__ = "openpit"

    _options: ShardedOptions

    @classmethod
    def _of(  # type: ignore[override]  # another stage, made from other things
        cls, clock: Callable[[], int], shards: int | None, **options: Any
    ) -> Self:
        self = object.__new__(cls)
        self._clock = clock
        self._is_no_sync = False
        if shards is None:
            shards = min(_cores(), MAX_SHARDS)
        self._options = ShardedOptions(shards=shards, **options)
        return self

    def builtin(self, builtin_ready_builder: ReadyBuilder) -> ReadyShardedEngineBuilder:
        """Register a built-in policy; as on an engine of one process."""
        stage = ReadyShardedEngineBuilder._with(self._clock, self._options)
        return stage.builtin(builtin_ready_builder)

    def pre_trade(self, policy: Policy) -> ReadyShardedEngineBuilder:
        """Register a policy of your own; its name and group id are read now."""
        stage = ReadyShardedEngineBuilder._with(self._clock, self._options)
        stage.pre_trade(policy)
        return stage


class ReadyShardedEngineBuilder(ReadyEngineBuilder):
    """Last stage: more policies, then ``build()`` or ``await build_async()``."""

    __slots__ = ("_options",)
    __module__ = "openpit"

    _options: ShardedOptions

    @classmethod
    def _with(cls, clock: Callable[[], int], options: ShardedOptions) -> Self:
        self = cls._of(clock, is_no_sync=False)
        self._options = options
        return self

    def builtin(self, builtin_ready_builder: ReadyBuilder) -> Self:
        """Register another built-in policy; as on an engine of one process."""
        super().builtin(builtin_ready_builder)
        return self

    def pre_trade(self, policy: Policy) -> Self:
        """Register another policy of your own; as on an engine of one process."""
        super().pre_trade(policy)
        return self

    def build(self) -> ShardedEngine:  # type: ignore[override]  # the same methods, by composition
        """Start the workers and wait until they answer; the builder cannot be used again.

        Raises:
            ValueError: two policies of one name, or of one group id other than 0.
            ShardStartError: a worker did not come up, or a policy could not be copied into it. No
                process is left.
            RuntimeError: the main module is being imported by a worker and lacks its guard.
        """
        plan = self._plan()
        options = plan.options
        driver = BlockingDriver(
            self._clock,
            timeout=options.timeout,
            max_wait=options.timeout if options.max_wait is None else options.max_wait,
            stall_timeout=options.stall_timeout,
            on_shard_down=options.on_shard_down,
        )
        workers: list[Worker] = []
        try:
            client = plan.client(BLOCKING, driver)
            deadline = monotonic() + options.start_timeout
            start_workers(workers, options.shards, options.start_timeout)
            driver.attach(client, workers)
            driver.start(plan.payload, deadline, options.start_timeout)
            driver.follow(plan.services)
        except BaseException:
            driver.discard()
            stop_workers(workers, options.timeout)
            raise
        return ShardedEngine._of(driver)

    async def build_async(self) -> AsyncShardedEngine:
        """Start the workers on the running event loop; as :meth:`build`, for asyncio programs."""
        plan = self._plan()
        options = plan.options
        driver = AsyncDriver(
            self._clock,
            timeout=options.timeout,
            max_wait=options.timeout if options.max_wait is None else options.max_wait,
            stall_timeout=options.stall_timeout,
            on_shard_down=options.on_shard_down,
        )
        workers: list[Worker] = []
        try:
            client = plan.client(ASYNC, driver)
            deadline = monotonic() + options.start_timeout
            start_workers(workers, options.shards, options.start_timeout)
            driver.attach(client, workers)
            await driver.start(plan.payload, deadline, options.start_timeout)
            driver.follow(plan.services)
        except BaseException:
            driver.discard()
            stop_workers(workers, options.timeout)
            raise
        return AsyncShardedEngine._of(driver)

    def _plan(self) -> _Plan:
        refuse_unguarded_main()
        policies, self._policies = self._open(), None
        check_policies(policies)
        payload, services, told = dump_policies(policies)
        prototype = build_core(policies, self._clock, None)
        return _Plan(prototype, payload, services, told, self._options)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that both faces start from."""

    prototype: EngineCore
    payload: bytes
    services: list[MarketDataService]
    told: Told
    options: ShardedOptions

    def client(self, handles: Handles, runner: Any) -> Client:
        options = self.options
        return Client(
            options.shards,
            self.prototype,
            handles=handles,
            runner=runner,
            credit=options.credits,
            may_wait=options.max_wait != 0,
            told=self.told,
        )


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not every platform has it
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def start_workers(workers: list[Worker], shards: int, seconds: float) -> None:
    """Start a worker for each shard; those that are there already when one fails stay listed.

    All must have taken their start data within that time.

    ^C comes between two of them: one that has started and is not listed would be nobody's child.
    """
    deadline = monotonic() + seconds
    for number in range(shards):
        is_held = hold()
        try:
            workers.append(Worker(number, max(0.0, deadline - monotonic())))
        except OSError as error:
            raise ShardStartError(f"shard {number}: {error}", number) from error
        finally:
            if is_held:
                release()


def stop_workers(workers: list[Worker], seconds: float) -> None:
    """End the workers of an engine that was not built."""
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.stop(seconds)
