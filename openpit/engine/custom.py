"""Fits a user's policy to the contract of the built-in ones.

How each callback is called and how its answer is read. While a callback runs, the engine is not
busy: the callback may call into the engine again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core.contexts import (
    Context,
    PostTradeContext,
    new_account_adjustment_context,
    new_context,
    new_post_trade_context,
    twin,
)
from openpit.engine.call import EngineCall
from openpit.errors import JournalError
from openpit.param.ids import new_account_id
from openpit.param.words import is_encodable
from openpit.pretrade.policy import Policy
from openpit.pretrade.policy_contract import AdjustmentEffect, BuiltinPolicy
from openpit.pretrade.reading import (
    read_adjustment_result,
    read_pre_trade_result,
    read_rejects,
    read_report_result,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.account_adjustment import Adjustment
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.engine.finalize import Finisher
    from openpit.pretrade.effects import Effects, Finalizer
    from openpit.pretrade.policy_contract import PolicyCall, ReportEffect
    from openpit.pretrade.rejects import Reject
    from openpit.pretrade.state_values import State

__all__ = ["STATE_METHODS", "CustomPolicy", "check_state_methods"]

_GROUP_IDS = range(65536)
_REQUIRED = (
    "check_pre_trade_start",
    "perform_pre_trade_check",
    "apply_execution_report",
    "apply_account_adjustment",
)
STATE_METHODS = ("export_state", "restore_state")
"""What a policy has, both, that is to be in snapshots."""

_new = object.__new__


def check_state_methods(policies: Iterable[BuiltinPolicy]) -> None:
    """Check that policies have both methods that snapshots need, or none of them.

    Raises:
        JournalError: one has one of them; its name is told.
    """
    for policy in policies:
        if isinstance(policy, CustomPolicy) and len(its := policy.state_methods) == 1:
            raise JournalError(
                f"policy {policy.name} has {its[0]}, and not the other of the pair: "
                f"{' and '.join(STATE_METHODS)}"
            )


class CustomPolicy(BuiltinPolicy):
    """A user's policy object: its name and group id are read once, its callbacks at each call.

    The callbacks that :class:`Policy` itself provides say nothing and are not called at all.
    ``is_alone`` is set where an order has no callback but this policy's of the main stage: then
    nobody else can have its context.
    """

    __slots__ = ("_finisher", "_policy", "group_id", "is_alone", "name", "skips_start")

    def __init__(self, policy: Policy) -> None:
        name = policy.name
        if not isinstance(name, str) or not is_encodable(name):
            raise ValueError("policy.name must be a string")
        group_id = getattr(policy, "policy_group_id", 0)
        if not isinstance(group_id, int) or group_id not in _GROUP_IDS:
            raise ValueError("policy_group_id must be an integer in range 0..=65535")
        for callback in _REQUIRED:
            getattr(policy, callback)
        self.name = str.__str__(name)
        self.group_id = int(group_id)
        self.skips_start = getattr(
            type(policy), "check_pre_trade_start", None
        ) is Policy.check_pre_trade_start and "check_pre_trade_start" not in getattr(
            policy, "__dict__", ()
        )
        self.is_alone = False
        self._policy = policy
        self._finisher: Finisher | None = None

    @property
    def has_whole_state(self) -> bool:  # type: ignore[override]  # of a class of policies, elsewhere
        """Whether the policy has the pair of methods of which a snapshot is made."""
        return len(self.state_methods) == len(STATE_METHODS)

    @property
    def state_methods(self) -> tuple[str, ...]:
        """Which of those two methods the policy has."""
        policy = self._policy
        return tuple(name for name in STATE_METHODS if callable(getattr(policy, name, None)))

    def export_state(self) -> State:
        return self._policy.export_state()  # type: ignore[attr-defined]  # see has_whole_state

    def restore_state(self, state: State) -> None:
        self._policy.restore_state(state)  # type: ignore[attr-defined]  # as above

    def attach(self, finisher: Finisher) -> None:
        """Set the finisher of an engine that marks itself busy: a callback is a safe point."""
        self._finisher = finisher

    def _safe_point(self, callback: Callable[..., object], *args: object) -> object:
        """Call with the engine not busy: what handles dropped is rolled back, calls may nest."""
        finisher = self._finisher
        if finisher is None or not finisher.busy:
            return callback(*args)
        finisher.busy = False
        if finisher.dropped:
            finisher.settle()
        try:
            return callback(*args)
        finally:
            finisher.busy = True

    def check_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        callback = self._policy.check_pre_trade_start
        return read_rejects(self._safe_point(callback, _context(call, now), order), self.name)

    def peek_start(self, order: Order, now: int, call: PolicyCall | None) -> list[Reject] | None:
        # Without a hook for dry runs the real one is called, side effects and all.
        callback = getattr(
            self._policy, "check_pre_trade_start_dry_run", self._policy.check_pre_trade_start
        )
        return read_rejects(self._safe_point(callback, _context(call, now), order), self.name)

    def check_main(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        if self.is_alone and type(call) is Context:
            context = call
            context._now = now
        else:
            context = _context(call, now)
        answer: object
        if self._finisher is None:
            answer = self._policy.perform_pre_trade_check(context, order)
        else:
            answer = self._safe_point(self._policy.perform_pre_trade_check, context, order)
        return read_pre_trade_result(answer, self.name)

    def peek_main(self, order: Order, now: int, call: PolicyCall | None) -> Effects | None:
        callback = getattr(
            self._policy, "perform_pre_trade_check_dry_run", self._policy.perform_pre_trade_check
        )
        answer = self._safe_point(callback, _context(call, now), order)
        return read_pre_trade_result(answer, self.name)

    check_drop_copy = check_main

    def apply_report(
        self, report: ExecutionReport, now: int, call: PolicyCall | None
    ) -> ReportEffect | None:
        def callback(context: PostTradeContext) -> object:
            return self._policy.apply_execution_report(ctx=context, report=report)

        context = new_post_trade_context(_state(call), now)
        return read_report_result(self._safe_point(callback, context))

    def apply_adjustment(
        self, account: int, adjustment: Adjustment, now: int, call: PolicyCall | None
    ) -> AdjustmentEffect:
        answer = self._safe_point(
            self._policy.apply_account_adjustment,
            new_account_adjustment_context(_state(call), now),
            new_account_id(account),
            adjustment,
        )
        leftover: list[Finalizer] = []
        try:
            return read_adjustment_result(answer, self.name, leftover)
        except BaseException as error:
            if not leftover:
                raise
            return AdjustmentEffect(mutations=leftover, failure=error)


def _context(call: PolicyCall | None, now: int) -> Context:
    """Return what a callback of a pre-trade stage gets."""
    return twin(call, now) if type(call) is Context else new_context(_state(call), now)


def _state(call: PolicyCall | None) -> EngineCall:
    assert isinstance(call, EngineCall)  # noqa: S101 - an engine with custom policies makes one for each call
    return call
