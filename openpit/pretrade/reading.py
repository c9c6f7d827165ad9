"""Reading what the callbacks of a custom policy return.

This is on the path of every order of an engine with custom policies, so the package's own result
classes have a short way through; everything else is read by its attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.core.mutation import Mutation
from openpit.pretrade.effects import NOT_COUNTED, Effects, GeneralEffects
from openpit.pretrade.policy import PolicyDecision, PolicyPreTradeResult
from openpit.pretrade.policy_contract import AdjustmentEffect, ReportEffect
from openpit.pretrade.record_readers import (
    read_account_pnls,
    read_blocks,
    read_group_rows,
    read_lock_prices,
    read_mutations,
    read_rows,
)
from openpit.pretrade.record_readers import read_rejects as read_reject_list
from openpit.pretrade.results import PostTradeResult, report_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from openpit.pretrade.effects import Finalizer
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.rejects import Reject

__all__ = [
    "read_adjustment_result",
    "read_pre_trade_result",
    "read_rejects",
    "read_report_result",
]

_NOTHING: Final = ()
_DECIDED: Final = (PolicyDecision, PolicyPreTradeResult)

_new = object.__new__


def read_rejects(value: Any, policy_name: str) -> list[Reject]:
    """Read what ``check_pre_trade_start`` returned: an iterable of rejects; None passes."""
    if value is None or value is _NOTHING:
        return []
    return read_reject_list(value, policy_name)


def read_pre_trade_result(value: Any, policy_name: str) -> Effects | None:
    """Read what ``perform_pre_trade_check`` returned; None accepts and changes nothing.

    An object with ``rejects`` or ``mutations`` must have both (AttributeError);
    ``account_adjustments`` and ``lock_prices`` are optional; an object with none of the four
    accepts. When something in it cannot be read, an exception says what: it is raised, or is the
    failure of a verdict with the mutations that were read before, to be rolled back.
    """
    if value is None:
        return None
    kind = value.__class__
    if kind is PolicyDecision and value.rejects is _NOTHING:
        # What most custom policies say of most orders: nothing, or mutations of the usual class.
        decided = value.mutations
        if decided is _NOTHING:
            return None
        if type(decided) is tuple:
            for item in decided:
                if type(item) is not Mutation:
                    break
            else:
                # What the constructor does of it, in half its time.
                verdict: GeneralEffects = _new(GeneralEffects)
                verdict.failure = verdict.more = None
                verdict.key = NOT_COUNTED
                verdict.group_id = 0
                verdict.mutations = decided
                verdict.rejects = verdict.own_rows = verdict.own_prices = _NOTHING
                return verdict
    rejects: list[Reject] | None = None
    mutations: list[Finalizer] = []
    rows: Sequence[OutcomeRow] = _NOTHING
    prices: Sequence[Decimal] = _NOTHING
    try:
        if kind in _DECIDED or hasattr(value, "rejects") or hasattr(value, "mutations"):
            part = value.rejects
            if part is not _NOTHING:
                rejects = read_reject_list(part, policy_name) or None
            part = value.mutations
            if part is not _NOTHING:
                read_mutations(part, mutations)
        if kind is not PolicyDecision:
            part = getattr(value, "account_adjustments", _NOTHING)
            raw_prices = getattr(value, "lock_prices", _NOTHING)
            if part is not _NOTHING:
                rows = read_rows(part)
            if raw_prices is not _NOTHING:
                prices = read_lock_prices(raw_prices)
    except BaseException as error:
        if not mutations:
            raise
        return GeneralEffects(mutations=mutations, failure=error)
    if rejects or mutations or rows or prices:
        return GeneralEffects(rejects, mutations, rows, prices)
    return None


def read_report_result(value: Any) -> ReportEffect | None:
    """Read what ``apply_execution_report`` returned; None changes nothing.

    An object without ``account_blocks``, ``account_pnls`` and ``account_adjustments`` is an
    AttributeError, True a TypeError.
    """
    if value is None or value is False:
        return None
    if value is True:
        raise TypeError(
            "apply_execution_report must return PostTradeResult or None; "
            "bool True no longer maps to a synthetic account block"
        )
    if type(value) is PostTradeResult:
        return ReportEffect(*report_rows(value))
    return ReportEffect(
        read_blocks(value.account_blocks),
        read_account_pnls(value.account_pnls),
        read_group_rows(value.account_adjustments),
    )


def read_adjustment_result(
    value: Any, policy_name: str, leftover: list[Finalizer] | None = None
) -> AdjustmentEffect:
    """Read what ``apply_account_adjustment`` returned.

    An object without ``rejects``, ``mutations``, ``account_adjustments`` and ``account_blocks`` is
    an AttributeError; the last two are not looked at when there are rejects. When something in it
    cannot be read, the exception says what, and the mutations that were read before are appended to
    ``leftover``: the caller rolls them back.
    """
    rejects = read_reject_list(value.rejects, policy_name)
    mutations: list[Finalizer] = []
    try:
        read_mutations(value.mutations, mutations)
        if rejects:
            return AdjustmentEffect(rejects, mutations)
        rows = read_rows(value.account_adjustments)
        blocks = read_blocks(value.account_blocks)
    except BaseException:
        if leftover is not None:
            leftover += mutations
        raise
    return AdjustmentEffect(None, mutations, rows, blocks)
