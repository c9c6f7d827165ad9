"""Building an engine of one process, stage by stage. Follows spec section 4."""

from __future__ import annotations

import time
from collections import Counter
from threading import RLock
from typing import TYPE_CHECKING

from openpit.core.opaque import Opaque
from openpit.engine.core import EngineCore
from openpit.engine.custom import CustomPolicy
from openpit.marketdata import MarketDataBuilder
from openpit.pretrade.policies.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from openpit.engine.engine import Engine
    from openpit.faces.stages import ShardedEngineBuilder
    from openpit.marketdata import QuoteTtl
    from openpit.pretrade.policies.registration import ReadyBuilder
    from openpit.pretrade.policy import Policy
    from openpit.pretrade.runtime import BuiltinPolicy
    from openpit.router.stats import ShardStats

__all__ = [
    "EngineBuilder",
    "ReadyEngineBuilder",
    "SyncedEngineBuilder",
    "build_core",
    "check_policies",
]


class EngineBuilder(Opaque):
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
        """Choose an engine whose callers keep the calls of one account in sequence themselves.

        Other threads may call for other accounts at the same time.
        """
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
    ) -> ShardedEngineBuilder:
        """Choose an engine of several worker processes, each owning the accounts of its shard.

        ``shards`` is the number of workers, None for one per core. A policy object is copied into
        every worker when the engine is built: one that keeps state across accounts sees the
        accounts of its shard only. The other options are explained by
        :class:`openpit.faces.stages.ShardedEngineBuilder`.

        Raises:
            TypeError: an option that there is not, or one of a wrong class.
            ValueError: a figure out of its range.
        """
        # The public API asks an engine builder for what lies two layers above: imported on use.
        from openpit.faces.stages import ShardedEngineBuilder  # noqa: PLC0415 - see above

        return ShardedEngineBuilder._of(
            self._clock,
            shards,
            timeout=timeout,
            max_wait=max_wait,
            credits=credits,
            start_timeout=start_timeout,
            stall_timeout=stall_timeout,
            on_shard_down=on_shard_down,
        )


class SyncedEngineBuilder(Opaque):
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
        """Register a policy of your own; its name and group id are read now."""
        return ReadyEngineBuilder._of(self._clock, is_no_sync=self._is_no_sync).pre_trade(policy)

    def market_data(self, default_ttl: QuoteTtl) -> MarketDataBuilder:
        """Start a market data service with the engine's clock and synchronisation."""
        return MarketDataBuilder._of(default_ttl, self._clock, not self._is_no_sync)


class ReadyEngineBuilder(Opaque):
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

    def _now(self) -> int:
        return self._clock()

    def _open(self) -> list[BuiltinPolicy]:
        if self._policies is None:
            raise ValueError("engine builder is no longer available")
        return self._policies

    def _add_builtin(self, policy: BuiltinPolicy) -> ReadyEngineBuilder:
        self._open().append(policy)
        return self

    def builtin(self, builtin_ready_builder: ReadyBuilder) -> ReadyEngineBuilder:
        """Register another built-in policy.

        Raises:
            ValueError: settings that the policy cannot work with, or the engine is built.
        """
        try:
            builtin_ready_builder._build(self)
        except SettingsError as error:
            # At run time the configurator tells these apart; here it is one ValueError of many.
            raise ValueError(str(error)) from None
        return self

    def pre_trade(self, policy: Policy) -> ReadyEngineBuilder:
        """Register another policy of your own; its name and group id are read now.

        Raises:
            ValueError: a name that is no text, a group id outside 0..65535, or the engine is built.
            AttributeError: a callback is missing.
        """
        custom = CustomPolicy(policy)
        self._open().append(custom)
        return self

    def market_data(self, default_ttl: QuoteTtl) -> MarketDataBuilder:
        """Start a market data service with the engine's clock and synchronisation."""
        return MarketDataBuilder._of(default_ttl, self._clock, not self._is_no_sync)

    def build(self) -> Engine:
        """Build the engine; the builder cannot be used again.

        Raises:
            ValueError: two policies of one name, or of one group id other than 0.
        """
        # The engine offers builder(), which needs this module first.
        from openpit.engine.engine import Engine  # noqa: PLC0415 - see above

        policies, self._policies = self._open(), None
        lock = None if self._is_no_sync else RLock()
        return Engine._of(build_core(policies, self._clock, lock))


def check_policies(policies: Sequence[BuiltinPolicy]) -> None:
    """Check that policies can live in one engine.

    Raises:
        ValueError: two of one name, or of one group id other than 0.
    """
    for name, times in Counter(policy.name for policy in policies).items():
        if times > 1:
            raise ValueError(f"duplicate policy name in engine configuration: {name}")
    for group_id, times in Counter(policy.group_id for policy in policies).items():
        if times > 1 and group_id:
            raise ValueError(f"duplicate non-default policy_group_id: {group_id}")


def build_core(
    policies: Sequence[BuiltinPolicy], clock: Callable[[], int], lock: RLock | None
) -> EngineCore:
    """Return the pipeline over checked policies; see :func:`check_policies` for what it raises."""
    check_policies(policies)
    customs = [policy for policy in policies if isinstance(policy, CustomPolicy)]
    core = EngineCore(policies, clock=clock, lock=lock, has_custom=bool(customs))
    if core.marks_busy:
        for custom in customs:
            custom.attach(core.finisher)
    return core
