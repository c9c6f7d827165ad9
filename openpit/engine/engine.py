"""The public engine of one process: class checks, clock and lock around the pipeline."""

from __future__ import annotations

from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar

from openpit.account_adjustment import Adjustment
from openpit.core.opaque import Opaque
from openpit.core.order import Order
from openpit.core.report import ExecutionReport
from openpit.engine.accounts import Accounts, account_value
from openpit.engine.batches import each
from openpit.engine.builder import EngineBuilder
from openpit.engine.configurator import Configurator
from openpit.engine.handles import (
    EngineReservation,
    let_go,
    show_checked,
    show_dry_run,
    show_recorded,
    show_started,
)
from openpit.param.classes import is_of
from openpit.pretrade.results import AccountAdjustmentBatchResult as AnyBatchResult
from openpit.pretrade.results import ExecuteResult as AnyExecuteResult
from openpit.pretrade.results import PostTradeResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import RLock

    from openpit.engine.answers import Checked
    from openpit.engine.core import EngineCore
    from openpit.param.ids import AccountId
    from openpit.pretrade.handles import Reservation
    from openpit.pretrade.narrowed import (
        AccountAdjustmentBatchResult,
        DropCopyResult,
        DryRunReport,
        ExecuteResult,
    )
    from openpit.pretrade.narrowed_start import StartResult

__all__ = ["Engine", "checked_adjustments", "checked_order", "checked_report"]

_new = object.__new__

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def checked_order(order: object) -> Order:
    """Return an order; TypeError for anything else."""
    if type(order) is not Order and not is_of(order, Order):
        raise TypeError("order must inherit from openpit.Order")
    return order


def checked_report(report: object) -> ExecutionReport:
    """Return an execution report; TypeError for anything else."""
    if type(report) is not ExecutionReport and not is_of(report, ExecutionReport):
        raise TypeError("report must inherit from openpit.ExecutionReport")
    return report


def checked_adjustments(adjustments: Iterable[object]) -> list[Adjustment]:
    """Return account adjustments as a list; TypeError if there is anything else among them."""
    listed = list(adjustments)
    for adjustment in listed:
        if not is_of(adjustment, Adjustment):
            raise TypeError("adjustment must inherit from openpit.AccountAdjustment")
    return listed  # type: ignore[return-value]  # each was checked


class Engine(Opaque):
    """Checks orders against policies, and keeps what they reserve (spec section 5).

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
        # Handles may outlive the engine; a pending request must then refuse (spec section 5.2),
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
        return show_started(core, self._call(core.start, checked_order(order)))  # type: ignore[return-value]  # see above

    def start_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        """Answer as :meth:`start_pre_trade` would, and record nothing."""
        return show_dry_run(self._call(self._core.start_dry_run, checked_order(order)))  # type: ignore[return-value]  # as above

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
                reservation: EngineReservation = _new(EngineReservation)
                reservation._core = core
                reservation._effects = None
                reservation._open = True
                reservation._thread = get_ident()
                result: AnyExecuteResult = _new(AnyExecuteResult)
                result._reservation = reservation
                result._rejects = ()
                return result  # type: ignore[return-value]  # as above
        try:
            return show_checked(core, answer)  # type: ignore[return-value]  # as above
        except BaseException:
            let_go(answer)
            raise

    def execute_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        """Answer as :meth:`execute_pre_trade` would, and record nothing (spec section 5.6)."""
        return show_dry_run(self._call(self._core.execute_dry_run, checked_order(order)))  # type: ignore[return-value]  # as above

    def apply_drop_copy(self, order: Order) -> DropCopyResult:
        """Record an order that the venue has already (spec section 5.7): blocks do not stop it."""
        core = self._core
        answer = self._call(core.drop_copy, checked_order(order))
        try:
            return show_recorded(core, answer)  # type: ignore[return-value]  # as above
        except BaseException:
            let_go(answer)
            raise

    # --- what comes back -----------------------------------------------------------------------

    def apply_execution_report(self, report: ExecutionReport) -> PostTradeResult:
        """Apply a fill, a cancel or another report; nothing of it is ever rolled back.

        Raises:
            TypeError: ``report`` is no :class:`openpit.ExecutionReport`.
            Exception: the first one that a custom policy raised; blocks are recorded all the same.
        """
        return PostTradeResult._of(*self._call(self._core.apply_report, checked_report(report)))

    def apply_account_adjustment(
        self, account_id: AccountId, adjustments: Iterable[Adjustment]
    ) -> AccountAdjustmentBatchResult:
        """Apply all adjustments to an account, or none of them (spec section 5.9)."""
        account = account_value(account_id)
        apply = partial(self._core.apply_adjustment, account)
        answer = self._call(apply, checked_adjustments(adjustments))
        return AnyBatchResult._of(*answer)  # type: ignore[return-value]  # as above

    # --- volume --------------------------------------------------------------------------------

    def execute_pre_trade_many(self, orders: Iterable[Order]) -> list[ExecuteResult]:
        """Execute orders one after the other; results in the order of the input.

        Every order is executed.

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
        each("commit_many", _commit, reservations)

    def rollback_many(self, reservations: Iterable[Reservation]) -> None:
        """Roll back every reservation.

        Raises:
            SomeItemsFailed: some raised; the others are done, and ``results`` is True for them.
        """
        each("rollback_many", _rollback, reservations)

    def apply_execution_report_many(
        self, reports: Iterable[ExecutionReport]
    ) -> list[PostTradeResult]:
        """Apply every report, in order; results in the order of the input.

        Raises:
            SomeItemsFailed: some raised; ``results`` are those of the others, which are applied.
                Whatever else ends the call in its midst has such ``results`` and ``failures``, too.
        """
        return each("apply_execution_report_many", self.apply_execution_report, reports)

    # --- administration ------------------------------------------------------------------------

    def accounts(self) -> Accounts:
        """Return a handle on groups, blocks and currencies; it outlives the engine."""
        return Accounts._of(self._core)

    def configure(self) -> Configurator:
        """Return a handle on the policies' settings; it outlives the engine."""
        return Configurator._of(self._core, self)


def _commit(reservation: Reservation) -> bool:
    reservation.commit()
    return True


def _rollback(reservation: Reservation) -> bool:
    reservation.rollback()
    return True
