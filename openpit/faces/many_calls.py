"""Calls over many items, of an engine in this process: one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.engine.batches import each
from openpit.faces.handles import commit, rollback
from openpit.faces.operated import Operated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.pretrade.handles import Reservation
    from openpit.pretrade.narrowed import ExecuteResult
    from openpit.pretrade.results import PostTradeResult

__all__ = ["ManyCalls"]


class ManyCalls(Operated):
    """The part of :class:`openpit.Engine` that takes many items in one call."""

    __slots__ = ()

    execute_pre_trade: Callable[[Order], ExecuteResult]
    apply_execution_report: Callable[[ExecutionReport], PostTradeResult]

    def execute_pre_trade_many(self, orders: Iterable[Order]) -> list[ExecuteResult]:
        """Execute all orders, one after the other; results in the order of the input.

        Raises:
            SomeItemsFailed: some raised. Its ``results`` are those of the others, with their
                reservations, which roll back when nobody holds the exception or them.
        """
        return each("execute_pre_trade_many", self.execute_pre_trade, orders, lets_go=True)

    def commit_many(self, reservations: Iterable[Reservation]) -> None:
        """Commit every reservation.

        Raises:
            SomeItemsFailed: some raised; the others are done, and ``results`` is True for them.
        """
        each("commit_many", commit, reservations)

    def rollback_many(self, reservations: Iterable[Reservation]) -> None:
        """Roll back every reservation.

        Raises:
            SomeItemsFailed: some raised; the others are done, and ``results`` is True for them.
        """
        each("rollback_many", rollback, reservations)

    def apply_execution_report_many(
        self, reports: Iterable[ExecutionReport]
    ) -> list[PostTradeResult]:
        """Apply every report, in order; results in the order of the input.

        Raises:
            SomeItemsFailed: some raised; ``results`` are those of the others, which are applied.
                Whatever else ends the call in its midst has such ``results`` and ``failures``, too.
        """
        return each("apply_execution_report_many", self.apply_execution_report, reports)
