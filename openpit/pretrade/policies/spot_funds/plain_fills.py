"""The plain fill: one trade, in the account's currency or without a PnL, and nothing in its way.

Most reports are of this kind. This says for them what ``reports`` says for all, by the same ledger
and to the same digits, without the records that the other cases need. Nothing is written before it
is certain that the fill is plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.param.decimals import ZERO, DecimalOverflow, add, multiply, negate, subtract
from openpit.param.enums import PnlHaltReason
from openpit.pretrade.policies.spot_funds.ledger import book_fill
from openpit.pretrade.policy_contract import ReportEffect

if TYPE_CHECKING:
    from decimal import Decimal

    from openpit.core.report import ExecutionReportFillDetails
    from openpit.pretrade.outcomes import AccountPnlRow, OutcomeRow
    from openpit.pretrade.policies.spot_funds.desk import Desk

__all__ = ["apply_plain_fill"]

_MISSING_CURRENCY = PnlHaltReason.MISSING_ACCOUNT_CURRENCY
_MISSING_FX = PnlHaltReason.MISSING_FX


def apply_plain_fill(  # noqa: C901, PLR0912, PLR0915 - one straight path: every call in it would show
    desk: Desk,
    account: int,
    underlying: str,
    settlement: str,
    fill: ExecutionReportFillDetails,
    *,
    buys: bool,
) -> ReportEffect | None:
    """Apply a fill if it is plain; None, and nothing changed, if it is not.

    Plain is a trade at positive prices, with a fee in the settlement asset if any, that releases
    nothing, of an account that has both assets and no barrier to watch. Its currency is the
    settlement asset, or the position's PnL is halted already; a halted PnL stays as it is.
    """
    price, quantity, fee = fill._last_price_, fill._last_quantity_, fill._fee_amount_
    prices = fill._lock_._groups_.get(desk.group_id)
    funds = desk.funds.get(account)
    if (
        price is None
        or quantity is None
        or prices is None
        or funds is None
        or len(prices) != 1
        or (fill._is_final_ and fill._remaining_)
        or underlying == settlement
        or (fee and fill._fee_currency_ != settlement)
        or desk.settings.has_barriers
    ):
        return None
    stock, cash = funds.slots.get(underlying), funds.slots.get(settlement)
    if stock is None or cash is None:
        return None
    pnl, account_pnl = stock.pnl, funds.pnl
    is_halted = isinstance(pnl, PnlHaltReason)
    keeps_pnl = not isinstance(account_pnl, PnlHaltReason)
    worth: Decimal | PnlHaltReason = price
    currency = desk.accounts.currency_of(account)
    if currency != settlement:
        if not is_halted or (currency is not None and desk.market is not None):
            return None
        worth = _MISSING_CURRENCY if currency is None else _MISSING_FX
    try:
        paid = multiply(price, quantity)
        reserved = multiply(prices[0], quantity)
        if paid <= ZERO or reserved <= ZERO:
            return None
        position = add(stock.available, stock.held)
        if buys:
            change = quantity
            available = add(quantity, stock.available)
            held = stock.held or ZERO
            incoming = subtract(stock.incoming, quantity)
            credit = subtract(reserved, paid)
            cash_held = subtract(cash.held, reserved)
            cash_incoming = cash.incoming
        else:
            change = negate(quantity)
            available = stock.available
            held = subtract(stock.held, quantity)
            incoming = stock.incoming
            credit = paid
            cash_held = cash.held or ZERO
            cash_incoming = subtract(cash.incoming, reserved)
        cash_available = add(credit, cash.available)
        average, shows_average, realizes, realized, failure = book_fill(
            position, stock.average, change, worth, is_halted=is_halted
        )
        earned = account_earned = None
        if isinstance(pnl, PnlHaltReason):
            if keeps_pnl and (realizes or fee):
                return None
        elif failure is not None:
            return None
        elif realizes:
            earned = realized
            account_earned = realized or ZERO
            pnl = realized if pnl is None else add(pnl, realized)
        elif pnl is not None:
            pnl = pnl or ZERO
        if fee:
            if not (cash_available or cash_held or cash_incoming):
                return None
            cost = negate(fee)
            cash_available = subtract(cash_available, fee)
            credit = add(credit, cost)
            if not isinstance(pnl, PnlHaltReason):
                pnl = cost if pnl is None else add(pnl, cost)
                earned = account_earned = cost if earned is None else add(earned, cost)
        if account_earned is not None and not isinstance(account_pnl, PnlHaltReason):
            account_pnl = (
                account_earned if account_pnl is None else add(account_pnl, account_earned)
            )
    except DecimalOverflow:
        return None
    group_id = desk.group_id
    shown = None if earned is None or isinstance(pnl, PnlHaltReason) else pnl
    entry = average if shows_average else None
    given = reserved.copy_negate()
    stock_row: OutcomeRow
    cash_row: OutcomeRow
    if buys:
        stock_row = (
            underlying, quantity, available, None, None, quantity.copy_negate(), incoming,
            earned, shown, None, entry,
        )  # fmt: skip
        cash_row = (
            settlement, credit or None, cash_available if credit else None, given, cash_held,
            None, None, None, None, None, None,
        )  # fmt: skip
    else:
        stock_row = (
            underlying, None, None, change, held, None, None, earned, shown, None, entry,
        )  # fmt: skip
        cash_row = (
            settlement, credit or None, cash_available if credit else None, None, None,
            given, cash_incoming, None, None, None, None,
        )  # fmt: skip
    pnls: tuple[AccountPnlRow, ...] = ()
    if earned is not None and not isinstance(account_pnl, PnlHaltReason):
        pnls = ((group_id, account, account_earned, account_pnl, None),)
    effect = ReportEffect(
        (),
        pnls,
        ((group_id, stock_row), (group_id, cash_row)),
    )
    # Last, and in plain stores: an interrupt leaves all of it or nothing (see engine/finalize.py).
    stock.available, stock.held, stock.incoming = available, held, incoming
    stock.average, stock.pnl = average, pnl
    cash.available, cash.held, cash.incoming = cash_available, cash_held, cash_incoming
    funds.pnl = account_pnl
    if (
        not (cash_available or cash_held or cash_incoming)
        and cash.average is None
        and cash.pnl is None
    ):
        del funds.slots[settlement]
    return effect
