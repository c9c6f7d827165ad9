"""The pipeline: what happens to an order, a report and an adjustment, policy by policy.

No clock, no lock, no class checks and no results here: whoever shows what it answers brings them.
"""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, Final

from openpit.core.contexts import order_context
from openpit.core.order import account_of
from openpit.core.report import ensure_captured as ensure_report_captured
from openpit.engine.adjustments import adjust
from openpit.engine.answers import DryRun, Started, engine_gone
from openpit.engine.call import DropCopyCall, EngineCall
from openpit.engine.custom import CustomPolicy
from openpit.engine.drop_copy import DropCopies
from openpit.engine.dry_runs import DryRuns
from openpit.engine.finalize import Finisher
from openpit.engine.one_policy import OnePolicy
from openpit.engine.registry import ENGINE, AccountRegistry
from openpit.engine.reports import NOTHING, merged, tell_all
from openpit.pretrade.effects import Effects, GeneralEffects
from openpit.pretrade.policy_contract import overrides
from openpit.pretrade.rejects import Reject, first_block, new_reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from threading import RLock

    from openpit.account_adjustment import Adjustment
    from openpit.core.contexts import Context
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.engine.answers import Adjusted, Applied, Checked, Recorded
    from openpit.pretrade.outcomes import GroupRow
    from openpit.pretrade.policy_contract import BuiltinPolicy, ReportEffect
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["EngineCore"]


