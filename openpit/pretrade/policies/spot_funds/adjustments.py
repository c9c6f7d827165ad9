"""Correcting an account from outside: what it has of an asset, or its PnL.

Follows spec section 9.5.5. An adjustment is applied as a whole or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.account_adjustment import AccountPnlOperation, BalanceOperation
from openpit.param.decimals import ZERO, DecimalOverflow, add, plain, subtract
from openpit.param.enums import PnlHaltReason
from openpit.pretrade.codes import ACCOUNT
from openpit.pretrade.policies.spot_funds.desk import NAME, overflow_reject, switch_block
from openpit.pretrade.policies.spot_funds.holdings import Slot, close_if_empty, open_funds
from openpit.pretrade.rejects import AccountBlock, Reject, missing_field
from openpit.pretrade.runtime import AdjustmentEffect, BuiltinFinalizer

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.account_adjustment import Adjustment, Amount, Bounds
    from openpit.param.amounts import AdjustmentAmount
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.policies.spot_funds.barriers import PnlState
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.runtime import Call

__all__ = ["apply_adjustment", "set_account_pnl"]


def apply_adjustment(
    desk: Desk, account: int, adjustment: Adjustment, call: Call | None
) -> AdjustmentEffect | None:
    """Apply one adjustment of a balance or of the account's PnL."""
    operation = adjustment._operation
    if isinstance(operation, AccountPnlOperation):
        return _adjust_account_pnl(desk, account, operation._state, call)
    if not isinstance(operation, BalanceOperation) or operation._asset is None:
        return AdjustmentEffect([missing_field("balance asset", NAME, ACCOUNT)])
    return _adjust_balance(
        desk, account, operation._asset, operation, adjustment._amount, adjustment._bounds
    )


def set_account_pnl(
    desk: Desk, account: int, group: int | None, state: Decimal | PnlHaltReason
) -> list[AccountBlock]:
    """Set or halt an account's PnL; return the block that follows under its barrier, if any."""
    open_funds(desk.funds, account).pnl = state
    breach = desk.breach(account, group)
    return [] if breach is None else [switch_block(breach)]


class _PnlBefore(BuiltinFinalizer):
    """Undoes the setting of an account's PnL."""

    __slots__ = ("_account", "_desk", "_pnl")

    def __init__(self, desk: Desk, account: int, pnl: PnlState) -> None:
        self._desk = desk
        self._account = account
        self._pnl = pnl

    def commit(self) -> None:
        """Keep the PnL: the state holds it already."""

    def rollback(self) -> None:
        """Put the PnL back that was there before."""
        open_funds(self._desk.funds, self._account).pnl = self._pnl
        close_if_empty(self._desk.funds, self._account)


def _adjust_account_pnl(
    desk: Desk, account: int, state: Decimal | PnlHaltReason, call: Call | None
) -> AdjustmentEffect:
    funds = desk.funds.get(account)
    before = _PnlBefore(desk, account, None if funds is None else funds.pnl)
    blocks = set_account_pnl(desk, account, desk.group_of(account, call), state)
    return AdjustmentEffect(None, (before,), (), blocks)


class _SlotBefore(BuiltinFinalizer):
    """Undoes the adjustment of a slot."""

    __slots__ = ("_account", "_asset", "_desk", "_slot")

    def __init__(self, desk: Desk, account: int, asset: str, slot: Slot) -> None:
        self._desk = desk
        self._account = account
        self._asset = asset
        self._slot = slot

    def commit(self) -> None:
        """Keep the slot: the state holds it already."""

    def rollback(self) -> None:
        """Put the slot back as it was before."""
        funds = open_funds(self._desk.funds, self._account)
        funds.slot(self._asset).restore(self._slot)
        funds.drop_if_empty(self._asset)
        close_if_empty(self._desk.funds, self._account)


class _Refused(Exception):  # noqa: N818 - an outcome, not an error
    """The adjustment cannot be applied; carries the one reject that says why."""

    def __init__(self, reject: Reject) -> None:
        super().__init__()
        self.reject = reject


