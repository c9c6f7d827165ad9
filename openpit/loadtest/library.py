"""An engine whose calls are timed: what of a process's time is the engine's, or its library's."""

from __future__ import annotations

from time import thread_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["TimedEngine", "TimedShardEngine"]


class TimedEngine:
    """Passes a lane's calls on; ``used`` is what they took of the thread's processor time, ns.

    An order or a report that a call takes from its caller one by one, and so is made then, and the
    clock that it reads for it, are in it; what is read of a result afterwards is not.
    """

    __slots__ = ("_engine", "used")

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.used = 0

    def execute_pre_trade_many(self, orders: Any) -> Any:
        """Call the engine."""
        return self._timed(self._engine.execute_pre_trade_many, orders)

    def commit_many(self, reservations: Any) -> Any:
        """Call the engine."""
        return self._timed(self._engine.commit_many, reservations)

    def apply_execution_report_many(self, reports: Any) -> Any:
        """Call the engine."""
        return self._timed(self._engine.apply_execution_report_many, reports)

    def apply_account_adjustment(self, account: Any, adjustments: Any) -> Any:
        """Call the engine."""
        return self._timed(self._engine.apply_account_adjustment, account, adjustments)

    def _timed(self, call: Callable[..., Any], *arguments: Any) -> Any:
        begun = thread_time_ns()
        try:
            return call(*arguments)
        finally:
            self.used += thread_time_ns() - begun


class TimedShardEngine(TimedEngine):
    """The same in a worker; orders and reports are made before the call, and are not in its time.

    The engine is asked for each at the time that ``clock`` had when it was made.
    """

    __slots__ = ("_clock",)

    def __init__(self, engine: Any, clock: Any) -> None:
        super().__init__(engine)
        self._clock = clock

    def execute_pre_trade_many(self, orders: Any) -> Any:
        """Call the engine."""
        return super().execute_pre_trade_many(self._at_its_time(self._made(orders)))

    def apply_execution_report_many(self, reports: Any) -> Any:
        """Call the engine."""
        return super().apply_execution_report_many(self._at_its_time(self._made(reports)))

    def _made(self, items: Iterable[Any]) -> list[tuple[int, Any]]:
        clock = self._clock
        return [(clock.now, item) for item in items]

    def _at_its_time(self, made: list[tuple[int, Any]]) -> Iterator[Any]:
        clock = self._clock
        for now, item in made:
            clock.now = now
            yield item
