"""The public blocking engine over several worker processes."""

# Generated from ../aio/engine.py by scripts/blocking_faces.py: change it there.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from openpit.client.missed import taken
from openpit.client.times import timed
from openpit.engine.accounts import account_value
from openpit.engine.arguments import checked_adjustments
from openpit.faces.blocking.accounts import ShardedAccounts, new_sharded_accounts
from openpit.faces.blocking.actors import ActorCalls
from openpit.faces.blocking.market import ShardedMarketData, new_sharded_market_data
from openpit.faces.blocking.settings import ShardedConfigurator, new_sharded_configurator
from openpit.param.words import plain_text
from openpit.pretrade.account_state import account_state_of, group_states_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from openpit.account_adjustment import Adjustment
    from openpit.client.batches import ExecuteMany
    from openpit.client.client import Client
    from openpit.client.missed import MissedAnswers
    from openpit.client.outcome import CallOutcome
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.errors import OutcomeUnknown
    from openpit.faces.blocking.driver import BlockingDriver
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
    from openpit.pretrade.open_reservation import OpenReservation
    from openpit.pretrade.results import PostTradeResult
    from openpit.pretrade.start import Request
    from openpit.router.router import Router
    from openpit.wire.shard_stats import ShardStats

__all__ = ["ShardedEngine", "new_sharded_engine", "renew_sharded_engine"]


