"""Policies of users, for tests: each does one thing that only a custom policy can."""

from __future__ import annotations

import os
import time
from typing import Any

from openpit.core import Mutation, Order
from openpit.pretrade import (
    Policy,
    PolicyPreTradeResult,
    PolicyReject,
    RejectCode,
)


class Marked(Order):
    """An order with an attribute of its user's."""

    def __init__(self, mark: object, **groups: Any) -> None:
        super().__init__(**groups)
        self.mark = mark


class Unusual(Exception):  # noqa: N818 - named as users name theirs
    """An exception of a user, whose constructor takes what no other does."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code

    def __reduce__(self) -> Any:
        return Unusual, (self.args[0], self.code)


class Untravelled(Exception):  # noqa: N818 - as above
    """An exception that cannot travel: it holds what no wire carries."""

    def __init__(self) -> None:
        super().__init__(object())


class Acting(Policy):
    """Does what the order's quantity says."""

    name = "Acting"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        quantity = int(order.operation.trade_amount.as_quantity.decimal)
        if quantity == 101:
            raise Unusual("one hundred and one", 101)
        if quantity == 102:
            raise Untravelled
        if quantity == 103:
            os._exit(7)
        if quantity == 104:
            time.sleep(3600)
        if quantity == 105:
            raise KeyboardInterrupt
        if quantity == 106:
            time.sleep(0.3)
        return ()


class Reserving(Policy):
    """Counts what it reserves; quantity 201 fails its commit, 202 its rollback."""

    name = "Reserving"

    def __init__(self) -> None:
        self.reserved = 0

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        quantity = int(order.operation.trade_amount.as_quantity.decimal)
        self.reserved += quantity

        def commit() -> None:
            if quantity == 201:
                raise ValueError("commit failed")

        def rollback() -> None:
            self.reserved -= quantity
            if quantity == 202:
                raise ValueError("rollback failed")

        mutations = [Mutation(commit, rollback)]
        if quantity == 203:
            told = PolicyReject(RejectCode.CUSTOM, "reserved", f"{self.reserved - 203}")
            return PolicyPreTradeResult.reject([told], mutations=mutations)
        return PolicyPreTradeResult.accept(mutations=mutations)


class Seeing(Policy):
    """Rejects every order, and says in the details what it sees of it."""

    name = "Seeing"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        seen = (type(order).__qualname__, getattr(order, "mark", None), order.position)
        return [PolicyReject(RejectCode.CUSTOM, "seen", repr(seen))]


class Unloadable(Policy):
    """Is pickled, but not unpickled."""

    name = "Unloadable"

    def __reduce__(self) -> Any:
        return _fail, ("no such luck",)


def _fail(text: str) -> None:
    raise RuntimeError(text)


class Touchy(Policy):
    """Raises at 13 shares; at 17 it holds what cannot be rolled back."""

    @property
    def name(self) -> str:
        return "Touchy"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        quantity = str(order.operation.trade_amount.as_quantity)
        if quantity == "13":
            raise ValueError("not 13")
        if quantity == "17":
            return PolicyPreTradeResult(mutations=[Mutation(commit=_nothing, rollback=_refuse)])
        return None


def _nothing() -> None:
    pass


def _refuse() -> None:
    raise RuntimeError("it cannot be rolled back")


class Remembering(Policy):
    """Remembers the quantities of an account; its state is what it is told to export."""

    name = "Remembering"

    def __init__(self, *, reserves: bool = False) -> None:
        self.seen: dict[int, list[str]] = {}
        self.groups: list[int | None] = []
        self._reserves = reserves

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        group = ctx.account_group
        self.groups.append(None if group is None else group.value)
        number = order.operation.account_id.value
        self.seen.setdefault(number, []).append(
            str(order.operation.trade_amount.as_quantity.decimal)
        )
        if self._reserves:
            return PolicyPreTradeResult.accept([Mutation(lambda: None, lambda: None)])
        return PolicyPreTradeResult.accept()

    def export_state(self) -> Any:
        return self.seen

    def restore_state(self, state: Any) -> None:
        self.seen = state
