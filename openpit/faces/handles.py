"""What an engine in this process shows of its answers: results, and the handles in them.

A handle is used once. Under ``full_sync`` and ``account_sync`` any thread may use it, under the
engine's lock; under ``no_sync`` only the thread that made it, and another one gets a RuntimeError
that names the rule (where the original aborts the process).
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from threading import get_ident
from typing import TYPE_CHECKING, Final, Never

from openpit.core.lock import Lock, new_lock
from openpit.engine.answers import Recorded, Started
from openpit.pretrade.effects import ROLLING_BACK, Effects, GeneralEffects
from openpit.pretrade.handles import (
    OPERATION_USED,
    REQUEST_USED,
    RESERVATION_USED,
    DropCopyOperation,
    Reservation,
)
from openpit.pretrade.outcomes import outcomes_of
from openpit.pretrade.policies.spot_funds.reservation import PlainFunds
from openpit.pretrade.results import (
    AccountAdjustmentBatchResult,
    DropCopyResult,
    DryRunReport,
    ExecuteResult,
    new_account_adjustment_batch_result,
    new_drop_copy_result,
    new_dry_run_report,
)
from openpit.pretrade.start import Request, StartResult, new_start_result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from openpit.engine.answers import Adjusted, Checked, DryRun
    from openpit.engine.finalize import Finisher
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.pretrade.rejects import AccountBlock, Reject

__all__ = [
    "EngineDropCopyOperation",
    "EngineRequest",
    "EngineReservation",
    "FundsReservation",
    "GeneralReservation",
    "IdleReservation",
    "commit",
    "let_go",
    "rollback",
    "show_adjusted",
    "show_checked",
    "show_dry_run",
    "show_recorded",
    "show_started",
]

_new = object.__new__
_NO_LOCK: Final[AbstractContextManager[object]] = nullcontext()


def _wrong_thread(handle: str) -> RuntimeError:
    return RuntimeError(
        f"{handle} of a no_sync engine used from another thread than the one that made it; "
        "build the engine with full_sync() or account_sync()"
    )


class EngineRequest(Request):
    """An order that passed the start stage."""

    __slots__ = ("_core", "_started", "_thread")

    _core: EngineCore
    _started: Started | None
    _thread: int

    @classmethod
    def _of(cls, core: EngineCore, started: Started) -> EngineRequest:
        self: EngineRequest = _new(cls)
        self._core = core
        self._started = started
        self._thread = get_ident() if core.lock is None else 0
        return self

    def execute(self) -> ExecuteResult:  # type: ignore[override]  # the class of both its cases
        core = self._core
        if self._thread and self._thread != get_ident():
            raise _wrong_thread("Request")
        try:
            answer = self._answer(core)
        finally:
            core.finisher.settle()
        try:
            return show_checked(core, answer)
        except BaseException:
            let_go(answer)
            raise

    def _answer(self, core: EngineCore) -> Checked:
        with core.lock or _NO_LOCK:
            started = self._started
            if started is None:
                raise RuntimeError(REQUEST_USED)
            self._started = None
            return core.execute_started(started, core.clock())


class EngineReservation(Reservation):
    """The handle of an accepted order."""

    __slots__ = ()


class IdleReservation(EngineReservation):
    """The handle of an order that changed nothing: no lock price, no outcome, no mutation."""

    __slots__ = ("_finisher", "_open", "_thread")

    _finisher: Finisher
    _open: bool
    _thread: int

    def _look(self) -> None:
        if self._thread and self._thread != get_ident():
            raise _wrong_thread("Reservation")
        if not self._open:
            raise RuntimeError(RESERVATION_USED)

    def commit(self) -> None:
        finisher = self._finisher
        if finisher.lock is None:
            # Most accepted orders come here: _look() written out.
            if self._thread != get_ident():
                raise _wrong_thread("Reservation")
            if not self._open:
                raise RuntimeError(RESERVATION_USED)
            self._open = False
            return
        try:
            with finisher.lock:
                self._look()
                self._open = False
        finally:
            finisher.settle()

    def rollback(self) -> None:
        finisher = self._finisher
        try:
            with finisher.lock or _NO_LOCK:
                self._look()
                self._open = False
        finally:
            if finisher.dropped:
                finisher.settle()

    @property
    def lock(self) -> Lock:
        self._look()
        return lock_of(None)

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        self._look()
        return []


def _refuse(self: object, *_arguments: object) -> Never:
    name = f"{type(self).__module__}.{type(self).__qualname__}"
    raise TypeError(f"cannot create '{name}' instances")


class _HeldReservation(EngineReservation, Effects):
    """The handle of an order that changed something: the effects themselves.

    Many are open at a time: one object each, not two, of those that the collector may have to
    follow. So what the engine answers is not wrapped, but made an object of a class with the same
    slots and a handle's methods. Its ``open`` is true until it is used; what rolls back stays
    :data:`ROLLING_BACK`, so that nothing stays held where even the second try is interrupted.
    """

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return dir(Reservation)

    def _look(self) -> None:
        if self.thread and self.thread != get_ident():
            raise _wrong_thread("Reservation")
        if self.open is not True:
            raise RuntimeError(RESERVATION_USED)

    def commit(self) -> None:
        finisher = self.finisher
        if finisher.lock is None:
            # Every order that holds something comes here: _look() and _commit() written out.
            if self.thread != get_ident():
                raise _wrong_thread("Reservation")
            if self.open is not True:
                raise RuntimeError(RESERVATION_USED)
            self.open = False
            if self.mutations:
                try:
                    finisher.commit(self)
                except BaseException:
                    finisher.commit(self)  # what an interrupt kept from running: finalize.py
                    raise
            return
        try:
            with finisher.lock:
                self._look()
                self._commit()
        finally:
            finisher.settle()

    def _commit(self) -> None:
        self.open = False
        if self.mutations:
            try:
                self.finisher.commit(self)
            except BaseException:
                self.finisher.commit(self)
                raise

    def rollback(self) -> None:
        finisher = self.finisher
        try:
            if finisher.lock is not None:
                with finisher.lock:
                    self._look()
                    self._roll_back()
            else:
                if self.thread != get_ident():
                    raise _wrong_thread("Reservation")
                if self.open is not True:
                    raise RuntimeError(RESERVATION_USED)
                self._roll_back()
        finally:
            if finisher.dropped:
                finisher.settle()

    def _roll_back(self) -> None:
        self.open = ROLLING_BACK
        try:
            self.finisher.rollback(self)
        except BaseException:
            self.finisher.rollback(self)  # what an interrupt has kept from running
            raise

    @property
    def lock(self) -> Lock:
        self._look()
        return lock_of(self)

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        self._look()
        return outcomes_of(self.rows)


class GeneralReservation(_HeldReservation, GeneralEffects):
    """The handle of what any policies said."""

    __slots__ = ()


class FundsReservation(_HeldReservation, PlainFunds, gc=False, eq=False):
    """The handle of what a plain order of spot funds holds."""

    # What effects and a struct can do, and a handle cannot.
    __iter__ = None  # type: ignore[assignment]
    __repr__ = object.__repr__
    __copy__ = __deepcopy__ = __reduce__ = _refuse
    __replace__ = _refuse  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _refuse(self)


_HANDLES: Final[dict[type, type[_HeldReservation]]] = {
    GeneralEffects: GeneralReservation,
    PlainFunds: FundsReservation,
}


class EngineDropCopyOperation(DropCopyOperation):
    """The handle of a recorded order that the venue has already."""

    __slots__ = ("_block", "_core", "_effects", "_is_blocked", "_open", "_thread")

    _effects: Effects
    _core: EngineCore
    _block: AccountBlock | None
    _is_blocked: bool
    _open: bool
    _thread: int

    @classmethod
    def _of(cls, core: EngineCore, recorded: Recorded) -> EngineDropCopyOperation:
        self: EngineDropCopyOperation = _new(cls)
        self._core = core
        self._effects, self._block, self._is_blocked = recorded
        self._open = True
        self._thread = self._effects.thread
        return self

    def _use(self) -> Effects:
        if self._thread and self._thread != get_ident():
            raise _wrong_thread("DropCopyOperation")
        if not self._open:
            raise RuntimeError(OPERATION_USED)
        return self._effects

    def commit(self) -> None:
        core = self._core
        try:
            with core.lock or _NO_LOCK:
                effects = self._use()
                self._open = effects.open = False
                try:
                    effects.commit()
                except BaseException:
                    effects.commit()
                    raise
        finally:
            core.finisher.settle()

    def rollback(self) -> None:
        core = self._core
        try:
            with core.lock or _NO_LOCK:
                effects = self._use()
                self._open = False
                try:
                    effects.rollback()
                except BaseException:
                    effects.rollback()
                    raise
        finally:
            core.finisher.settle()

    @property
    def lock(self) -> Lock:
        return lock_of(self._use())

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        return outcomes_of(self._use().rows)

    @property
    def account_block(self) -> AccountBlock | None:
        self._use()
        return self._block

    @property
    def is_account_blocked(self) -> bool:
        self._use()
        return self._is_blocked


def lock_of(effects: Effects | None) -> Lock:
    """Return a fresh lock with the effects' prices."""
    return new_lock({} if effects is None else effects.lock_groups or {})


