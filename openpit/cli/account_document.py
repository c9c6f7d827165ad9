"""What an engine knows of an account, for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from openpit.param.enums import PnlHaltReason
from openpit.param.native_enum import member_label
from openpit.pretrade.rejects import block_row

if TYPE_CHECKING:
    from openpit.pretrade.account_state import AccountState
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["account_document", "cause_document", "pnl_text"]


def cause_document(block: AccountBlock | None) -> dict[str, Any] | None:
    """Return why an account, a group or the engine is blocked; None where it is not."""
    if block is None:
        return None
    return dict(zip(("policy", "code", "reason", "details"), block_row(block), strict=False))


def pnl_text(pnl: object) -> str | None:
    """Return a PnL, or why it is not counted any more."""
    if isinstance(pnl, PnlHaltReason):
        return f"halted: {member_label(pnl)}"
    return None if pnl is None else str(pnl)


def account_document(state: AccountState) -> dict[str, Any]:
    """Return what an engine knows of an account, as JSON has it."""
    return {
        "account": state.account.value,
        "group": None if state.group is None else state.group.value,
        "currency": state.currency,
        "is_blocked": state.is_blocked,
        "block": cause_document(state.block),
        "group_block": cause_document(state.group_block),
        "engine_block": cause_document(state.engine_block),
        "open": asdict(state.open),
        "policies": [
            {
                "policy": one.policy,
                "policy_group_id": one.policy_group_id,
                "holdings": [
                    {
                        "asset": each.asset,
                        "available": str(each.available),
                        "held": str(each.held),
                        "incoming": str(each.incoming),
                        "average_entry_price": None
                        if each.average_entry_price is None
                        else str(each.average_entry_price),
                        "pnl": pnl_text(each.pnl),
                    }
                    for each in one.holdings
                ],
                "pnls": [
                    {"currency": each.currency, "pnl": pnl_text(each.pnl)} for each in one.pnls
                ],
            }
            for one in state.policies
        ],
    }
