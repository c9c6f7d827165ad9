"""Pre-trade checks: what the engine answers, and what custom policies are made of."""

from __future__ import annotations

from typing import TypeAlias

from openpit.core.contexts import AccountControl, Context, PostTradeContext
from openpit.core.lock import Lock
from openpit.param.enums import PnlHaltReason
from openpit.pretrade import policies, policy
from openpit.pretrade.account_state import (
    AccountState,
    GroupState,
    Holding,
    OpenHandles,
    PolicyState,
    RealizedPnl,
)
from openpit.pretrade.async_handles import (
    AsyncDropCopyOperation,
    AsyncReservation,
)
from openpit.pretrade.codes import RejectCode, RejectScope
from openpit.pretrade.handles import DropCopyOperation, Reservation
from openpit.pretrade.narrowed import (
    AccountAdjustmentBatchResult,
    AsyncDropCopyResult,
    AsyncExecuteResult,
    DropCopyResult,
    DryRunReport,
    ExecuteResult,
)
from openpit.pretrade.narrowed_start import AsyncStartResult, StartResult
from openpit.pretrade.open_reservation import OpenReservation
from openpit.pretrade.outcomes import (
    AccountAdjustmentOutcome,
    AccountOutcomeEntry,
    AccountPnlOutcome,
    OutcomeAmount,
    PnlOutcome,
    PnlOutcomeAmount,
)
from openpit.pretrade.policy import (
    Policy,
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyPreTradeResult,
    PolicyReject,
)
from openpit.pretrade.rejects import AccountBlock, Reject
from openpit.pretrade.results import (
    AccountBlockOutcome,
    AccountBlockOutcomes,
    PolicyConfigurationResult,
    PostTradeResult,
)
from openpit.pretrade.start import AsyncRequest, Request

__all__ = [
    "DEFAULT_POLICY_GROUP_ID",
    "AccountAdjustmentBatchResult",
    "AccountAdjustmentOutcome",
    "AccountBlock",
    "AccountBlockOutcome",
    "AccountBlockOutcomes",
    "AccountControl",
    "AccountOutcomeEntry",
    "AccountPnlOutcome",
    "AccountState",
    "AsyncDropCopyOperation",
    "AsyncDropCopyResult",
    "AsyncExecuteResult",
    "AsyncRequest",
    "AsyncReservation",
    "AsyncStartResult",
    "Context",
    "DropCopyOperation",
    "DropCopyResult",
    "DryRunReport",
    "ExecuteResult",
    "GroupState",
    "Holding",
    "Lock",
    "OpenHandles",
    "OpenReservation",
    "OutcomeAmount",
    "PnlHaltReason",
    "PnlOutcome",
    "PnlOutcomeAmount",
    "Policy",
    "PolicyAccountAdjustmentResult",
    "PolicyConfigurationResult",
    "PolicyDecision",
    "PolicyGroupId",
    "PolicyPreTradeResult",
    "PolicyReject",
    "PolicyState",
    "PostTradeContext",
    "PostTradeResult",
    "RealizedPnl",
    "Reject",
    "RejectCode",
    "RejectScope",
    "Rejects",
    "Request",
    "Reservation",
    "StartResult",
    "policies",
    "policy",
]

DEFAULT_POLICY_GROUP_ID = 0
"""The group of policies that name none."""

PolicyGroupId: TypeAlias = int
Rejects: TypeAlias = list[Reject]
