"""Policies of recovered engines: one that is a function of its input, and one that is not."""

from __future__ import annotations

import random
from typing import Any

import openpit
from openpit.core import Mutation
from openpit.pretrade import Policy, PolicyPreTradeResult, PolicyReject, RejectCode

__all__ = ["Counting", "Exported", "Moody", "Ticket"]


class Counting(Policy):
    """Lets an account have so many orders that were not rolled back; raises at 13 shares."""

    name = "Counting"

    def __init__(self, most: int = 20) -> None:
        self.most = most
        self.orders: dict[int, int] = {}

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        number = order.operation.account_id.value
        count = self.orders.get(number, 0)
        if order.operation.trade_amount.as_quantity.decimal == 13:
            raise ValueError(f"13 shares, {count} orders, says {self!r} of {id(ctx):#x}")
        if count >= self.most:
            reject = PolicyReject(RejectCode.CUSTOM, f"{count} orders", f"of {self.most}")
            return PolicyPreTradeResult.reject([reject])
        self.orders[number] = count + 1

        def rollback() -> None:
            self.orders[number] -= 1

        return PolicyPreTradeResult.accept(mutations=[Mutation(lambda: None, rollback)])


class Exported(Counting):
    """The same, which tells snapshots how many there are."""

    def export_state(self) -> Any:
        return self.orders

    def restore_state(self, state: Any) -> None:
        self.orders = state


class Moody(Policy):
    """Rejects for a reason of chance."""

    name = "Moody"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        reject = PolicyReject(RejectCode.CUSTOM, "today", str(random.random()))
        return PolicyPreTradeResult.reject([reject])


class Ticket(openpit.Order):
    """An order with the number that its program knows it by."""

    def __init__(self, *, operation: Any, number: str) -> None:
        super().__init__(operation=operation)
        self.number = number
