"""Values of the engine's as the console tells them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from openpit.console.shapes import (
    AccountTold,
    CauseTold,
    HoldingTold,
    LimitsTold,
    Opened,
    PnlTold,
    PolicyTold,
)
from openpit.limits.changing import text_of_tables
from openpit.param.enums import PnlHaltReason
from openpit.param.native_enum import member_label
from openpit.pretrade.rejects import block_row

if TYPE_CHECKING:
    from openpit.pretrade.account_state import AccountState
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["account_told", "cause_told", "fingerprint_of", "limits_told"]


def cause_told(block: AccountBlock | None) -> CauseTold | None:
    """Return why something is blocked; None where it is not."""
    if block is None:
        return None
    policy, code, reason, details, _ = block_row(block)
    return CauseTold(policy=policy, code=code, reason=reason, details=details)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _pnl(pnl: object) -> str | None:
    return f"halted: {member_label(pnl)}" if isinstance(pnl, PnlHaltReason) else _text(pnl)


def account_told(state: AccountState, shard: int, name: str | None) -> AccountTold:
    """Return what the engine knows of an account."""
    return AccountTold(
        account=str(state.account.value),
        account_name=name,
        shard=shard,
        group=None if state.group is None else state.group.value,
        currency=state.currency,
        is_blocked=state.is_blocked,
        block=cause_told(state.block),
        group_block=cause_told(state.group_block),
        engine_block=cause_told(state.engine_block),
        open=Opened(**asdict(state.open)),
        policies=[
            PolicyTold(
                policy=one.policy,
                policy_group_id=one.policy_group_id,
                holdings=[
                    HoldingTold(
                        asset=each.asset,
                        available=str(each.available),
                        held=str(each.held),
                        incoming=str(each.incoming),
                        average_entry_price=_text(each.average_entry_price),
                        pnl=_pnl(each.pnl),
                    )
                    for each in one.holdings
                ],
                pnls=[
                    PnlTold(currency=each.currency, pnl=_pnl(each.pnl) or "") for each in one.pnls
                ],
            )
            for one in state.policies
        ],
    )


def fingerprint_of(tables: dict[str, dict[str, Any]]) -> str:
    """Return what tells limits from others."""
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def limits_told(tables: dict[str, dict[str, Any]]) -> LimitsTold:
    """Return the limits in force; accounts of the tables as texts."""
    return LimitsTold(
        toml=text_of_tables(tables), tables=_safe(tables), fingerprint=fingerprint_of(tables)
    )


def _safe(value: Any) -> Any:
    """Have accounts be text: their numbers may be more than a browser's numbers can hold."""
    if isinstance(value, dict):  # whose rows of accounts are called as an account of a row is
        return {
            key: str(its) if key == "account" and isinstance(its, int) else _safe(its)
            for key, its in value.items()
        }
    return [_safe(one) for one in value] if isinstance(value, list) else value
