"""Reading the records that custom policies write: rejects, mutations, blocks and outcomes.

Policies may return objects of their own: what counts is their attributes. Our own
classes were checked when they were built and are read without another look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.core.assets import asset_text
from openpit.core.mutation import Mutation
from openpit.param.enums import PnlHaltReason
from openpit.param.words import folded, is_encodable
from openpit.pretrade.codes import PLAIN_CODE, PLAIN_SCOPE, RejectCode, RejectScope
from openpit.pretrade.outcome_fields import (
    account_number,
    group_id,
    position_size,
    price,
    profit,
)
from openpit.pretrade.outcomes import (
    AccountAdjustmentOutcome,
    AccountOutcomeEntry,
    AccountPnlOutcome,
    group_row_of,
    pnl_row_of,
    row_of,
)
from openpit.pretrade.rejects import (
    MAX_USER_DATA,
    AccountBlock,
    Reject,
    new_account_block,
    new_reject,
    plain_code,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from openpit.pretrade.effects import Finalizer
    from openpit.pretrade.outcomes import AccountPnlRow, GroupRow, OutcomeRow

__all__ = [
    "read_account_pnls",
    "read_blocks",
    "read_group_rows",
    "read_lock_prices",
    "read_mutations",
    "read_rejects",
    "read_rows",
]

# The parameters below are Any on purpose: these functions are where objects of unknown classes
# become records, and a missing attribute is to raise AttributeError as the attribute itself would.


def read_rejects(value: Any, policy_name: str) -> list[Reject]:
    """Read an iterable of rejects; each becomes ``policy_name``'s.

    ValueError names the field that is not what it should be; a missing field is an AttributeError,
    something that cannot be iterated a TypeError.
    """
    of = new_reject
    rejects = []
    for item in value:
        code = item.code
        if type(code) is RejectCode:
            code = PLAIN_CODE[code]
        else:
            code = plain_code(_text(code, "reject.code"))
        reason = item.reason
        if type(reason) is not str or not reason.isascii():
            reason = _text(reason, "reject.reason")
        details = item.details
        if type(details) is not str or not details.isascii():
            details = _text(details, "reject.details")
        scope = item.scope
        scope = PLAIN_SCOPE[scope] if type(scope) is RejectScope else _scope(scope)
        token = getattr(item, "user_data", 0)
        if type(token) is not int or not 0 <= token <= MAX_USER_DATA:
            token = _token(token, "reject.user_data must be an integer token (default 0)")
        rejects.append(of(code, reason, details, policy_name, scope, token))
    return rejects


def read_mutations(value: Any, mutations: list[Finalizer]) -> None:
    """Append what an iterable of mutations holds; what was read stays there if one is unreadable.

    AttributeError for an item that has no ``commit`` or no ``rollback``.
    """
    for item in value:
        if type(item) is Mutation:
            mutations.append(item)
        else:
            # Captured now: a later change of the policy's own object has no effect.
            mutations.append(Mutation(item.commit, item.rollback))


def read_lock_prices(value: Any) -> list[Decimal]:
    """Read an iterable of anything that Price accepts."""
    return [price(item) for item in value]


def read_rows(value: Any) -> list[OutcomeRow]:
    """Read an iterable of account outcome entries."""
    return [_row(item) for item in value]


def read_blocks(value: Iterable[Any]) -> list[AccountBlock]:
    """Read an iterable of account blocks."""
    return [item if type(item) is AccountBlock else _block(item) for item in value]


def read_account_pnls(value: Iterable[Any]) -> list[AccountPnlRow]:
    """Read an iterable of account P&L outcomes."""
    return [_account_pnl(item) for item in value]


def read_group_rows(value: Iterable[Any]) -> list[GroupRow]:
    """Read an iterable of account adjustment outcomes: entries with their policy group."""
    return [
        group_row_of(item)
        if type(item) is AccountAdjustmentOutcome
        else (group_id(item.policy_group_id), _row(item.entry))
        for item in value
    ]


def _text(value: object, field: str) -> str:
    if isinstance(value, str) and is_encodable(value):
        return str.__str__(value)
    raise ValueError(f"{field} must be a string")


def _scope(value: object) -> str:
    scope = PLAIN_SCOPE.get(folded(_text(value, "reject.scope")))
    if scope is None:
        raise ValueError("reject.scope must be either 'order' or 'account'")
    return scope


def _token(value: object, message: str) -> int:
    if isinstance(value, int) and 0 <= value <= MAX_USER_DATA:
        return int(value)
    raise ValueError(message)


def _block(item: Any) -> AccountBlock:
    code = _text(item.code, "account_block.code")
    policy = _text(item.policy, "account_block.policy")
    reason = _text(item.reason, "account_block.reason")
    details = _text(item.details, "account_block.details")
    token = _token(
        getattr(item, "user_data", 0), "account_block.user_data must be an integer token"
    )
    return new_account_block(policy, plain_code(code), reason, details, token)


def _row(item: Any) -> OutcomeRow:
    if type(item) is AccountOutcomeEntry:
        return row_of(item)
    average = item.average_entry_price
    asset = asset_text(item.asset)
    balance = _amounts(item.balance)
    held = _amounts(item.held)
    incoming = _amounts(item.incoming)
    realized = item.realized_pnl
    pnl = (None, None, None) if realized is None else _pnl(realized, "PnlOutcome")
    return (asset, *balance, *held, *incoming, *pnl, None if average is None else price(average))


def _amounts(item: Any) -> tuple[Decimal | None, Decimal | None]:
    if item is None:
        return None, None
    delta, absolute = item.delta, item.absolute
    return position_size(delta), position_size(absolute)


def _pnl(item: Any, name: str) -> tuple[Decimal | None, Decimal | None, PnlHaltReason | None]:
    pnl = item.pnl
    delta = absolute = None
    if pnl is not None:
        delta, absolute = pnl.delta, pnl.absolute
        delta, absolute = profit(delta), profit(absolute)
    halt_reason = item.halt_reason
    if halt_reason is not None and type(halt_reason) is not PnlHaltReason:
        raise TypeError(f"{name}.halt_reason must be openpit.pretrade.PnlHaltReason")
    if (pnl is None) == (halt_reason is None):
        raise ValueError("PnL outcome requires exactly one of pnl or halt_reason")
    return delta, absolute, halt_reason


def _account_pnl(item: Any) -> AccountPnlRow:
    if type(item) is AccountPnlOutcome:
        return pnl_row_of(item)
    pnl = _pnl(item, "AccountPnlOutcome")
    account = account_number(item.account_id)
    return (group_id(item.policy_group_id), account, *pnl)
