"""Applying an execution report: the fill, its fee, what they realize, and what is given back.

What a report changes is never rolled back: a step
that cannot be taken blocks the account and leaves the steps before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.param.decimals import ZERO, DecimalOverflow, add, multiply, negate, plain, subtract
from openpit.param.enums import PnlHaltReason, Side
from openpit.pretrade.policies.spot_funds.barriers import breach_of
from openpit.pretrade.policies.spot_funds.desk import NAME, overflow_block, switch_block
from openpit.pretrade.policies.spot_funds.holdings import Glance, close_if_empty, open_funds
from openpit.pretrade.policies.spot_funds.ledger import (
    UNKNOWN_POSITION,
    accumulate,
    book_fill,
    gravest,
)
from openpit.pretrade.policies.spot_funds.plain_fills import apply_plain_fill
from openpit.pretrade.policies.spot_funds.report_rows import AssetRow
from openpit.pretrade.policies.spot_funds.valuation import Valuation
from openpit.pretrade.policy_contract import ReportEffect
from openpit.pretrade.rejects import AccountBlock, missing_field_block, new_account_block

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.core.report import ExecutionReport, ExecutionReportFillDetails
    from openpit.pretrade.outcomes import AccountPnlRow, GroupRow
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.policies.spot_funds.holdings import Slot
    from openpit.pretrade.policies.spot_funds.ledger import FillBooking

__all__ = ["apply_report"]

_UNPRICED: Final = (PnlHaltReason.MISSING_FX, PnlHaltReason.MISSING_ACCOUNT_CURRENCY)


def apply_report(desk: Desk, report: ExecutionReport) -> ReportEffect | None:
    """Apply a report; a field that is missing blocks the account and nothing is applied."""
    account, underlying, settlement = report._account_, report._underlying_, report._settlement_
    fill = report._fill_
    if account is None:
        return _missing("account ID")
    if underlying is None or settlement is None:
        return _missing("instrument")
    if report._side_ is None:
        return _missing("side")
    if fill is None or fill._remaining_ is None:
        return _missing("remaining reserved quantity")
    if fill._is_final_ is None:
        return _missing("order finality")
    buys = report._side_ is Side.BUY
    effect = apply_plain_fill(desk, account, underlying, settlement, fill, buys=buys)
    if effect is not None:
        return effect
    group = desk.accounts.group_of(account)
    before = Glance(desk.funds, account, (underlying, settlement, fill._fee_currency_))
    try:
        effect = _Application(desk, account, group, underlying, settlement, buys=buys).run(fill)
    except BaseException:
        before.restore()  # an interrupt: the report is applied again, as a whole
        raise
    return effect


def _missing(label: str) -> ReportEffect:
    return ReportEffect([missing_field_block(label, NAME)])


class _StepRefused(Exception):  # noqa: N818 - an outcome, not an error
    """A step cannot be taken; carries the block that says why."""

    def __init__(self, block: AccountBlock) -> None:
        super().__init__()
        self.block = block


class _Application:
    """One report on its way through the account's slots and ledgers."""

    __slots__ = (
        "_account",
        "_blocks",
        "_booking",
        "_buys",
        "_desk",
        "_fee_row",
        "_funds",
        "_group",
        "_pnls",
        "_position_halted",
        "_position_pnl_delta",
        "_settlement_row",
        "_underlying_row",
        "_valuation",
    )

    def __init__(
        self,
        desk: Desk,
        account: int,
        group: int | None,
        underlying: str,
        settlement: str,
        *,
        buys: bool,
    ) -> None:
        self._desk = desk
        self._account = account
        self._group = group
        self._valuation = Valuation(desk, account, group)
        self._buys = buys
        self._funds = open_funds(desk.funds, account)
        self._underlying_row = AssetRow(underlying)
        self._settlement_row = AssetRow(settlement)
        self._fee_row: AssetRow | None = None
        # What the fill did to the position, None without a fill or for one of quantity zero.
        self._booking: FillBooking | None = None
        # Whether this report halted the position's PnL, else what it added to it.
        self._position_halted: PnlHaltReason | None = None
        self._position_pnl_delta: Decimal | None = None
        self._blocks: list[AccountBlock] = []
        self._pnls: list[AccountPnlRow] = []

    def run(self, fill: ExecutionReportFillDetails) -> ReportEffect:
        """Apply the fill, the fee and the release, each as far as it goes."""
        price, quantity = fill._last_price_, fill._last_quantity_
        fee, currency = fill._fee_amount_, fill._fee_currency_
        try:
            if price is not None and quantity is not None:
                self._apply_fill(fill, price, quantity)
            cost = None if currency is None or not fee else self._charge(currency, fee)
            engaged = self._book_on_account(cost)
            if quantity is not None or fee:
                self._watch(engaged=engaged, moved=bool(quantity or fee))
        except _StepRefused as refused:
            self._blocks.append(refused.block)
        if fill._is_final_ and fill._remaining_:
            try:
                self._release(fill, fill._remaining_)
            except _StepRefused as refused:
                self._blocks.append(refused.block)
        rows = self._rows()
        self._forget_empty()
        return ReportEffect(self._blocks, self._pnls, rows)

    # --- the fill ------------------------------------------------------------------------------

    def _apply_fill(
        self, fill: ExecutionReportFillDetails, price: Decimal, quantity: Decimal
    ) -> None:
        settlement = self._settlement_row.asset
        try:
            notional = multiply(price, quantity)
        except DecimalOverflow:
            raise _overflow(
                f"fill notional volume overflow: asset {settlement}, px {plain(price)}, "
                f"qty {plain(quantity)}"
            ) from None
        locked = self._locked_price(fill, "settlement fill")
        reserved = self._reserved_notional(locked, quantity)
        if self._buys:
            consumed = max(ZERO, reserved)
            self._move(self._settlement_row, consumed, negate(notional), ZERO)
            self._move_underlying(ZERO, quantity, quantity, price)
        else:
            self._move_underlying(quantity, negate(quantity), ZERO, price)
            if reserved > ZERO:
                self._move(self._settlement_row, ZERO, notional, reserved)
            else:
                self._move(self._settlement_row, max(ZERO, negate(reserved)), notional, ZERO)

    def _locked_price(self, fill: ExecutionReportFillDetails, purpose: str) -> Decimal:
        """Return the price that the order was reserved at."""
        group = self._desk.group_id
        prices = fill._lock_._groups_.get(group, ())
        if len(prices) == 1:
            return prices[0]
        if prices:
            code = "Other"
            reason = (
                f"pre-trade lock has multiple prices for {purpose}; "
                "two SpotFundsPolicies share a group_id"
            )
        else:
            code = "MissingRequiredField"
            reason = f"pre-trade lock has no price for {purpose}"
        raise _StepRefused(new_account_block(NAME, code, reason, f"group {group}"))

    def _reserved_notional(self, locked: Decimal, quantity: Decimal) -> Decimal:
        try:
            return multiply(locked, quantity)
        except DecimalOverflow:
            raise _overflow(
                f"settlement notional overflow: asset {self._settlement_row.asset}, "
                f"lock_px {plain(locked)}, qty {plain(quantity)}"
            ) from None

    def _slot_anew(self, asset: str) -> Slot:
        """Return the asset's slot; one that an earlier step has emptied starts as a new one."""
        self._funds.drop_if_empty(asset)
        return self._funds.slot(asset)

    def _move(self, row: AssetRow, consumed: Decimal, flow: Decimal, arrived: Decimal) -> None:
        """Take ``consumed`` from held and ``arrived`` from incoming; add ``flow`` to available."""
        asset = row.asset
        try:
            credit = add(consumed, flow)
        except DecimalOverflow:
            raise _overflow(
                f"fill balance credit overflow: asset {asset}, consume {plain(consumed)}, "
                f"flow {plain(flow)}"
            ) from None
        if not (credit or consumed or arrived):
            return
        slot = self._slot_anew(asset)
        try:
            available = add(credit, slot.available)
            held = subtract(slot.held, consumed)
            incoming = subtract(slot.incoming, arrived) if arrived else slot.incoming
        except DecimalOverflow:
            self._funds.drop_if_empty(asset)
            raise _overflow(
                f"fill leg mutation overflow: asset {asset}, consume {plain(consumed)}, "
                f"credit {plain(credit)}"
            ) from None
        slot.available = available
        slot.held = held
        slot.incoming = incoming
        row.merge(slot, credit, negate(consumed), negate(arrived))

    def _move_underlying(
        self, consumed: Decimal, flow: Decimal, arrived: Decimal, price: Decimal
    ) -> None:
        """Move the underlying and book the fill on its position."""
        slot = self._funds.slot(self._underlying_row.asset)
        average = slot.average
        try:
            before = add(slot.available, slot.held)
        except DecimalOverflow:
            before = None
        self._move(self._underlying_row, consumed, flow, arrived)
        if not flow:
            return
        slot = self._funds.slot(self._underlying_row.asset)
        booking = self._booking = (
            UNKNOWN_POSITION
            if before is None
            else book_fill(
                before,
                average,
                flow,
                self._valuation.value(self._settlement_row.asset, price),
                is_halted=isinstance(slot.pnl, PnlHaltReason),
            )
        )
        slot.average = booking.average
        self._accumulate_position(
            slot, booking.realized if booking.realizes else None, booking.failure
        )

    def _accumulate_position(
        self, slot: Slot, amount: Decimal | None, failure: PnlHaltReason | None
    ) -> None:
        """Add to the position's PnL what a fill realized or a fee cost, or halt it."""
        if isinstance(slot.pnl, PnlHaltReason):
            if failure is not None and self._position_halted in _UNPRICED:
                # Neither the price of this report's fill nor its fee has a value: the graver of the
                # two reasons is told. What the ledger itself could not book stays as it is.
                slot.pnl = self._position_halted = gravest(self._position_halted, failure)
            return
        if amount is None and failure is None:
            if slot.pnl is not None:
                slot.pnl = slot.pnl or ZERO
            return
        # Beside a plain zero the amount keeps its digits, also where it was rounded to nothing.
        state, delta = accumulate(slot.pnl, ZERO, ZERO if amount is None else amount, failure)
        if self._position_pnl_delta is not None and not isinstance(state, PnlHaltReason):
            try:
                delta = add(self._position_pnl_delta, delta)
            except DecimalOverflow:
                state = PnlHaltReason.ARITHMETIC_OVERFLOW
        slot.pnl = state
        if isinstance(state, PnlHaltReason):
            self._position_halted = state
        else:
            self._position_pnl_delta = delta

    # --- the fee -------------------------------------------------------------------------------

    def _charge(self, currency: str, fee: Decimal) -> Decimal | PnlHaltReason:
        """Take the fee from what is available of its currency, and book it on the position.

        Returns what it adds to a PnL: negative for a fee, positive for a rebate.
        """
        slot = self._slot_anew(currency)
        try:
            available = subtract(slot.available, fee)
        except DecimalOverflow:
            self._funds.drop_if_empty(currency)
            raise _overflow(f"fee debit overflow: currency {currency}, fee {plain(fee)}") from None
        if currency == self._underlying_row.asset:
            row = self._underlying_row
        elif currency == self._settlement_row.asset:
            row = self._settlement_row
        else:
            row = self._fee_row = AssetRow(currency)
        slot.available = available
        try:
            row.merge(slot, negate(fee), ZERO, ZERO)
        except DecimalOverflow:
            raise _overflow(
                f"fee balance delta overflow: currency {currency}, fee {plain(fee)}"
            ) from None
        cost = self._valuation.value(currency, negate(fee))
        underlying = self._funds.slot(self._underlying_row.asset)
        if not isinstance(underlying.pnl, PnlHaltReason):
            # The position's row is told anew: the instrument may be settled in its underlying.
            self._underlying_row.merge(underlying, ZERO, ZERO, ZERO)
        if isinstance(cost, PnlHaltReason):
            self._accumulate_position(underlying, ZERO, cost)
        else:
            self._accumulate_position(underlying, cost, None)
        return cost

    # --- the account's PnL ---------------------------------------------------------------------

    def _book_on_account(self, cost: Decimal | PnlHaltReason | None) -> bool:
        """Add what the fill realized and the fee cost; tell whether there was either."""
        booking = self._booking
        if booking is None or not booking.realizes:
            if cost is None:
                return False
            realized, failure = ZERO, None
        else:
            realized, failure = booking.realized, booking.failure
        if isinstance(cost, PnlHaltReason):
            failure = gravest(failure, cost)
            cost = None
        funds = self._funds
        if isinstance(funds.pnl, PnlHaltReason):
            return True
        funds.pnl, delta = accumulate(funds.pnl, realized, ZERO if cost is None else cost, failure)
        group_id = self._desk.group_id
        if isinstance(funds.pnl, PnlHaltReason):
            self._pnls.append((group_id, self._account, None, None, funds.pnl))
        else:
            self._pnls.append((group_id, self._account, delta, funds.pnl, None))
        return True

    def _watch(self, *, engaged: bool, moved: bool) -> None:
        """Block the account when its PnL is outside its barrier, as far as this report tells.

        A PnL that this report did not touch is not looked at again. One that is not counted any
        more is named with every fill and fee, one that cannot be compared also with a fill of
        nothing.
        """
        if not self._desk.settings.has_barriers:
            return
        barriers = self._desk.settings.barriers
        currency = self._valuation.currency
        effective = barriers.effective(self._account, self._group, currency)
        if effective is None:
            return
        pnl = self._funds.pnl
        halted = isinstance(pnl, PnlHaltReason)
        if not effective.mismatch and not (moved if halted else engaged):
            return
        breach = breach_of(effective, currency, pnl)
        if breach is not None:
            self._blocks.append(switch_block(breach))

    # --- what is given back --------------------------------------------------------------------

    def _release(self, fill: ExecutionReportFillDetails, remaining: Decimal) -> None:
        """Give back what the rest of a finished order had set aside."""
        locked = self._locked_price(fill, "settlement release")
        reserved = self._reserved_notional(locked, remaining)
        if self._buys:
            self._give_back(self._underlying_row, ZERO, remaining)
            self._give_back(self._settlement_row, max(ZERO, reserved), ZERO)
        else:
            self._give_back(self._underlying_row, remaining, ZERO)
            if reserved > ZERO:
                self._give_back(self._settlement_row, ZERO, reserved)
            else:
                self._give_back(self._settlement_row, max(ZERO, negate(reserved)), ZERO)

    def _give_back(self, row: AssetRow, held: Decimal, incoming: Decimal) -> None:
        """Make a held amount available again, or expect an incoming one no more."""
        if not held and not incoming:
            return
        asset = row.asset
        slot = self._slot_anew(asset)
        try:
            available = add(slot.available, held)
            still_held = subtract(slot.held, held)
            if incoming:
                slot.incoming = subtract(slot.incoming, incoming)
            slot.available = available
            slot.held = still_held
        except DecimalOverflow:
            raise _overflow(
                f"cancel release overflow: asset {asset}, held {plain(held)}, "
                f"incoming {plain(incoming)}"
            ) from None
        try:
            row.merge(slot, held, negate(held), negate(incoming))
        except DecimalOverflow:
            field = row.overflowing_field(negate(held)) if held else "incoming"
            raise _overflow(
                f"cancel {field} delta overflow: asset {asset}, release {plain(held or incoming)}"
            ) from None

    # --- the outcome ---------------------------------------------------------------------------

    def _rows(self) -> list[GroupRow]:
        average = pnl = None
        slot = self._funds.slots.get(self._underlying_row.asset)
        if slot is not None:
            booking = self._booking
            if booking is not None and booking.is_new and self._position_halted is None:
                average = slot.average
            if self._position_pnl_delta is not None and not isinstance(slot.pnl, PnlHaltReason):
                pnl = slot.pnl
        rows = (
            self._underlying_row.outcome(
                None if pnl is None else self._position_pnl_delta,
                pnl,
                self._position_halted,
                average,
            ),
            self._settlement_row.outcome(),
            None if self._fee_row is None else self._fee_row.outcome(),
        )
        group_id = self._desk.group_id
        return [(group_id, row) for row in rows if row is not None]

    def _forget_empty(self) -> None:
        funds = self._funds
        funds.drop_if_empty(self._underlying_row.asset)
        funds.drop_if_empty(self._settlement_row.asset)
        if self._fee_row is not None:
            funds.drop_if_empty(self._fee_row.asset)
        close_if_empty(self._desk.funds, self._account)


def _overflow(details: str) -> _StepRefused:
    return _StepRefused(overflow_block(details))
