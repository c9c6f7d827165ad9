"""The engine that an actor is given: the shard's own, for the account of the message in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.core.order import Order
from openpit.engine.accounts import account_value
from openpit.engine.answers import Recorded, Started
from openpit.engine.arguments import checked_adjustments, checked_order, checked_report
from openpit.faces import handles
from openpit.faces.actor_accounts import new_actor_accounts
from openpit.faces.actor_handles import (
    ActorDropCopyOperation,
    ActorRequest,
    ActorReservation,
    show_to_actor,
)
from openpit.faces.embedded import Engine
from openpit.pretrade.results import PostTradeResult, new_drop_copy_result
from openpit.pretrade.start import new_start_result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.account_adjustment import Adjustment
    from openpit.core.report import ExecutionReport
    from openpit.engine.accounts import Accounts
    from openpit.engine.configurator import Configurator
    from openpit.errors import ActorScopeError
    from openpit.param.ids import AccountId
    from openpit.pretrade.account_state import AccountState, GroupState
    from openpit.pretrade.handles import DropCopyOperation, Reservation
    from openpit.pretrade.narrowed import (
        AccountAdjustmentBatchResult,
        DropCopyResult,
        DryRunReport,
        ExecuteResult,
    )
    from openpit.pretrade.narrowed_start import StartResult
    from openpit.pretrade.start import Request
    from openpit.shards.message_scope import MessageScope

__all__ = ["ActorEngine", "new_actor_engine"]

_new = object.__new__


class ActorEngine(Engine):
    """The engine that an actor is given: the methods of :class:`openpit.Engine`, for one account.

    While ``receive(account_id, message)`` runs, it acts for that account. Another account's order
    is rejected (``SystemUnavailable``, policy ``Actor``), and so is one that a rate over several
    accounts would count, beyond what the message has declared. Whatever else is not the account's
    own raises :class:`openpit.errors.ActorScopeError`: reports, adjustments and blocks of others,
    groups, settings, halts; and everything while there is no message, as in ``__init__``.

    What a message leaves open is rolled back when it ends, unless :meth:`keep` says otherwise.
    Dropping a handle does nothing before that.
    """

    __slots__ = ("_scope",)
    __module__ = "openpit"

    _scope: MessageScope

    @classmethod
    def _in(cls, scope: MessageScope) -> ActorEngine:
        self: ActorEngine = _new(cls)
        core = scope.core
        self._core = core
        self._clock = scope.clock
        self._lock = None
        self._execute = core.execute
        self._scope = scope
        return self

    def __del__(self) -> None:
        """Do nothing: the engine is the shard's."""

    # --- what only an actor has ------------------------------------------------------------------

    @property
    def is_replaying(self) -> bool:
        """Whether the message in hand is received again, out of the journal.

        It was received before, by an actor whose worker has ended: what that one did outside the
        engine it has done, or begun to. Always False without a journal, and outside of messages.
        """
        return self._core.registry.is_replaying

    def now(self) -> int:
        """Return the time of the message in hand, in nanoseconds: the only clock of an actor."""
        return self._scope.clock.now

    def at(self, now: int) -> None:
        """Have the rest of the message at a later time, in nanoseconds; for recorded flows.

        What a rate over several accounts counts, it counts at the time of the message still.

        Raises:
            TypeError: ``now`` is no int.
            ValueError: it is before the time of the message.
            ActorScopeError: there is no message in hand.
        """
        scope = self._scope
        if type(now) is not int:
            raise TypeError(f"now must be nanoseconds as an int, not {type(now).__name__}")
        if scope.account is None:
            raise scope.refusal("at()")
        if now < scope.clock.now:
            raise ValueError(f"time {now} is before that of the message, {scope.clock.now}")
        scope.clock.now = now

    def keep(self, handle: Reservation | DropCopyOperation | Request) -> None:
        """Have a handle outlive the message in hand: it is the actor's to end, in a later one.

        That is a message of the same account. It ends by a commit or a rollback, and is rolled back
        with the shard; the garbage collector does not end it.

        Raises:
            TypeError: it is no handle of this engine.
            ActorScopeError: it is not of the message in hand, or has ended.
        """
        if not isinstance(handle, (ActorReservation, ActorDropCopyOperation, ActorRequest)):
            raise TypeError(f"keep() takes a handle of this engine, not {type(handle).__name__}")
        if isinstance(handle, ActorReservation) and handle._open and handle._effects is None:
            return  # it holds nothing
        self._scope.keep(handle)

    # --- orders ----------------------------------------------------------------------------------

    def start_pre_trade(self, order: Order) -> StartResult:
        answer = self._scope.start(checked_order(order))
        if isinstance(answer, Started):
            return new_start_result(ActorRequest._in(self._scope, answer), ())  # type: ignore[return-value]  # see Engine
        self._scope.tallies.refuse(answer)
        return new_start_result(None, answer)  # type: ignore[return-value]  # as above

    def start_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        run = self._core.start_dry_run
        return handles.show_dry_run(self._scope.dry_run(run, checked_order(order)))  # type: ignore[return-value]  # as above

    def execute_pre_trade(self, order: Order) -> ExecuteResult:
        if type(order) is not Order:
            order = checked_order(order)
        return show_to_actor(self._scope, self._scope.execute(order))  # type: ignore[return-value]  # as above

    def execute_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        run = self._core.execute_dry_run
        return handles.show_dry_run(self._scope.dry_run(run, checked_order(order)))  # type: ignore[return-value]  # as above

    def apply_drop_copy(self, order: Order) -> DropCopyResult:
        answer = self._scope.drop_copy(checked_order(order))
        if isinstance(answer, Recorded):
            operation = ActorDropCopyOperation._in(self._scope, answer)
            return new_drop_copy_result(operation, ())  # type: ignore[return-value]  # as above
        self._scope.tallies.refuse(answer)
        return new_drop_copy_result(None, answer)  # type: ignore[return-value]  # as above

    # --- what comes back -------------------------------------------------------------------------

    def apply_execution_report(self, report: ExecutionReport) -> PostTradeResult:
        result: PostTradeResult = _new(PostTradeResult)
        applied = self._scope.apply_report(checked_report(report))
        result._blocks, result._pnls, result._rows = applied
        return result

    def apply_account_adjustment(
        self, account_id: AccountId, adjustments: Iterable[Adjustment]
    ) -> AccountAdjustmentBatchResult:
        account = account_value(account_id)
        applied = self._scope.adjust(account, checked_adjustments(adjustments))
        return handles.show_adjusted(applied)  # type: ignore[return-value]  # as above

    # --- administration --------------------------------------------------------------------------

    def accounts(self) -> Accounts:
        """Return a handle on the account's block and currency; the rest of it raises."""
        return new_actor_accounts(self._scope)

    def account_state(self, account_id: AccountId) -> AccountState:
        self._scope.check("account_state()", account_value(account_id))
        return super().account_state(account_id)

    def configure(self) -> Configurator:
        """Refuse: settings are the whole engine's.

        Raises:
            ActorScopeError: always.
        """
        raise self._refusal("configure()")

    def halt(self, reason: str) -> None:
        """Refuse: a halt is the whole engine's.

        Raises:
            ActorScopeError: always.
        """
        raise self._refusal("halt()")

    def resume(self) -> None:
        """Refuse: a halt is the whole engine's.

        Raises:
            ActorScopeError: always.
        """
        raise self._refusal("resume()")

    def groups(self) -> list[GroupState]:
        """Refuse: groups have members on every shard.

        Raises:
            ActorScopeError: always.
        """
        raise self._refusal("groups()")

    def _refusal(self, what: str) -> ActorScopeError:
        return self._scope.refusal(what)


# Makers for the rest of the package, unchecked: a program is handed what they make.
def new_actor_engine(scope: MessageScope) -> Any:
    """Return the engine of an actor; a worker finds this by its name."""
    return ActorEngine._in(scope)
