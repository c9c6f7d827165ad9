"""What happens in an order flow: an order is placed, filled, cancelled, or something else is noted.

Events carry plain values as the flow states them; whether they are valid prices or quantities is
found out by whoever turns them into orders and reports. Readers and writers of flow files and the
generator share these classes; they know nothing of the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

__all__ = [
    "BadEventError",
    "BadLine",
    "Cancel",
    "Event",
    "Fill",
    "Number",
    "Observation",
    "OrderPlaced",
]

Number = str | int
"""A decimal as the flow wrote it: text, or a whole number."""

# Of a field that is declared as a number, msgspec lets the digits of a fraction go through a float.
if TYPE_CHECKING:
    _Amount = Number
else:
    _Amount = object

# No event holds another object that could hold it: the collector need not look at them.


class OrderPlaced(
    Struct,
    tag_field="event",
    tag="order",
    rename={"key": "order"},
    forbid_unknown_fields=True,
    gc=False,
):
    """A new order, to be checked.

    ``key`` is the flow's order id, unique in the flow. ``side`` is BUY or SELL. One of ``quantity``
    (units of the symbol) and ``volume`` (units of the currency) is set. No ``price``: a market
    order. ``time`` is nanoseconds from any fixed moment, None where the flow does not tell.
    """

    key: int | str
    account: int | str
    symbol: str
    currency: str
    side: str
    quantity: _Amount | None = None
    volume: _Amount | None = None
    price: _Amount | None = None
    time: int | None = None


class Fill(
    Struct,
    tag_field="event",
    tag="fill",
    rename={"key": "order"},
    forbid_unknown_fields=True,
    gc=False,
):
    """A trade of an order: ``quantity`` at ``price``.

    ``fee`` is in the order's currency, positive for a cost; ``pnl`` is what the trade realized,
    before the fee. Both default to nothing.
    """

    key: int | str
    quantity: _Amount
    price: _Amount
    fee: _Amount | None = None
    pnl: _Amount | None = None
    time: int | None = None


class Cancel(
    Struct,
    tag_field="event",
    tag="cancel",
    rename={"key": "order"},
    forbid_unknown_fields=True,
    gc=False,
):
    """An order, or ``quantity`` of it, is taken back."""

    key: int | str
    quantity: _Amount | None = None
    time: int | None = None


class Observation:
    """Something in the flow that concerns no order of it, such as a trading halt."""

    __slots__ = ("kind", "time")

    def __init__(self, kind: str, time: int) -> None:
        self.kind = kind
        self.time = time


class BadLine:
    """A line that is no event: its number, counted from 1, and what is wrong with it."""

    __slots__ = ("line", "reason")

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason


class BadEventError(Exception):
    """A line that is no event, or an event that cannot be applied; the text says why."""


Event = OrderPlaced | Fill | Cancel | Observation
