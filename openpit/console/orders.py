"""Orders and corrections as the console is told them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.console.failures import HttpFailure
from openpit.core import Instrument, Order, OrderOperation
from openpit.param import AdjustmentAmount, Price, Side, TradeAmount

if TYPE_CHECKING:
    from openpit.console.shapes import AdjustmentWanted, OrderWanted
    from openpit.param.ids import AccountId

__all__ = ["adjustment_of", "order_of"]


def order_of(wanted: OrderWanted, account: AccountId) -> Order:
    """Return the order.

    Raises:
        HttpFailure: it has both a quantity and a volume, or neither.
        ValueError: a value is none of its kind.
    """
    if wanted.quantity is not None and wanted.volume is None:
        amount = TradeAmount.quantity(wanted.quantity)
    elif wanted.volume is not None and wanted.quantity is None:
        amount = TradeAmount.volume(wanted.volume)
    else:
        raise HttpFailure(422, "Order", "an order has a quantity or a volume")
    return Order(
        operation=OrderOperation(
            instrument=Instrument(wanted.underlying, wanted.settlement),
            account_id=account,
            side=Side.BUY if wanted.side == "BUY" else Side.SELL,
            trade_amount=amount,
            price=None if wanted.price is None else Price(wanted.price),
        )
    )


def adjustment_of(wanted: AdjustmentWanted) -> Adjustment:
    """Return the correction of a balance; ValueError where a value is none of its kind."""
    make = AdjustmentAmount.delta if wanted.kind == "by" else AdjustmentAmount.absolute
    return Adjustment(
        operation=BalanceOperation(asset=wanted.asset),
        amount=Amount(balance=make(wanted.amount)),
    )
