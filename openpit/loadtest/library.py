"""An engine whose calls are timed: what of a client's processor time is the library's."""

from __future__ import annotations

from time import thread_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TimedEngine"]


class TimedEngine:
    """Passes a lane's calls on; ``used`` is what they took of the thread's processor time, ns.

    An order that a call takes from its caller one by one, and the clock that it reads for it, are
    in it; what is read of a result afterwards is not.
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
