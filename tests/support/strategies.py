"""Hypothesis strategies of the domain: small figures, so that sums are exact and easy to read."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from hypothesis import strategies as st
from makers import order

import openpit
from openpit import param

__all__ = [
    "ACCOUNTS",
    "Trade",
    "adjustments",
    "amounts",
    "orders",
    "parts_of",
    "prices",
    "quantities",
    "trades",
]

ACCOUNTS = (1, 2, 3)
INSTRUMENTS = (("AAPL", "USD"), ("SAP", "EUR"), ("EUR", "USD"))
ASSETS = ("USD", "EUR", "AAPL", "SAP")


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places)


quantities = decimals("0.001", "50", 3)
prices = decimals("0.01", "200", 2)
"""What most things cost."""
odd_prices = st.one_of(prices, decimals("-40", "-0.01", 2), st.just(Decimal(0)))
"""Also what some futures have cost: nothing, or less."""
amounts = decimals("-500", "5000", 2)
"""What is paid in or taken out."""


class Trade(NamedTuple):
    """An order and what becomes of it.

    ``fills`` are quantities and prices; with ``cancelled`` the rest is released, else it stays
    open. ``fate`` tells whether the reservation is committed before, rolled back or dropped.
    """

    account: int
    side: param.Side
    instrument: tuple[str, str]
    quantity: Decimal
    limit: Decimal
    fate: str
    fills: tuple[tuple[Decimal, Decimal], ...]
    cancelled: bool

    def order(self) -> openpit.Order:
        return order(
            self.account,
            str(self.quantity),
            str(self.limit),
            side=self.side,
            instrument=self.instrument,
        )


@st.composite
def parts_of(draw: st.DrawFn, whole: Decimal) -> list[Decimal]:
    """One to four quantities that make up the whole."""
    thousandths = int(whole * 1000)
    cuts = draw(st.sets(st.integers(1, thousandths - 1), max_size=3)) if thousandths > 1 else set()
    edges = [0, *sorted(cuts), thousandths]
    return [Decimal(high - low) / 1000 for low, high in pairwise(edges)]


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    quantity = draw(quantities)
    parts = draw(parts_of(quantity))
    filled = parts[: draw(st.integers(0, len(parts)))]
    return Trade(
        draw(st.sampled_from(ACCOUNTS)),
        draw(st.sampled_from(param.Side)),
        draw(st.sampled_from(INSTRUMENTS)),
        quantity,
        draw(odd_prices),
        draw(st.sampled_from(("commit", "commit", "rollback", "drop"))),
        tuple((part, draw(odd_prices)) for part in filled),
        draw(st.booleans()),
    )


@st.composite
def orders(draw: st.DrawFn) -> openpit.Order:
    """Any order: by quantity or volume, with or without a price, also for nothing."""
    size = {draw(st.sampled_from(("quantity", "volume"))): str(draw(decimals("0", "500", 3)))}
    if "volume" in size:
        size["quantity"] = None
    price = draw(st.none() | odd_prices)
    return order(
        draw(st.none() | st.sampled_from(ACCOUNTS)),
        price=None if price is None else str(price),
        side=draw(st.sampled_from(param.Side)),
        instrument=draw(st.sampled_from(INSTRUMENTS)),
        **size,
    )


def _change(amount: Decimal, *, is_absolute: bool) -> param.AdjustmentAmount:
    make = param.AdjustmentAmount.absolute if is_absolute else param.AdjustmentAmount.delta
    return make(str(amount))


_changes = st.none() | st.builds(_change, amounts, is_absolute=st.booleans())


@st.composite
def adjustments(draw: st.DrawFn) -> openpit.AccountAdjustment:
    """An adjustment of an asset that is accepted: no bounds."""
    average = draw(st.none() | prices)
    realized = draw(st.none() | amounts)
    return openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(
            asset=draw(st.sampled_from(ASSETS)),
            average_entry_price=None if average is None else param.Price(average),
            realized_pnl=None if realized is None else param.Pnl(realized),
        ),
        amount=openpit.AccountAdjustmentAmount(
            balance=draw(_changes), held=draw(_changes), incoming=draw(_changes)
        ),
    )
