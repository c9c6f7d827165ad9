"""What a message's fields mean to the engine: instrument, side, amounts, fee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import openpit
from fix_gateway.codes import UNSUPPORTED
from fix_gateway.fields import name_of
from fix_gateway.refusals import ORDER_REJECT, SESSION_REJECT, RefusedError
from openpit.param import Asset, Fee, MonetaryAmount, Price, Quantity, Side

if TYPE_CHECKING:
    from fix_gateway.fields import Fields
    from fix_gateway.orders import ClientOrder

__all__ = ["FIX_SIDES", "difference", "fee_of", "instrument_of", "price_of", "quantity_of", "terms"]

FIX_SIDES: Final = "123456789ABCDEFG"
_SIDES: Final = {"1": Side.BUY, "2": Side.SELL}
_FIX_TYPES: Final = "123456789DEGIJKLMP"
_MARKET, _LIMIT = "1", "2"
_ABSOLUTE: Final = "3"

_Amount = TypeVar("_Amount", Price, Quantity, Fee)


def terms(fields: Fields) -> tuple[Side, Quantity, Price | None]:
    """Return an order's side, quantity and limit; no limit for a market order."""
    side, order_type = fields.one_of(54, FIX_SIDES), fields.one_of(40, _FIX_TYPES)
    quantity = quantity_of(fields, 38)
    price = price_of(fields, 44) if order_type == _LIMIT else None
    if side not in _SIDES:
        raise RefusedError(ORDER_REJECT, UNSUPPORTED, f"Side (54) {side} is not taken")
    if order_type not in (_MARKET, _LIMIT):
        raise RefusedError(ORDER_REJECT, UNSUPPORTED, f"OrdType (40) {order_type} is not taken")
    return _SIDES[side], quantity, price


def instrument_of(fields: Fields) -> openpit.Instrument:
    """Return what is traded, and what pays for it."""
    return openpit.Instrument(fields.text(55), fields.needed(15))


def quantity_of(fields: Fields, tag: int) -> Quantity:
    """Return a quantity; the message is refused if it has none that the engine takes."""
    return _amount(Quantity, fields, tag)


def price_of(fields: Fields, tag: int) -> Price:
    """Return a price; the message is refused if it has none that the engine takes."""
    return _amount(Price, fields, tag)


def fee_of(fields: Fields, instrument: openpit.Instrument) -> MonetaryAmount | None:
    """Return what a trade has cost, where the venue says it as an amount and not as a rate."""
    if fields.find(12) is None or fields.text(13) != _ABSOLUTE:
        return None
    currency = fields.find(479) or instrument.settlement_asset
    return MonetaryAmount(amount=_amount(Fee, fields, 12), currency=Asset(currency))


def _amount(kind: type[_Amount], fields: Fields, tag: int) -> _Amount:
    number = fields.number(tag)
    try:
        return kind(number)
    except ValueError as error:
        raise RefusedError(SESSION_REJECT, 5, f"{name_of(tag)}: {error}", tag) from None


def difference(order: ClientOrder, fields: Fields) -> tuple[str, str] | None:
    """Tell how a message about an order differs from it, None if it does not.

    The first is the difference as a DKReason (127).
    """
    symbol, side = fields.text(55), fields.one_of(54, FIX_SIDES)
    if symbol != order.instrument.underlying_asset:
        return "A", f"Symbol is {symbol}, the order's is {order.instrument.underlying_asset}"
    if _SIDES.get(side) is not order.side:
        return "B", f"Side is {side}, the order is to {order.side.value.lower()}"
    return None
