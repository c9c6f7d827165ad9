"""What the pipeline answers with: plain things, of which whoever shows them makes results.

A face makes handles and results for its caller, a shard makes rows for the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from openpit.engine.registry import ENGINE
from openpit.pretrade.rejects import new_reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.core.contexts import Context
    from openpit.core.order import Order
    from openpit.pretrade.effects import Effects
    from openpit.pretrade.outcomes import AccountPnlRow, GroupRow
    from openpit.pretrade.rejects import AccountBlock, Reject

__all__ = ["Adjusted", "Applied", "Checked", "DryRun", "Recorded", "Started", "engine_gone"]

Checked: TypeAlias = "Effects | Sequence[Reject] | None"
"""Of an order: its rejects; or the effects of one that passed, None where it changed nothing."""

Applied: TypeAlias = "tuple[Sequence[AccountBlock], Sequence[AccountPnlRow], Sequence[GroupRow]]"
"""Of an execution report: blocks, P&L and outcomes, policy by policy."""

Adjusted: TypeAlias = (
    "tuple[int | None, Sequence[Reject], Sequence[GroupRow], Sequence[AccountBlock]]"
)
"""Of a batch of adjustments: the one refused and why; outcomes and blocks if all are applied."""


class Started:
    """An order that passed the start stage, and the call that it came with."""

    __slots__ = ("__weakref__", "call", "order")

    def __init__(self, order: Order, call: Context | None) -> None:
        self.order = order
        self.call = call


class DryRun(NamedTuple):
    """What an order would meet: its rejects are among the effects, of which nothing is kept."""

    effects: Effects
    block: AccountBlock | None


class Recorded(NamedTuple):
    """What a drop copy changed; the block that it asked for; whether its account is blocked now."""

    effects: Effects
    block: AccountBlock | None
    is_blocked: bool


def engine_gone() -> Reject:
    """Return why the main stage of a request is refused whose engine is gone."""
    return new_reject(
        "SystemUnavailable",
        "engine is no longer available",
        "request handle outlived engine instance",
        ENGINE,
        "order",
    )