def _adjust_balance(
    desk: Desk,
    account: int,
    asset: str,
    operation: BalanceOperation,
    amount: Amount | None,
    bounds: Bounds | None,
) -> AdjustmentEffect | None:
    average, pnl = operation._average_entry_price, operation._realized_pnl
    balance, held, incoming = (
        (None, None, None)
        if amount is None
        else (amount._balance, amount._held, amount._incoming)
    )
    if balance is held is incoming is average is pnl is None:
        return None
    funds = desk.funds.get(account)
    slot = None if funds is None else funds.slots.get(asset)
    before = Slot() if slot is None else slot.copy()
    after = before.copy()
    try:
        after.available = _adjusted(asset, "balance", before.available, balance, bounds)
        after.held = _adjusted(asset, "held", before.held, held, bounds)
        after.incoming = _adjusted(asset, "incoming", before.incoming, incoming, bounds)
        _set_cost(asset, after, average, pnl)
        row = _row_of(asset, before, after, (balance, held, incoming), average, pnl)
    except _Refused as refused:
        return AdjustmentEffect([refused.reject])
    funds = open_funds(desk.funds, account)
    funds.slot(asset).restore(after)
    funds.drop_if_empty(asset)
    close_if_empty(desk.funds, account)
    return AdjustmentEffect(None, (_SlotBefore(desk, account, asset, before),), (row,))


def _adjusted(
    asset: str,
    field: str,
    current: Decimal,
    amount: AdjustmentAmount | None,
    bounds: Bounds | None,
) -> Decimal:
    """Return a field after its adjustment; refused where that is outside the field's bounds."""
    if amount is None:
        return current
    value = amount._value
    if not amount._is_absolute:
        try:
            value = add(current, value)
        except DecimalOverflow:
            raise _overflow(
                f"account adjustment overflow: asset {asset}, field {field}, "
                f"current {plain(current)}, applied delta: {plain(amount._value)}"
            ) from None
    if bounds is not None:
        lower = getattr(bounds, f"_{field}_lower")
        upper = getattr(bounds, f"_{field}_upper")
        if (lower is not None and value < lower) or (upper is not None and value > upper):
            raise _Refused(
                Reject._of(
                    "AccountAdjustmentBoundsExceeded",
                    "account adjustment bounds exceeded",
                    f"asset {asset}: {field} {plain(value)}, "
                    f"lower {_bound(lower)}, upper {_bound(upper)}",
                    NAME,
                    ACCOUNT,
                )
            )
    return value


def _bound(bound: Decimal | None) -> str:
    return "None" if bound is None else f"Some(PositionSize({plain(bound)}))"


def _set_cost(
    asset: str, slot: Slot, average: Decimal | None, pnl: Decimal | PnlHaltReason | None
) -> None:
    """Set the average entry price and the position's PnL, as far as they are given.

    A position of nothing has no entry price, nor has one whose PnL is halted.
    """
    if average is not None:
        slot.average = average
    if pnl is not None:
        slot.pnl = pnl
        if isinstance(pnl, PnlHaltReason):
            slot.average = None
    if slot.average is not None:
        try:
            position = add(slot.available, slot.held)
        except DecimalOverflow:
            raise _overflow(f"account adjustment net-position overflow: asset {asset}") from None
        if not position:
            slot.average = None


def _row_of(
    asset: str,
    before: Slot,
    after: Slot,
    amounts: tuple[AdjustmentAmount | None, AdjustmentAmount | None, AdjustmentAmount | None],
    average: Decimal | None,
    pnl: Decimal | PnlHaltReason | None,
) -> OutcomeRow:
    """Return the outcome: every field that was given, also where it did not change."""
    balance, held, incoming = amounts

    def change(field: str, now: Decimal, then: Decimal) -> Decimal:
        try:
            return subtract(now, then)
        except DecimalOverflow:
            raise _overflow(
                f"account adjustment delta overflow: asset {asset}, field {field}"
            ) from None

    changes = (
        None if balance is None else change("balance", after.available, before.available),
        None if held is None else change("held", after.held, before.held),
        None if incoming is None else change("incoming", after.incoming, before.incoming),
    )
    realized_change = realized = halted = None
    if isinstance(pnl, PnlHaltReason):
        halted = pnl
    elif pnl is not None:
        had = ZERO if before.pnl is None or isinstance(before.pnl, PnlHaltReason) else before.pnl
        realized_change, realized = change("realized pnl", pnl, had), pnl
    shows_cost = not (balance is average is pnl is None)
    return (
        asset,
        changes[0],
        None if balance is None else after.available,
        changes[1],
        None if held is None else after.held,
        changes[2],
        None if incoming is None else after.incoming,
        realized_change,
        realized,
        halted,
        after.average if shows_cost else None,
    )


def _overflow(details: str) -> _Refused:
    return _Refused(overflow_reject(details, ACCOUNT))
