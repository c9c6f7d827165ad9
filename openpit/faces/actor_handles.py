"""What an actor holds of an order: handles that end with its message, or are kept.

None of them is rolled back by the garbage collector, whose moment no replay knows: what a message
leaves open is rolled back when it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.faces.handles import (
    EngineDropCopyOperation,
    EngineRequest,
    EngineReservation,
    lock_of,
)
from openpit.pretrade.effects import Effects
from openpit.pretrade.handles import OPERATION_USED, REQUEST_USED, RESERVATION_USED
from openpit.pretrade.outcomes import outcomes_of
from openpit.pretrade.results import ExecuteResult

if TYPE_CHECKING:
    from openpit.core.lock import Lock
    from openpit.engine.answers import Checked, Recorded, Started
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.shards.message_scope import MessageScope

__all__ = ["ActorDropCopyOperation", "ActorRequest", "ActorReservation", "show_to_actor"]

_new = object.__new__


def _begun(handle: Any, scope: MessageScope) -> None:
    """Have a new handle end with the message in hand."""
    handle._thread = 0
    handle._scope = scope
    handle.account = scope.message_account
    scope.add(handle)


class ActorRequest(EngineRequest):
    """An order of a message that passed the start stage."""

    __slots__ = ("_scope", "account")

    _scope: MessageScope
    account: int

    @classmethod
    def _in(cls, scope: MessageScope, started: Started) -> ActorRequest:
        self: ActorRequest = _new(cls)
        self._core = scope.core
        self._started = started
        _begun(self, scope)
        return self

    def execute(self) -> ExecuteResult:  # type: ignore[override]  # the class of both its cases
        scope = self._scope
        scope.use(self, "Request.execute()")
        started, self._started = self._started, None
        if started is None:
            raise RuntimeError(REQUEST_USED)
        scope.forget(self)
        scope.tallies.used += 1
        return show_to_actor(scope, scope.execute_started(started))

    def end(self) -> None:
        """Let go of it: the start stage holds nothing."""
        self._started = None


class ActorReservation(EngineReservation):
    """The handle of an accepted order of a message."""

    __slots__ = ("_effects", "_open", "_scope", "account")

    # None where the order changed nothing.
    _effects: Effects | None
    _open: bool
    _scope: MessageScope
    account: int

    def commit(self) -> None:
        self._finalize("Reservation.commit()", commits=True)

    def rollback(self) -> None:
        self._finalize("Reservation.rollback()", commits=False)

    def _finalize(self, what: str, *, commits: bool) -> None:
        scope = self._scope
        if self.account != scope.account:
            scope.use(self, what)
        if not self._open:
            raise RuntimeError(RESERVATION_USED)
        self._open = False
        effects = self._effects
        if effects is not None:
            scope.forget(self)
            scope.tallies.committed += commits
            finish(effects, commits=commits)

    def end(self) -> None:
        """Roll back for a message that has ended."""
        self._open = False
        _end(self._effects, self._scope)

    def _look(self) -> Effects | None:
        if not self._open:
            raise RuntimeError(RESERVATION_USED)
        return self._effects

    @property
    def lock(self) -> Lock:
        return lock_of(self._look())

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        effects = self._look()
        return [] if effects is None else outcomes_of(effects.rows)


class ActorDropCopyOperation(EngineDropCopyOperation):
    """The handle of a recorded order of a message."""

    __slots__ = ("_scope", "account")

    _scope: MessageScope
    account: int

    @classmethod
    def _in(cls, scope: MessageScope, recorded: Recorded) -> ActorDropCopyOperation:
        self: ActorDropCopyOperation = _new(cls)
        self._core = scope.core
        self._effects, self._block, self._is_blocked = recorded
        self._open = True
        _begun(self, scope)
        return self

    def commit(self) -> None:
        self._finalize("DropCopyOperation.commit()", commits=True)

    def rollback(self) -> None:
        self._finalize("DropCopyOperation.rollback()", commits=False)

    def _finalize(self, what: str, *, commits: bool) -> None:
        scope = self._scope
        scope.use(self, what)
        if not self._open:
            raise RuntimeError(OPERATION_USED)
        self._open = False
        scope.forget(self)
        scope.tallies.committed += commits
        finish(self._effects, commits=commits)

    def end(self) -> None:
        """Roll back for a message that has ended."""
        self._open = False
        _end(self._effects, self._scope)


def finish(effects: Effects, *, commits: bool) -> None:
    """Commit or roll back; what an interrupt has kept from running is asked for once more."""
    effects.open = False
    ask = effects.commit if commits else effects.rollback
    try:
        ask()
    except BaseException:
        ask()
        raise


def _end(effects: Effects | None, scope: MessageScope) -> None:
    """Roll back for somebody who is gone: a failure arms the engine, and only the log has why."""
    if effects is not None:
        account = effects.key  # gone with the rollback
        try:
            finish(effects, commits=False)
        except BaseException as error:  # noqa: BLE001 - see the docstring
            scope.unheard(error, account)


def show_to_actor(scope: MessageScope, answer: Checked) -> ExecuteResult:
    """Return the result of an order; what it holds ends with the message in hand."""
    result: ExecuteResult = _new(ExecuteResult)
    scope.tallies.decided(answer)
    if answer is not None and not isinstance(answer, Effects):
        result._reservation = None
        result._rejects = answer
        return result
    reservation: ActorReservation = _new(ActorReservation)
    reservation._effects = answer
    reservation._open = True
    reservation._scope = scope
    reservation.account = scope.message_account
    if answer is not None:
        scope.add(reservation)
    result._reservation = reservation
    result._rejects = ()
    return result