# --- results -----------------------------------------------------------------------------------


def show_started(core: EngineCore, answer: Started | Sequence[Reject]) -> StartResult:
    """Return the result of a start stage."""
    if isinstance(answer, Started):
        return new_start_result(EngineRequest._of(core, answer), ())
    return new_start_result(None, answer)


def show_checked(core: EngineCore, answer: Checked) -> ExecuteResult:
    """Return the result of an order; what it holds becomes its own handle."""
    result: ExecuteResult = _new(ExecuteResult)
    if isinstance(answer, Effects):
        answer.__class__ = _HANDLES[type(answer)]
        result._reservation = answer  # type: ignore[assignment]  # it is one now
        result._rejects = ()
    elif answer is None:
        reservation: IdleReservation = _new(IdleReservation)
        reservation._finisher = core.finisher
        reservation._open = True
        reservation._thread = get_ident() if core.lock is None else 0
        result._reservation = reservation
        result._rejects = ()
    else:
        result._reservation = None
        result._rejects = answer
    return result


def show_recorded(core: EngineCore, answer: Recorded | Sequence[Reject]) -> DropCopyResult:
    """Return the result of a drop copy."""
    if isinstance(answer, Recorded):
        return new_drop_copy_result(EngineDropCopyOperation._of(core, answer), ())
    return new_drop_copy_result(None, answer)


def show_dry_run(answer: DryRun) -> DryRunReport:
    """Return the report of a dry run."""
    effects, block = answer
    lock = new_lock(effects.lock_groups or {})
    return new_dry_run_report(effects.rejects or None, lock, effects.rows, block)


def let_go(answer: Checked | Recorded) -> None:
    """Roll back what was not shown, because an interrupt came in between."""
    effects = answer.effects if isinstance(answer, Recorded) else answer
    if isinstance(effects, Effects):
        with suppress(BaseException):
            effects.rollback()


def show_adjusted(answer: Adjusted) -> AccountAdjustmentBatchResult:
    """Return the result of a batch of adjustments."""
    return new_account_adjustment_batch_result(*answer)


# --- each of many ------------------------------------------------------------------------------


def commit(reservation: Reservation) -> bool:
    """Commit a reservation; True says that it is done."""
    reservation.commit()
    return True


def rollback(reservation: Reservation) -> bool:
    """Roll back a reservation; True says that it is done."""
    reservation.rollback()
    return True
