"""Correcting an account from outside: what it has of an asset, or its PnL.

An adjustment is applied as a whole or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.account_adjustment import AccountPnlOperation, BalanceOperation
from openpit.param.decimals import ZERO, DecimalOverflow, add, plain, subtract
from openpit.param.enums import PnlHaltReason
from openpit.pretrade.codes import ACCOUNT
from openpit.pretrade.effects import BuiltinFinalizer
from openpit.pretrade.policies.spot_funds.desk import (
    NAME,
    overflow_reject,
    stuck_block,
    switch_block,
)
from openpit.pretrade.policies.spot_funds.holdings import Slot, close_if_empty, open_funds
from openpit.pretrade.policy_contract import AdjustmentEffect
from openpit.pretrade.rejects import AccountBlock, Reject, missing_field, new_reject

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.account_adjustment import Adjustment, Amount, Bounds
    from openpit.param.amounts import AdjustmentAmount
    from openpit.pretrade.outcomes import OutcomeRow
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.policy_contract import PolicyCall

__all__ = ["apply_adjustment", "set_account_pnl"]


def apply_adjustment(
    desk: Desk, account: int, adjustment: Adjustment, call: PolicyCall | None
) -> AdjustmentEffect | None:
    """Apply one adjustment of a balance or of the account's PnL."""
    operation = adjustment._operation_
    if isinstance(operation, AccountPnlOperation):
        return _adjust_account_pnl(desk, account, operation._state_, call)
    if not isinstance(operation, BalanceOperation) or operation._asset_ is None:
        return AdjustmentEffect([missing_field("balance asset", NAME, ACCOUNT)])
    return _adjust_balance(
        desk, account, operation._asset_, operation, adjustment._amount_, adjustment._bounds_
    )


def set_account_pnl(
    desk: Desk, account: int, group: int | None, state: Decimal | PnlHaltReason
) -> list[AccountBlock]:
    """Set or halt an account's PnL; return the block that follows under its barrier, if any."""
    open_funds(desk.funds, account).pnl = state
    breach = desk.breach(account, group)
    return [] if breach is None else [switch_block(breach)]


class _PnlBefore(BuiltinFinalizer):
    """Undoes the setting of an account's PnL.

    ``counts`` is the first of its batch, the last to be undone: what it puts back stays, and may
    block the account.
    """

    __slots__ = ("_account", "_counts", "_desk", "_pnl")

    def __init__(
        self, desk: Desk, account: int, pnl: Decimal | PnlHaltReason, *, counts: bool
    ) -> None:
        self._desk = desk
        self._account = account
        self._pnl = pnl
        self._counts = counts

    def commit(self) -> None:
        """Keep the PnL: the state holds it already."""

    def rollback(self) -> None:
        """Put the PnL back that was there before."""
        desk, account = self._desk, self._account
        blocks = set_account_pnl(desk, account, desk.accounts.group_of(account), self._pnl)
        if self._counts:
            for block in blocks:
                desk.accounts.block(account, block)


def _adjust_account_pnl(
    desk: Desk, account: int, state: Decimal | PnlHaltReason, call: PolicyCall | None
) -> AdjustmentEffect:
    funds = desk.funds.get(account)
    had = None if funds is None else funds.pnl
    # A PnL that was never set is put back as zero: it counts as that, and the account as known.
    is_first = call is None or desk.adjusting is not call
    desk.adjusting = call
    before = _PnlBefore(desk, account, ZERO if had is None else had, counts=is_first)
    try:
        blocks = set_account_pnl(desk, account, desk.accounts.group_of(account), state)
        return AdjustmentEffect(None, (before,), (), blocks)
    except BaseException:
        # An interrupt: nobody will hear that there is something to undo.
        open_funds(desk.funds, account).pnl = had
        close_if_empty(desk.funds, account)
        raise


class _SlotChange(BuiltinFinalizer):
    """Undoes the adjustment of a slot.

    What was added is taken off again, so that what happened in between stays. Cost and PnL, which
    are set and not added to, are put back only if nothing at all happened in between.
    """

    __slots__ = ("_account", "_after", "_asset", "_before", "_changes", "_desk")

    def __init__(
        self,
        desk: Desk,
        account: int,
        asset: str,
        before: Slot,
        after: Slot,
        changes: tuple[Decimal, Decimal, Decimal],
    ) -> None:
        self._desk = desk
        self._account = account
        self._asset = asset
        self._before = before
        self._after = after
        self._changes: tuple[Decimal, Decimal, Decimal] | None = changes

    def commit(self) -> None:
        """Keep the slot: the state holds it already."""

    def rollback(self) -> None:
        """Take the changes back; a slot where a figure cannot stays, and blocks the account."""
        if self._changes is None:
            return  # done, and interrupted after that
        funds = open_funds(self._desk.funds, self._account)
        slot, before = funds.slot(self._asset), self._before
        available, held, incoming = self._changes
        try:
            taken = (
                subtract(slot.available, available),
                subtract(slot.held, held),
                subtract(slot.incoming, incoming),
            )
        except DecimalOverflow:
            stuck = stuck_block(
                f"adjustment rollback overflow: asset {self._asset}, "
                f"available_delta {plain(available)}, held_delta {plain(held)}, "
                f"incoming_delta {plain(incoming)}, slot {slot}"
            )
            self._desk.accounts.block(self._account, stuck)
        else:
            is_untouched = slot.equals(self._after)
            slot.available, slot.held, slot.incoming = taken
            if is_untouched:
                slot.average = before.average
                slot.pnl = before.pnl
        self._changes = None
        funds.drop_if_empty(self._asset)
        close_if_empty(self._desk.funds, self._account)


