"""What happens in an order flow: an order is placed, filled, cancelled, or something else is noted.

Events carry plain values as the flow states them; whether they are valid prices or quantities is
found out by whoever turns them into orders and reports. Readers and writers of flow files and the
generator share these classes; they know nothing of the engine.
"""

from __future__ import annotations

__all__ = ["BadLine", "Cancel", "Event", "Fill", "Number", "Observation", "OrderPlaced"]

Number = str | int
"""A decimal as the flow wrote it: text, or a whole number."""


class OrderPlaced:
    """A new order, to be checked.

    ``key`` is the flow's order id, unique in the flow. ``time`` is nanoseconds from any fixed
    moment, None where the flow does not tell. ``side`` is BUY or SELL. One of ``quantity`` (units
    of the symbol) and ``volume`` (units of the currency) is set. No ``price``: a market order.
    """

    __slots__ = (
        "account",
        "currency",
        "key",
        "line",
        "price",
        "quantity",
        "side",
        "symbol",
        "time",
        "volume",
    )

    def __init__(
        self,
        line: int,
        time: int | None,
        key: int | str,
        account: int | str,
        symbol: str,
        currency: str,
        side: str,
        quantity: Number | None,
        volume: Number | None,
        price: Number | None,
    ) -> None:
        self.line = line
        self.time = time
        self.key = key
        self.account = account
        self.symbol = symbol
        self.currency = currency
        self.side = side
        self.quantity = quantity
        self.volume = volume
        self.price = price


class Fill:
    """A trade of an order: ``quantity`` at ``price``.

    ``fee`` is in the order's currency, positive for a cost; ``pnl`` is what the trade realized,
    before the fee. Both default to nothing.
    """

    __slots__ = ("fee", "key", "line", "pnl", "price", "quantity", "time")

    def __init__(
        self,
        line: int,
        time: int | None,
        key: int | str,
        quantity: Number,
        price: Number,
        fee: Number | None = None,
        pnl: Number | None = None,
    ) -> None:
        self.line = line
        self.time = time
        self.key = key
        self.quantity = quantity
        self.price = price
        self.fee = fee
        self.pnl = pnl


class Cancel:
    """An order, or ``quantity`` of it, is taken back."""

    __slots__ = ("key", "line", "quantity", "time")

    def __init__(
        self, line: int, time: int | None, key: int | str, quantity: Number | None = None
    ) -> None:
        self.line = line
        self.time = time
        self.key = key
        self.quantity = quantity


class Observation:
    """Something in the flow that concerns no order of it, such as a trading halt."""

    __slots__ = ("kind", "line", "time")

    def __init__(self, line: int, time: int | None, kind: str) -> None:
        self.line = line
        self.time = time
        self.kind = kind


class BadLine:
    """A line that is no event: its number, counted from 1, and what is wrong with it."""

    __slots__ = ("line", "reason")

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason


Event = OrderPlaced | Fill | Cancel | Observation