class ShardedEngine(ActorCalls):
    """An engine whose accounts are spread over worker processes; any threads may call it.

    Made by ``Engine.builder().sharded(...)....build()``.

    It has the methods of :class:`openpit.Engine`, with the same results and exceptions; what only
    several processes can do is this:

    * An order that its shard cannot check is denied, with one reject of policy ``Router``, code
      ``SystemUnavailable``, and the shard's number in the details.
    * Any other call raises :class:`openpit.errors.ShardDown` when nothing was sent, and
      :class:`openpit.errors.OutcomeUnknown` when the answer is lost.
    * Every call raises :class:`openpit.errors.ShardOverloaded` when its shard had no credit within
      ``max_wait`` (:class:`openpit.errors.ShardStalled`, at once, while it answers nothing), and
      :class:`openpit.errors.EngineClosed` after :meth:`close`.

    Use it as a context manager, or call :meth:`close`.
    """

    __slots__ = ("__weakref__", "_client", "_driver", "_router")
    __module__ = "openpit"

    _client: Client
    _router: Router
    _driver: BlockingDriver

    @classmethod
    def _of(cls, driver: BlockingDriver) -> ShardedEngine:
        self: ShardedEngine = object.__new__(cls)
        self._driver = driver
        self._renew()
        return self

    def _renew(self) -> None:
        """Go on with the client that the face has now."""
        self._client = self._driver.client
        self._router = self._driver.router

    def __del__(self) -> None:
        # Handles may outlive the engine; a pending request must then refuse.
        self._client.is_held = False

    # --- orders --------------------------------------------------------------------------------

    def start_pre_trade(self, order: Order, *, key: str | bytes | None = None) -> StartResult:
        """Run the start stage; the result's ``request`` runs the main stage once.

        With a ``key``, as :meth:`execute_pre_trade`.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`, or an attribute of it cannot travel.
            Exception: the first one that a custom policy raised; the order did not pass.
            ShardedEngineError: the key is another call's, or the engine is closed.
        """
        result: StartResult = self._driver.run(self._client.start_stage, order, key)
        return result

    def start_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        """Answer as :meth:`start_pre_trade` would, and record nothing.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`, or an attribute of it cannot travel.
            Exception: the first one that a custom policy raised.
            EngineClosed: the engine is closed.
        """
        result: DryRunReport = self._driver.run(self._client.start_dry_run, order)
        return result

    def execute_pre_trade(self, order: Order, *, key: str | bytes | None = None) -> ExecuteResult:
        """Run both stages; the result's ``reservation`` is there exactly if the order passed.

        With a ``key``, of 1 to 128 bytes, the order is checked once: another call of its account
        with that key within ``key_window`` gets the first answer again, and its reservation as it
        stands then (see ``docs/keys.md``).

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`, an attribute of it cannot travel, or
                ``key`` is neither str nor bytes.
            ValueError: ``key`` is empty or too long, or the order has one and no account id.
            KeyConflict: another call of the account had the key.
            Exception: the first one that a custom policy raised; the order did not pass.
            EngineClosed: the engine is closed.
        """
        result: ExecuteResult = self._driver.run(self._client.execute, order, key)
        return result

    def execute_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        """Answer as :meth:`execute_pre_trade` would, and record nothing.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`, or an attribute of it cannot travel.
            Exception: the first one that a custom policy raised.
            EngineClosed: the engine is closed.
        """
        result: DryRunReport = self._driver.run(self._client.execute_dry_run, order)
        return result

    def apply_drop_copy(self, order: Order) -> DropCopyResult:
        """Record an order that the venue has already: blocks do not stop it.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`, or an attribute of it cannot travel.
            Exception: the first one that a custom policy raised.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        result: DropCopyResult = self._driver.run(self._client.drop_copy, order)
        return result

    # --- what comes back -----------------------------------------------------------------------

    def apply_execution_report(
        self, report: ExecutionReport, *, key: str | bytes | None = None
    ) -> PostTradeResult:
        """Apply a fill, a cancel or another report; nothing of it is ever rolled back.

        With a ``key``, as :meth:`execute_pre_trade`: it is applied once.

        Raises:
            TypeError: ``report`` is no :class:`openpit.ExecutionReport`, or an attribute of it
                cannot travel.
            Exception: the first one that a custom policy raised; blocks are recorded all the same.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        result: PostTradeResult = self._driver.run(self._client.report, report, key)
        return result

    def apply_account_adjustment(
        self,
        account_id: AccountId,
        adjustments: Iterable[Adjustment],
        *,
        key: str | bytes | None = None,
    ) -> AccountAdjustmentBatchResult:
        """Apply all adjustments to an account, or none of them.

        With a ``key``, as :meth:`execute_pre_trade`: they are applied once.

        Raises:
            TypeError: ``account_id`` or an adjustment is of another class, or an attribute of one
                cannot travel.
            Exception: what a custom policy raised; nothing is applied.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        account = account_value(account_id)
        listed = checked_adjustments(adjustments)
        result: AccountAdjustmentBatchResult = self._driver.run(
            self._client.adjust, account, listed, key
        )
        return result

    # --- volume --------------------------------------------------------------------------------

    def execute_pre_trade_many(self, orders: Iterable[Order]) -> list[ExecuteResult]:
        """Execute orders, each account's in sequence; results in the order of the input.

        The clock is read for each as it is taken. Shards work side by side: an engine-wide block
        that one order arms stops the orders of other shards from the next call on, and an order
        that a block stops counts for the orders of other shards until its own has said so.

        Raises:
            SomeItemsFailed: some raised. Its ``results`` are those of the others, with their
                reservations, which roll back when nobody holds the exception or them.
            TypeError: ``orders`` cannot be iterated.
            EngineClosed: the engine is closed.
        """
        driver = self._driver
        listed, times = timed(orders, driver.clock)
        call: ExecuteMany = driver.run_part(self._client.execute_many, listed, times)
        try:
            self._go_on(call)
        except BaseException:
            driver.abandon(call)  # nobody receives what it has so far
            raise
        return call.result()  # type: ignore[no-any-return]  # the list of results

    def commit_many(self, reservations: Iterable[Reservation]) -> None:
        """Commit every reservation.

        Raises:
            SomeItemsFailed: some failed; the others are done, and ``results`` is True for them.
                Whatever else ends the call in its midst has such ``results`` and ``failures``, too.
            EngineClosed: the engine is closed.
        """
        self._driver.run_many(self._client.commit_many, list(reservations))

    def rollback_many(self, reservations: Iterable[Reservation]) -> None:
        """Roll back every reservation.

        Raises:
            SomeItemsFailed: some failed; the others are done, and ``results`` is True for them.
                Whatever else ends the call in its midst has such ``results`` and ``failures``, too.
            EngineClosed: the engine is closed.
        """
        self._driver.run_many(self._client.rollback_many, list(reservations))

    def apply_execution_report_many(
        self, reports: Iterable[ExecutionReport]
    ) -> list[PostTradeResult]:
        """Apply every report, each account's in sequence; results in the order of the input.

        Raises:
            SomeItemsFailed: some failed; ``results`` are those of the others, which are applied.
                Whatever else ends the call in its midst has such ``results`` and ``failures``, too.
            EngineClosed: the engine is closed.
        """
        results: list[PostTradeResult] = self._driver.run_many(
            self._client.report_many, list(reports)
        )
        return results

    # --- administration ------------------------------------------------------------------------

    def accounts(self) -> ShardedAccounts:
        """Return a handle on groups, blocks and currencies; it outlives this object."""
        return new_sharded_accounts(self._driver)

    def configure(self) -> ShardedConfigurator:
        """Return a handle on the policies' settings; it outlives this object."""
        return new_sharded_configurator(self._driver, self)

    def market_data(self, policy: str | None = None) -> ShardedMarketData:
        """Return a handle on market data of the server that this engine is connected to.

        ``policy`` is the name of one that reads it; with a single service there, none is needed.

        Raises:
            LookupError: no policy of that name reads a service; or there is none, or several.
            RuntimeError: this engine's workers are the program's own, and so is the service: the
                object that its policies were given.
        """
        return new_sharded_market_data(self._driver, policy)

    def halt(self, reason: str) -> None:
        """Reject every order of every account with ``AccountBlocked`` and this reason, from now on.

        That is so on every shard when this returns. One that is stalled denies its orders, and is
        told before anything else when it answers. Reports, commits, rollbacks and adjustments go
        on, drop copies are recorded. A second reason replaces the first. Only :meth:`resume` takes
        it back: ``unblock_all()`` does not.

        Raises:
            TypeError: ``reason`` is no text.
            ShardDown: no shard is left.
            OutcomeUnknown: all shards, or the server, went before one had answered.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        self._driver.run(self._client.halt, plain_text(reason))
        if self._router.books.stalled:
            # None of them answers: a server that gives the next turn has what they are to do.
            self._driver.run(self._client.own_turn)

    def resume(self) -> None:
        """Let orders pass again that :meth:`halt` has stopped. Idempotent.

        Raises:
            ShardStalled: a shard answers nothing; nothing has changed.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        self._driver.run(self._client.resume)

    def halted(self) -> str | None:
        """Return the reason that :meth:`halt` was given, None while orders are not halted.

        Raises:
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        reason: str | None = self._driver.run(self._client.ask, "halted")
        return reason

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return the built-in policies' settings in force, by the tables of a `limits.toml`.

        Raises:
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        tables: dict[str, dict[str, Any]] = self._driver.run(self._client.ask, "settings")
        return tables

    def groups(self) -> list[GroupState]:
        """Return the groups that have members, a block or a currency, by their numbers.

        Raises:
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        told = [self._driver.run(self._client.ask, "groups", shard) for shard in range(self.shards)]
        return group_states_of(told)

    def account_state(self, account_id: AccountId) -> AccountState:
        """Return what the account's shard knows of it; it changes nothing.

        An account that nobody has ever named has a state, too: nothing. Handles are those of all
        programs that share the engine.

        Raises:
            TypeError: ``account_id`` is no :class:`openpit.param.AccountId`.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        number = account_value(account_id)
        row = self._driver.run(self._client.administer, number, "account_row")
        return account_state_of(number, row)

    # --- shards --------------------------------------------------------------------------------

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return len(self._router.links)

    def shard_of(self, account_id: AccountId) -> int:
        """Return the number of the shard that owns an account.

        Raises:
            TypeError: ``account_id`` is no :class:`openpit.param.AccountId`.
        """
        return self._router.link_of(account_value(account_id)).number

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard, in the order of their numbers."""
        return self._driver.stats()

    def poll(self) -> None:
        """Roll back the reservations that nobody holds any more; wait for nothing.

        The next call does so, too, ahead of its own; the asyncio engine does by itself, in the next
        turn of its loop. Shards that are silent or have ended are noticed as well.
        """
        self._driver.poll()

    def open_reservations(
        self,
    ) -> list[OpenReservation[Reservation | DropCopyOperation | Request]]:
        """Return what was open when the engine ended on whose journal this one was built: once.

        Each has its account, its order and a handle that commits and rolls back; they come in the
        order of the shards, and there of their submission. Orders that had changed nothing are not
        among them: there is nothing to commit. What is not asked for within ``grace`` seconds of
        the start is rolled back. Without a journal there is nothing, and so there is in a session
        of a server, but for one with a name: see :func:`openpit.connect`.

        What is open on a shard that is stalled or down is not told; ask again when it is up.

        Raises:
            EngineClosed: the engine is closed.
        """
        found = self._driver.run(self._client.ask_left)
        return self._client.left.take(found)

    def missed_answers(self) -> MissedAnswers:
        """Return the answers that the engine's former life may have missed: once.

        That is of a program that ended with calls in flight, and is built again on its journal, or
        connects again under its name: each answer that a later call on its shard has not
        acknowledged, with what was asked. So the last answers that it had may be among them. They
        come in the order of the shards, and there of the calls; questions and changes that span
        shards are not among them. What is not asked for within ``grace`` seconds of the start is
        let go of. Without a journal there is nothing, nor in a session without a name.

        What a shard that is stalled or down has, is not told; ask again when it is up. What is open
        is among the :meth:`open_reservations`, too, which are to be asked for in any case.

        Raises:
            EngineClosed: the engine is closed.
        """
        found = self._driver.run(self._client.ask_missed)
        return taken(self._client.left, found)

    def outcome(
        self, lost: OutcomeUnknown | ExecuteResult | StartResult | DropCopyResult
    ) -> CallOutcome:
        """Ask what became of a call whose answer was lost: by its error, or by an order's denial.

        Raises:
            OutcomeUnknown: that is not known, for the reason that it tells; see docs/journal.md.
            ValueError: the call has its answer, or was another engine's.
        """
        outcome: CallOutcome = self._driver.run(self._client.outcome, lost)
        return outcome

    def close(self, *, rollback: bool = False) -> None:
        """Roll back every open reservation and end the workers. Idempotent.

        Where there is a journal, reservations, requests and drop copies stay open for
        :meth:`open_reservations` of the next start; with ``rollback`` they do not.

        Calls in flight get their answers first, within the engine's ``timeout``, and those that
        wait for a worker to be replaced when it is, within ``recovery_timeout`` more. A worker that
        has stopped unnoticed costs one ``timeout``, for all of them together, and is killed then;
        one that is known to be stalled is at once.
        """
        self._driver.close(rollback=rollback)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_sharded_engine = ShardedEngine._of
renew_sharded_engine = ShardedEngine._renew