class _AdjustmentRefused(Exception):  # noqa: N818 - an outcome, not an error
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
    average, pnl = operation._average_entry_price_, operation._realized_pnl_
    balance, held, incoming = (
        (None, None, None)
        if amount is None
        else (amount._balance_, amount._held_, amount._incoming_)
    )
    if all(given is None for given in (balance, held, incoming, average, pnl)):
        return None
    funds = desk.funds.get(account)
    slot = None if funds is None else funds.slots.get(asset)
    before = Slot() if slot is None else slot.copy()
    after = before.copy()
    try:
        after.available = _adjusted(asset, "balance", before.available, balance, bounds)
        after.held = _adjusted(asset, "held", before.held, held, bounds)
        after.incoming = _adjusted(asset, "incoming", before.incoming, incoming, bounds)
        moves = balance is not None or held is not None
        _set_cost(asset, after, average, pnl, moves=moves)
        changes = _changes(asset, before, after)
        row = _row_of(asset, changes, before, after, (balance, held, incoming), average, pnl)
    except _AdjustmentRefused as refused:
        return AdjustmentEffect([refused.reject])
    effect = AdjustmentEffect(
        None, (_SlotChange(desk, account, asset, before, after, changes),), (row,)
    )
    try:
        _write(desk, account, asset, after)
    except BaseException:
        _write(desk, account, asset, before)  # as above
        raise
    return effect


def _write(desk: Desk, account: int, asset: str, figures: Slot) -> None:
    """Give a slot these figures; one that then says nothing is dropped."""
    funds = open_funds(desk.funds, account)
    funds.slot(asset).restore(figures)
    funds.drop_if_empty(asset)
    close_if_empty(desk.funds, account)


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
    value = amount._value_
    if not amount._is_absolute_:
        try:
            value = add(current, value)
        except DecimalOverflow:
            raise _overflow(
                f"account adjustment overflow: asset {asset}, field {field}, "
                f"current {plain(current)}, applied delta: {plain(amount._value_)}"
            ) from None
    if bounds is not None:
        lower = getattr(bounds, f"_{field}_lower_")
        upper = getattr(bounds, f"_{field}_upper_")
        if (lower is not None and value < lower) or (upper is not None and value > upper):
            raise _AdjustmentRefused(
                new_reject(
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
    asset: str,
    slot: Slot,
    average: Decimal | None,
    pnl: Decimal | PnlHaltReason | None,
    *,
    moves: bool,
) -> None:
    """Set the average entry price and the position's PnL, as far as they are given.

    A position whose PnL gets halted loses its entry price, and so does one that is priced or moved
    and then is a position of nothing.
    """
    if average is not None:
        slot.average = average
    halts = isinstance(pnl, PnlHaltReason)
    if pnl is not None:
        slot.pnl = pnl
        if halts:
            slot.average = None
    # Halting looks at the position too, though it has no entry price left to lose.
    if halts or (slot.average is not None and (moves or average is not None)):
        try:
            position = add(slot.available, slot.held)
        except DecimalOverflow:
            raise _overflow(f"account adjustment net-position overflow: asset {asset}") from None
        if not position:
            slot.average = None


def _changes(asset: str, before: Slot, after: Slot) -> tuple[Decimal, Decimal, Decimal]:
    """Return what an adjustment adds to available, held and incoming."""
    return (
        _change(asset, "balance", after.available, before.available),
        _change(asset, "held", after.held, before.held),
        _change(asset, "incoming", after.incoming, before.incoming),
    )


def _change(asset: str, field: str, now: Decimal, then: Decimal) -> Decimal:
    try:
        return subtract(now, then)
    except DecimalOverflow:
        raise _overflow(
            f"account adjustment delta overflow: asset {asset}, field {field}"
        ) from None


def _row_of(
    asset: str,
    changes: tuple[Decimal, Decimal, Decimal],
    before: Slot,
    after: Slot,
    given: tuple[AdjustmentAmount | None, AdjustmentAmount | None, AdjustmentAmount | None],
    average: Decimal | None,
    pnl: Decimal | PnlHaltReason | None,
) -> OutcomeRow:
    """Return the outcome: every field that was given, also where it did not change."""
    balance, held, incoming = given
    realized_change = realized = halted = None
    if isinstance(pnl, PnlHaltReason):
        halted = pnl
    elif pnl is not None:
        realized_change = realized = pnl
        if before.pnl is not None and not isinstance(before.pnl, PnlHaltReason):
            realized_change = _change(asset, "realized pnl", pnl, before.pnl)
    shows_cost = balance is not None or average is not None or pnl is not None
    return (
        asset,
        None if balance is None else changes[0],
        None if balance is None else after.available,
        None if held is None else changes[1],
        None if held is None else after.held,
        None if incoming is None else changes[2],
        None if incoming is None else after.incoming,
        realized_change,
        realized,
        halted,
        after.average if shows_cost else None,
    )


def _overflow(details: str) -> _AdjustmentRefused:
    return _AdjustmentRefused(overflow_reject(details, ACCOUNT))
