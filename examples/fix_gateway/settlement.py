"""What the venue's reports do to an order and to what it holds, by their ExecType (150)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol

import openpit
from fix_gateway.orders import State
from fix_gateway.refusals import BUSINESS_REJECT, DONT_KNOW, SESSION_REJECT, RefusedError
from fix_gateway.terms import fee_of, price_of, quantity_of
from openpit.param import Pnl, Quantity, Trade

if TYPE_CHECKING:
    from collections.abc import Callable

    from fix_gateway.fields import Fields
    from fix_gateway.orders import ClientOrder
    from openpit.param import AccountId, MonetaryAmount

__all__ = ["FIX_EXECUTIONS", "SETTLED", "TRADE", "SettlingEngine"]

FIX_EXECUTIONS: Final = "03456789ABCDEFGHI"
TRADE: Final = "F"


class SettlingEngine(Protocol):
    """What this asks of an engine."""

    def apply_execution_report(self, report: openpit.ExecutionReport) -> object:
        """Settle what a report says."""


def _accepted(
    _engine: SettlingEngine, _account_id: AccountId, order: ClientOrder, fields: Fields
) -> None:
    """Commit: the venue has it."""
    _check_counts(order, fields, order.filled, order.left)
    order.accept()


def _told(
    _engine: SettlingEngine, _account_id: AccountId, _order: ClientOrder, _fields: Fields
) -> None:
    """Change nothing: the report says where the order stands, or that the venue looks at it."""


def _traded(
    engine: SettlingEngine, account_id: AccountId, order: ClientOrder, fields: Fields
) -> None:
    """Report a fill to the engine."""
    quantity, price = quantity_of(fields, 32), price_of(fields, 31)
    traded = quantity.decimal
    if not traded:
        raise RefusedError(SESSION_REJECT, 5, "LastQty (32) is zero", 32)
    if traded > order.left:
        text = f"LastQty is {traded:f}, but {order.left:f} of the order is open"
        raise RefusedError(DONT_KNOW, "C", text)
    left = order.left - traded
    _check_counts(order, fields, order.filled + traded, left)
    fee = fee_of(fields, order.instrument)
    average_price = f"{fields.number(6):f}"
    order.accept()
    _settle(engine, account_id, order, left, Trade(price=price, quantity=quantity), fee)
    order.fill(traded, average_price)


def _ended(
    engine: SettlingEngine, account_id: AccountId, order: ClientOrder, fields: Fields
) -> None:
    """Give back what the order still holds: all of it if the venue has never had it."""
    _check_counts(order, fields, order.filled, Decimal())
    status = fields.text(150)
    if order.state is State.PENDING:
        order.withdraw(status)
    else:
        _settle(engine, account_id, order, order.left, None, None)
        order.end(status)


def _settle(
    engine: SettlingEngine,
    account_id: AccountId,
    order: ClientOrder,
    left: Decimal,
    trade: Trade | None,
    fee: MonetaryAmount | None,
) -> None:
    engine.apply_execution_report(
        openpit.ExecutionReport(
            operation=openpit.ExecutionReportOperation(
                instrument=order.instrument, side=order.side, account_id=account_id
            ),
            financial_impact=openpit.FinancialImpact(pnl=Pnl(0), fee=fee.amount) if fee else None,
            fill=openpit.ExecutionReportFillDetails(
                last_trade=trade,
                fee=fee,
                remaining_reserved_quantity=Quantity(left),
                lock=order.lock,
                is_final=trade is None or not left,
            ),
        )
    )


def _check_counts(order: ClientOrder, fields: Fields, filled: Decimal, left: Decimal) -> None:
    """Refuse a report that counts otherwise than the gateway: one before it is missing."""
    told = fields.size(14), fields.size(151)
    if told == (filled, left):
        return
    text = (
        f"CumQty is {told[0]:f} and LeavesQty {told[1]:f}, but by the reports so far they are"
        f" {filled:f} and {left:f} of order {order.client_id}"
    )
    if fields.text(150) == TRADE:
        raise RefusedError(DONT_KNOW, "Z", text)
    raise RefusedError(BUSINESS_REJECT, 0, text)


SETTLED: Final[dict[str, Callable[[SettlingEngine, AccountId, ClientOrder, Fields], None]]] = {
    "0": _accepted,
    "4": _ended,
    "6": _told,
    "8": _ended,
    "A": _told,
    "C": _ended,
    TRADE: _traded,
    "I": _told,
}
"""What is done at each ExecType that is taken; all else is refused."""
