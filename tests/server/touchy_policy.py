"""A policy with an order class and an exception class of its own."""

from __future__ import annotations

from typing import Any

import openpit
from openpit.pretrade import Policy

__all__ = ["Ticket", "Touchy", "TouchyError"]


class TouchyError(Exception):
    """What the policy raises."""


class Ticket(openpit.Order):
    """An order with a desk."""

    desk: str


class Touchy(Policy):
    """Raises at 13 shares, and at every ticket of the desk that it dislikes."""

    name = "Touchy"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        quantity = int(order.operation.trade_amount.as_quantity.decimal)
        if getattr(order, "desk", "") == "fx" or quantity == 13:
            raise TouchyError("not that")
        return ()
