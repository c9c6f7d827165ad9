"""Applying an execution report: the fill, its fee, what they realize, and what is given back.

Follows spec sections 9.5.4, 9.5.6 and 9.5.7. What a report changes is never rolled back: a step that
cannot be taken blocks the account and leaves the steps before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.param.decimals import ZERO, DecimalOverflow, add, multiply, negate, plain, subtract
from openpit.param.enums import PnlHaltReason, Side
from openpit.pretrade.policies.spot_funds.barriers import breach_of
from openpit.pretrade.policies.spot_funds.desk import NAME, overflow_block, switch_block
from openpit.pretrade.policies.spot_funds.holdings import close_if_empty, open_funds
from openpit.pretrade.policies.spot_funds.ledger import accumulate, book_fill, gravest
from openpit.pretrade.policies.spot_funds.valuation import Valuation
from openpit.pretrade.rejects import AccountBlock, missing_field_block
from openpit.pretrade.runtime import ReportEffect

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.core.report import ExecutionReport, ExecutionReportFillDetails
    from openpit.pretrade.outcomes import AccountPnlRow, GroupRow, OutcomeRow
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.policies.spot_funds.holdings import Slot
    from openpit.pretrade.policies.spot_funds.ledger import FillBooking
    from openpit.pretrade.runtime import Call

__all__ = ["apply_report"]


def apply_report(desk: Desk, report: ExecutionReport, call: Call | None) -> ReportEffect:
    """Apply a report; a field that is missing blocks the account and nothing is applied."""
    fill = report._fill
    for value, label in (
        (report._account, "account ID"),
        (None if report._underlying is None else report._settlement, "instrument"),
        (report._side, "side"),
        (None if fill is None else fill._remaining, "remaining reserved quantity"),
        (None if fill is None else fill._is_final, "order finality"),
    ):
        if value is None:
            return ReportEffect([missing_field_block(label, NAME)])
    return _Application(desk, report, call).run(fill)


class _Refused(Exception):  # noqa: N818 - an outcome, not an error
    """A step cannot be taken; carries the block that says why."""

    def __init__(self, block: AccountBlock) -> None:
        super().__init__()
        self.block = block


class _AssetRow:
    """What the report has changed in one asset so far, and what that came to."""

    __slots__ = ("asset", "available", "available_now", "held", "held_now", "incoming", "incoming_now")

    def __init__(self, asset: str) -> None:
        self.asset = asset
        self.available = self.held = self.incoming = ZERO
        self.available_now = self.held_now = self.incoming_now = ZERO

    def merge(self, slot: Slot, available: Decimal, held: Decimal, incoming: Decimal) -> None:
        """Add what a step has changed; DecimalOverflow when that cannot be added up."""
        available = add(self.available, available)
        held = add(self.held, held)
        incoming = add(self.incoming, incoming)
        self.available = available
        self.held = held
        self.incoming = incoming
        self.available_now = slot.available
        self.held_now = slot.held
        self.incoming_now = slot.incoming

    def outcome(
        self,
        realized: Decimal | None = None,
        pnl: Decimal | None = None,
        halted: PnlHaltReason | None = None,
        average: Decimal | None = None,
    ) -> OutcomeRow | None:
        """Return the row, None when the report changed nothing here."""
        available, held, incoming = self.available, self.held, self.incoming
        if not (available or held or incoming) and pnl is halted is average is None:
            return None
        return (
            self.asset,
            available if available else None,
            self.available_now if available else None,
            held if held else None,
            self.held_now if held else None,
            incoming if incoming else None,
            self.incoming_now if incoming else None,
            realized,
            pnl,
            halted,
            average,
        )


class _Application:
    """One report on its way through the account's slots and ledgers."""

    __slots__ = (
        "_account",
        "_blocks",
        "_booking",
        "_buy",
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

    def __init__(self, desk: Desk, report: ExecutionReport, call: Call | None) -> None:
        account = report._account
        self._desk = desk
        self._account = account
        self._group = desk.group_of(account, call)
        self._valuation = Valuation(desk, account, self._group)
        self._buy = report._side is Side.BUY
        self._funds = open_funds(desk.funds, account)
        self._underlying_row = _AssetRow(report._underlying)
        self._settlement_row = _AssetRow(report._settlement)
        self._fee_row: _AssetRow | None = None
        # What the fill did to the position, None without a fill or for one of quantity zero.
        self._booking: FillBooking | None = None
        # Whether this report halted the position's PnL, else what it added to it.
        self._position_halted: PnlHaltReason | None = None
        self._position_pnl_delta: Decimal | None = None
        self._blocks: list[AccountBlock] = []
        self._pnls: list[AccountPnlRow] = []

    def run(self, fill: ExecutionReportFillDetails) -> ReportEffect:
        """Apply the fill, the fee and the release, each as far as it goes."""
        quantity = fill._last_quantity
        fee = fill._fee_amount or ZERO
        try:
            if quantity is not None:
                self._apply_fill(fill, fill._last_price, quantity)
            cost = self._charge(fill._fee_currency, fee) if fee else None
            engaged = self._book_on_account(cost)
            if quantity is not None or fee:
                self._watch(engaged=engaged, moved=bool(quantity or fee))
        except _Refused as refused:
            self._blocks.append(refused.block)
        if fill._is_final and fill._remaining:
            try:
                self._release(fill, fill._remaining)
            except _Refused as refused:
                self._blocks.append(refused.block)
        rows = self._rows()
        self._forget_empty()
        return ReportEffect(self._blocks, self._pnls, rows)

    # --- the fill ------------------------------------------------------------------------------

    def _apply_fill(
        self, fill: ExecutionReportFillDetails, price: Decimal, quantity: Decimal
    ) -> None:
        settlement = self._settlement_row.asset
        locked = self._locked_price(fill, "settlement fill")
        try:
            notional = multiply(price, quantity)
        except DecimalOverflow:
            raise _overflow(
                f"fill notional volume overflow: asset {settlement}, px {plain(price)}, "
                f"qty {plain(quantity)}"
            ) from None
        reserved = self._reserved_notional(locked, quantity)
        if self._buy:
            consumed = reserved if reserved > ZERO else ZERO
            self._move(self._settlement_row, consumed, negate(notional), ZERO)
            self._move_underlying(ZERO, quantity, quantity, price)
        else:
            self._move_underlying(quantity, negate(quantity), ZERO, price)
            if reserved > ZERO:
                self._move(self._settlement_row, ZERO, notional, reserved)
            else:
                self._move(self._settlement_row, negate(reserved), notional, ZERO)

    def _locked_price(self, fill: ExecutionReportFillDetails, purpose: str) -> Decimal:
        """Return the price that the order was reserved at."""
        group = self._desk.group_id
        prices = fill._lock._groups.get(group, ())
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
        raise _Refused(AccountBlock._of(NAME, code, reason, f"group {group}"))

    def _reserved_notional(self, locked: Decimal, quantity: Decimal) -> Decimal:
        try:
            return multiply(locked, quantity)
        except DecimalOverflow:
            raise _overflow(
                f"settlement notional overflow: asset {self._settlement_row.asset}, "
                f"lock_px {plain(locked)}, qty {plain(quantity)}"
            ) from None

    def _move(self, row: _AssetRow, consumed: Decimal, flow: Decimal, arrived: Decimal) -> None:
        """Take ``consumed`` from held and ``arrived`` from incoming; add ``flow`` to available."""
        asset = row.asset
        try:
            credit = add(consumed, flow)
        except DecimalOverflow:
            raise _overflow(
                f"fill balance credit overflow: asset {asset}, consume {plain(consumed)}, "
                f"flow {plain(flow)}"
            ) from None
        slot = self._funds.slot(asset)
        try:
            available = add(slot.available, credit)
            held = subtract(slot.held, consumed)
            incoming = subtract(slot.incoming, arrived)
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
        self._settle_flat(slot)

    def _move_underlying(
        self, consumed: Decimal, flow: Decimal, arrived: Decimal, price: Decimal
    ) -> None:
        """Move the underlying and book the fill on its position."""
        slot = self._funds.slot(self._underlying_row.asset)
        before, average = add(slot.available, slot.held), slot.average
        self._move(self._underlying_row, consumed, flow, arrived)
        if not flow:
            return
        booking = self._booking = book_fill(
            before, average, flow, self._valuation.value(self._settlement_row.asset, price)
        )
        slot.average = booking.average
        self._accumulate_position(
            slot, booking.realized if booking.realizes else None, booking.failure
        )

    @staticmethod
    def _settle_flat(slot: Slot) -> None:
        """A position of nothing has no entry price."""
        if slot.average is not None and slot.available == negate(slot.held):
            slot.average = None

    def _accumulate_position(
        self, slot: Slot, amount: Decimal | None, failure: PnlHaltReason | None
    ) -> None:
        """Add to the position's PnL what a fill realized or a fee cost, or halt it."""
        if isinstance(slot.pnl, PnlHaltReason) or (amount is None and failure is None):
            return
        state, delta = accumulate(slot.pnl, ZERO if amount is None else amount, ZERO, failure)
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
        slot = self._funds.slot(currency)
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
            row = self._fee_row = _AssetRow(currency)
        slot.available = available
        self._settle_flat(slot)
        try:
            row.merge(slot, negate(fee), ZERO, ZERO)
        except DecimalOverflow:
            raise _overflow(
                f"fee balance delta overflow: currency {currency}, fee {plain(fee)}"
            ) from None
        cost = self._valuation.value(currency, negate(fee))
        underlying = self._funds.slot(self._underlying_row.asset)
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
        funds.pnl, delta = accumulate(funds.pnl, realized, cost or ZERO, failure)
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
        barriers = self._desk.settings.barriers
        if not barriers:
            return
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
        if self._buy:
            self._give_back(self._underlying_row, ZERO, remaining)
            self._give_back(self._settlement_row, reserved if reserved > ZERO else ZERO, ZERO)
        else:
            self._give_back(self._underlying_row, remaining, ZERO)
            if reserved > ZERO:
                self._give_back(self._settlement_row, ZERO, reserved)
            else:
                self._give_back(self._settlement_row, negate(reserved), ZERO)

    def _give_back(self, row: _AssetRow, held: Decimal, incoming: Decimal) -> None:
        """Make a held amount available again, or expect an incoming one no more."""
        if not held and not incoming:
            return
        asset = row.asset
        slot = self._funds.slot(asset)
        try:
            if held:
                available = add(slot.available, held)
                slot.held = subtract(slot.held, held)
                slot.available = available
            else:
                slot.incoming = subtract(slot.incoming, incoming)
        except DecimalOverflow:
            raise _overflow(
                f"cancel release overflow: asset {asset}, held {plain(held)}, "
                f"incoming {plain(incoming)}"
            ) from None
        try:
            row.merge(slot, held, negate(held), negate(incoming))
        except DecimalOverflow:
            field, released = ("held", held) if held else ("incoming", incoming)
            raise _overflow(
                f"cancel {field} delta overflow: asset {asset}, release {plain(released)}"
            ) from None

    # --- the outcome ---------------------------------------------------------------------------

    def _rows(self) -> list[GroupRow]:
        average = pnl = None
        slot = self._funds.slots.get(self._underlying_row.asset)
        if slot is not None:
            if self._booking is not None and self._position_halted is None:
                average = slot.average
            if self._position_pnl_delta is not None and self._position_halted is None:
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


def _overflow(details: str) -> _Refused:
    return _Refused(overflow_block(details))
