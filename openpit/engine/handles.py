"""The handles of an engine in this process: request, reservation, drop-copy operation.

Each is used once. Under ``full_sync`` and ``account_sync`` any thread may use it, under the
engine's lock; under ``no_sync`` only the thread that made it, and another one gets a RuntimeError
that names the rule (where the original aborts the process).
"""

from __future__ import annotations

from contextlib import nullcontext
from threading import get_ident
from typing import TYPE_CHECKING, Final

from openpit.core.lock import Lock
from openpit.pretrade.handles import DropCopyOperation, Reservation
from openpit.pretrade.outcomes import outcomes_of
from openpit.pretrade.start import Request

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from openpit.core.order import Order
    from openpit.engine.call import EngineCall
    from openpit.engine.core import EngineCore
    from openpit.engine.finalize import Effects
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.pretrade.rejects import AccountBlock
    from openpit.pretrade.results import ExecuteResult

__all__ = ["EngineDropCopyOperation", "EngineRequest", "EngineReservation"]

_REQUEST_USED: Final = "request has already been executed"
_RESERVATION_USED: Final = "reservation has already been finalized"
_OPERATION_USED: Final = "drop-copy operation has already been finalized"
_NO_LOCK: Final[AbstractContextManager[object]] = nullcontext()


def _wrong_thread(handle: str) -> RuntimeError:
    return RuntimeError(
        f"{handle} of a no_sync engine used from another thread than the one that made it; "
        "build the engine with full_sync() or account_sync()"
    )


class EngineRequest(Request):
    """An order that passed the start stage."""

    __slots__ = ("_call", "_core", "_order", "_thread")

    _call: EngineCall | None
    _core: EngineCore
    _order: Order | None
    _thread: int

    @classmethod
    def _of(cls, core: EngineCore, order: Order, call: EngineCall | None) -> EngineRequest:
        self: EngineRequest = object.__new__(cls)
        self._core = core
        self._order = order
        self._call = call
        self._thread = get_ident() if core.lock is None else 0
        return self

    def execute(self) -> ExecuteResult:  # type: ignore[override]  # the class of both its cases
        core = self._core
        if self._thread and self._thread != get_ident():
            raise _wrong_thread("Request")
        try:
            with core.lock or _NO_LOCK:
                order = self._order
                if order is None:
                    raise RuntimeError(_REQUEST_USED)
                self._order = None
                return core.execute_started(order, self._call, core.clock())
        finally:
            core.finisher.settle()


class EngineReservation(Reservation):
    """The handle of an accepted order."""

    __slots__ = ("_core", "_effects", "_open", "_thread")

    # None where the order changed nothing: no lock price, no outcome, no mutation.
    _effects: Effects | None
    _core: EngineCore
    _open: bool
    _thread: int

    def _use(self) -> Effects | None:
        if self._thread and self._thread != get_ident():
            raise _wrong_thread("Reservation")
        if not self._open:
            raise RuntimeError(_RESERVATION_USED)
        return self._effects

    def commit(self) -> None:
        core = self._core
        if core.lock is None:
            # Every accepted order comes here: _use() written out.
            if self._thread != get_ident():
                raise _wrong_thread("Reservation")
            if not self._open:
                raise RuntimeError(_RESERVATION_USED)
            self._open = False
            effects = self._effects
            if effects is not None:
                effects.open = False
                try:
                    effects.commit()
                except BaseException:
                    effects.commit()  # what an interrupt has kept from running; see finalize.py
                    raise
            return
        try:
            with core.lock:
                effects = self._use()
                self._open = False
                if effects is not None:
                    effects.open = False
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
                if effects is not None:
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
        return _outcomes(self._use())


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
    def _of(
        cls,
        core: EngineCore,
        effects: Effects,
        block: AccountBlock | None,
        *,
        is_blocked: bool,
    ) -> EngineDropCopyOperation:
        self: EngineDropCopyOperation = object.__new__(cls)
        self._core = core
        self._effects = effects
        self._block = block
        self._is_blocked = is_blocked
        self._open = True
        self._thread = effects.thread = get_ident() if core.lock is None else 0
        return self

    def _use(self) -> Effects:
        if self._thread and self._thread != get_ident():
            raise _wrong_thread("DropCopyOperation")
        if not self._open:
            raise RuntimeError(_OPERATION_USED)
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
        return _outcomes(self._use())

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
    if effects is None or effects.lock_groups is None:
        return Lock._of({})
    return Lock._of({group: prices.copy() for group, prices in effects.lock_groups.items()})


def _outcomes(effects: Effects | None) -> list[AccountAdjustmentOutcome]:
    return [] if effects is None else outcomes_of(effects.rows)