class EngineCore:
    """Policies, their accounts, and the order in which everything is asked."""

    __slots__ = (
        "_adjustment_policies",
        "_bind_thread",
        "_drop_copies",
        "_dry_runs",
        "_main_check",
        "_main_checks",
        "_report_policies",
        "_report_policy",
        "_reserves_nothing",
        "_start_checks",
        "alive",
        "clock",
        "finisher",
        "has_custom",
        "lock",
        "marks_busy",
        "policies",
        "registry",
    )

    def __init__(
        self,
        policies: Sequence[BuiltinPolicy],
        *,
        clock: Callable[[], int],
        lock: RLock | None,
        has_custom: bool,
    ) -> None:
        self.policies: Final = tuple(policies)
        self.registry: Final = AccountRegistry()
        # For the handles, which need them later on.
        self.clock: Final = clock
        self.lock: Final = lock
        self.finisher: Final = Finisher(self.registry, lock)
        self.alive = True
        self.has_custom = has_custom
        self._bind_thread = lock is None

        def hooks(name: str) -> tuple[BuiltinPolicy, ...]:
            return tuple(policy for policy in self.policies if overrides(policy, name))

        # A hook that a policy does not override is not called at all: most policies use one stage.
        starts = [
            policy
            for policy in hooks("check_start")
            if not (isinstance(policy, CustomPolicy) and policy.skips_start)
        ]
        self._start_checks = tuple(policy.check_start for policy in starts)
        self._main_checks = tuple((p.check_main, p.group_id) for p in hooks("check_main"))
        # The one that is asked in the main stage, where it is the only one.
        self._main_check = self._main_checks[0] if len(self._main_checks) == 1 else None
        self._dry_runs = DryRuns(
            [policy.peek_start for policy in hooks("peek_start")],
            [(p.peek_main, p.group_id) for p in hooks("peek_main")],
        )
        self._drop_copies = DropCopies(
            [policy.check_start for policy in starts if policy.checks_drop_copies],
            [(p.check_drop_copy, p.group_id) for p in hooks("check_drop_copy")],
        )
        self._report_policies = hooks("apply_report")
        # The one policy that reports concern, where it is the only one and built in.
        alone = len(self._report_policies) == 1 and not has_custom
        self._report_policy = self._report_policies[0] if alone else None
        self._adjustment_policies = hooks("apply_adjustment")
        # A dropped handle must not be rolled back in the middle of a built-in policy's arithmetic.
        self.marks_busy = any(not isinstance(policy, CustomPolicy) for policy in self.policies)
        for policy in self.policies:
            policy.bind(self.registry)
        # Without a main stage and without callbacks nothing can be reserved, raise or re-enter.
        self._reserves_nothing: Final = not (has_custom or self._main_checks)

    # --- orders --------------------------------------------------------------------------------

    def start(self, order: Order, now: int) -> Started | Sequence[Reject]:
        """Run the start stage; what it counts stays counted."""
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        account = account_of(order)
        if self.registry.anything_blocked and (stopped := self.registry.check(account)) is not None:
            return [stopped]
        call = order_context(self.registry, account) if self.has_custom else None
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            rejects = self._start_stage(order, account, now, call)
        finally:
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()
        return rejects or finisher.waiting(Started(order, call))

    def execute_started(self, started: Started, now: int) -> Checked:
        """Run the main stage of an order that passed :meth:`start`."""
        if not self.alive:
            return [engine_gone()]
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            finisher.requests.discard(started)
            order = started.order
            return self._main_stage(order, order._account_, now, started.call)
        finally:
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()

    @property
    def execute(self) -> Callable[[Order, int], Checked]:
        """What runs both stages of an order at a time; made anew, so whoever calls it keeps it.

        Not kept here: an engine that held its own method would be in a cycle, and stay after the
        last reference to it has gone.
        """
        if self._reserves_nothing:
            return self._execute_checks
        if self._main_check is None:
            return self._execute
        return OnePolicy(
            self.registry, self.finisher, *self._main_check, self._refuse,
            self._start_stage if self._start_checks else None,
            has_custom=self.has_custom, marks_busy=self.marks_busy,
        ).execute  # fmt: skip

    def _execute_checks(self, order: Order, now: int) -> list[Reject] | None:
        """Run both stages where all policies are built in and use the start stage alone."""
        try:
            account = order._account_
        except AttributeError:
            account = account_of(order)
        registry = self.registry
        if registry.anything_blocked and (stopped := registry.check(account)) is not None:
            return [stopped]
        rejects: list[Reject] | None = None
        for check in self._start_checks:
            found = check(order, now, None)
            if found is not None:
                rejects = found if rejects is None else rejects + found
        if rejects is not None:
            self._block_by_rejects(account, rejects)
        return rejects

    def _execute(self, order: Order, now: int) -> Checked:
        """Run both stages."""
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        registry = self.registry
        try:
            account = order._account_
        except AttributeError:
            account = account_of(order)
        if registry.anything_blocked and (stopped := registry.check(account)) is not None:
            return [stopped]
        call = order_context(registry, account) if self.has_custom else None
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            if self._start_checks:
                rejects = self._start_stage(order, account, now, call)
                if rejects:
                    return rejects
            return self._main_stage(order, account, now, call)
        finally:
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()

    def _start_stage(
        self, order: Order, account: int | None, now: int, call: Context | None
    ) -> list[Reject] | None:
        rejects: list[Reject] | None = None
        failure: BaseException | None = None
        for check in self._start_checks:
            try:
                found = check(order, now, call)
            except BaseException as error:  # noqa: BLE001 - the other policies still count
                if failure is None:
                    failure = error
                continue
            if found:
                rejects = found if rejects is None else rejects + found
        if rejects:
            self._block_by_rejects(account, rejects)
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # see finalize.py: no cycle through this frame
        return rejects

    def _main_stage(
        self, order: Order, account: int | None, now: int, call: Context | None
    ) -> Checked:
        registry = self.registry
        if registry.anything_blocked and (stopped := registry.check(account)) is not None:
            return [stopped]
        effects: Effects | None = None
        heard: Sequence[tuple[Effects, int]] = ()
        try:
            if self._main_check is None:
                answers: list[tuple[Effects, int]] = []
                heard = answers
                self._ask(answers, order, now, call)
                if not heard:
                    return None
            else:
                check, group_id = self._main_check
                try:
                    verdict = check(order, now, call)
                except BaseException as error:  # noqa: BLE001 - raised below, when all is undone
                    verdict = GeneralEffects(failure=error)
                if verdict is None:
                    return None
                heard = ((verdict, group_id),)
                if not verdict.rejects and verdict.failure is None:
                    effects = self.finisher.taken(verdict, group_id)
            if effects is None:
                effects = self.finisher.merged(heard)
            effects.thread = get_ident() if self._bind_thread else 0
            effects.open = True
            if not effects.rejects and effects.failure is None:
                if effects.mutations:
                    self.finisher.count_in(effects, account)
                return effects
        except BaseException:
            # Policies are answered for in _ask(): a signal's handler has raised, between two steps.
            effects = effects or self.finisher.effects()
            effects.include_all(heard)
            with suppress(BaseException):
                effects.rollback()
            raise
        try:
            return self._refuse(account, effects)
        except BaseException:
            with suppress(BaseException):
                effects.rollback()  # what an interrupt has kept from running
            raise

    def _ask(
        self, heard: list[tuple[Effects, int]], order: Order, now: int, call: Context | None
    ) -> None:
        """Ask every policy; a verdict is heard before anything could be interrupted."""
        for check, group_id in self._main_checks:
            try:
                verdict = check(order, now, call)
            except BaseException as error:  # noqa: BLE001 - the other policies still count
                verdict = GeneralEffects(failure=error)
            if verdict is not None:
                heard.append((verdict, group_id))

    def _refuse(self, account: int | None, effects: Effects) -> Sequence[Reject]:
        try:
            effects.undo()
        finally:
            # After the rollbacks: a callback that calls the engine again finds no block yet.
            if effects.rejects:
                self._block_by_rejects(account, effects.rejects)
        return effects.rejects

    def _block_by_rejects(self, account: int | None, rejects: Sequence[Reject]) -> None:
        if account is not None and (block := first_block(rejects)) is not None:
            self.registry.block(account, block)

    # --- dry runs ------------------------------------------------------------------------------

    def start_dry_run(self, order: Order, now: int) -> DryRun:
        """Answer as :meth:`start` would; record nothing."""
        return self._dry_run(order, now, with_main_stage=False)

    def execute_dry_run(self, order: Order, now: int) -> DryRun:
        """Answer as :meth:`execute` would; record nothing."""
        return self._dry_run(order, now, with_main_stage=True)

    def _dry_run(self, order: Order, now: int, *, with_main_stage: bool) -> DryRun:
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        account = account_of(order)
        if (stopped := self.registry.check(account)) is not None:
            effects = finisher.effects()
            effects.rejects = [stopped]
            return DryRun(effects, None)  # the block in force is not this order's
        call = EngineCall(self.registry, account) if self.has_custom else None
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            return self._dry_runs.answer(
                finisher, order, now, call, with_main_stage=with_main_stage
            )
        finally:
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()

    # --- drop copies ---------------------------------------------------------------------------

    def drop_copy(self, order: Order, now: int) -> Recorded | Sequence[Reject]:
        """Record an order that the venue has already; blocks do not stop it."""
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        account = account_of(order)
        if account is None:
            return [
                new_reject(
                    "MissingRequiredField",
                    "drop-copy requires a readable account ID",
                    "the account ID routes the drop-copy pipeline and its account control",
                    ENGINE,
                    "order",
                )
            ]
        call = DropCopyCall(self.registry, account)
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            return self._drop_copies.record(finisher, self.registry, order, account, now, call)
        finally:
            call.active = False
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()

    # --- execution reports ---------------------------------------------------------------------

    def apply_report(self, report: ExecutionReport, now: int) -> Applied:
        """Apply what happened at the venue; nothing of it is ever rolled back."""
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        try:
            account = report._account_
        except AttributeError:
            ensure_report_captured(report)
            account = report._account_
        call = EngineCall(self.registry, account) if self.has_custom else None
        effects: Sequence[ReportEffect | None] = ()
        failures: list[BaseException] | None = None
        # No lists for the one policy that most engines have here: they would be a twentieth of it.
        told: list[ReportEffect | None]
        raised: list[BaseException]
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            if self._report_policy is None:
                effects, failures = told, raised = [], []
                tell_all(self._report_policies, told, raised, report, now, call)
            else:
                try:
                    effect = self._report_policy.apply_report(report, now, call)
                    if effect is None:
                        return NOTHING
                    effects = (effect,)
                except BaseException as error:  # noqa: BLE001 - raised below, when it is applied
                    effects, failures = told, raised = [], [error]
                    tell_all(self._report_policies, told, raised, report, now, call, 0)
        finally:
            finisher.busy = was_busy
            try:
                if finisher.dropped:
                    finisher.settle()
            finally:
                if effects:
                    self._block_by_report(account, effects)
        if failures:
            failure: BaseException | None = failures[0]
            failures.clear()
            try:
                raise failure  # type: ignore[misc]  # it is one
            finally:
                failure = None  # see finalize.py: no cycle through this frame
        return merged(effects)

    def _block_by_report(self, account: int | None, effects: Sequence[ReportEffect | None]) -> None:
        for effect in effects:
            if effect is not None and effect.blocks:
                if account is None:
                    self.registry.arm_unattributed_report()
                else:
                    self.registry.block(account, effect.blocks[0])
                return

    # --- account adjustments -------------------------------------------------------------------

    def apply_adjustment(
        self, account: int, adjustments: Iterable[Adjustment], now: int
    ) -> Adjusted:
        """Apply all adjustments, or none of them."""
        finisher = self.finisher
        if finisher.dropped:
            finisher.settle()
        call = EngineCall(self.registry, account)
        effects = finisher.effects()
        rows: list[GroupRow] = []
        blocks: list[AccountBlock] = []
        was_busy, finisher.busy = finisher.busy, self.marks_busy
        try:
            try:
                rejected = adjust(
                    self._adjustment_policies,
                    effects,
                    rows,
                    blocks,
                    account,
                    adjustments,
                    now,
                    call,
                )
                if rejected is not None:
                    effects.rollback()
                    index, rejects = rejected
                    return index, rejects, (), ()
            except BaseException:
                with suppress(BaseException):  # what a callback raised goes before it
                    effects.rollback()
                raise
            try:
                effects.commit()
            except BaseException:
                effects.commit()  # what an interrupt has kept from running
                raise
            finally:
                self._block_all(account, blocks)
        finally:
            finisher.busy = was_busy
            if finisher.dropped:
                finisher.settle()
        return None, (), rows, blocks

    def _block_all(self, account: int, blocks: Sequence[AccountBlock]) -> None:
        for block in blocks:
            self.registry.block(account, block)

    # --- groups --------------------------------------------------------------------------------

    def register_group(self, accounts: list[int], group: int) -> None:
        """Put accounts into a group and look at their barriers again."""
        before = [self.registry.group_of(account) for account in accounts]
        self.registry.register_group(accounts, group)
        self._regrouped(accounts, before)

    def unregister_group(self, accounts: list[int], group: int) -> None:
        """Take accounts out of a group and look at their barriers again."""
        before = [self.registry.group_of(account) for account in accounts]
        self.registry.unregister_group(accounts, group)
        self._regrouped(accounts, before)

    def _regrouped(self, accounts: list[int], before: list[int | None]) -> None:
        watchers = [policy for policy in self.policies if overrides(policy, "group_changed")]
        for account, old in zip(accounts, before, strict=True):
            for policy in watchers:
                block = policy.group_changed(account, old, self.registry.group_of(account))
                if block is not None:
                    self.registry.block(account, block)
