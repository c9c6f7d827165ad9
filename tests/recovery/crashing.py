"""A policy that ends its worker at a named point, once or each time, at an order of 77 shares."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from openpit.core import Mutation
from openpit.journal import writing
from openpit.journal.files import write_all
from openpit.pretrade import Policy, PolicyPreTradeResult
from openpit.shards import worker

__all__ = ["POINTS", "Crashing", "Fragile"]

POINTS = (
    "in a policy",
    "before the append",
    "within the append",
    "after the append",
    "within the reply",
    "after the reply",
)


def _end(*_: Any) -> None:
    os._exit(1)


def _end_within(descriptor_of: Any) -> Any:
    def write_half(to: Any, data: bytes) -> None:
        os.write(descriptor_of(to), data[: len(data) // 2])
        _end()

    return write_half


def _end_after(write: Any) -> Any:
    def write_and_end(*arguments: Any) -> None:
        write(*arguments)
        _end()

    return write_and_end


class Fragile(Policy):
    """Ends its worker each time that an order of 77 shares is committed or rolled back."""

    name = "Fragile"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        if order.operation.trade_amount.as_quantity.decimal != 77:
            return PolicyPreTradeResult.accept()
        return PolicyPreTradeResult.accept(mutations=[Mutation(_end, _end)])


class Crashing(Policy):
    """Counts an account's orders; what it answers does not depend on where it ends."""

    name = "Crashing"

    def __init__(self, point: str, marker: Path | None) -> None:
        self.point = point
        self.marker = None if marker is None else str(marker)  # where it ends once
        self.orders: dict[int, int] = {}

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        number = order.operation.account_id.value
        if order.operation.trade_amount.as_quantity.decimal == 77:
            self._crash()
        self.orders[number] = self.orders.get(number, 0) + 1

        def rollback() -> None:
            self.orders[number] -= 1

        return PolicyPreTradeResult.accept(mutations=[Mutation(lambda: None, rollback)])

    def _crash(self) -> None:
        if self.marker is not None:
            if Path(self.marker).exists():
                return
            Path(self.marker).touch()
        if self.point == "in a policy":
            _end()
        elif self.point == "never":
            time.sleep(3600)
        elif self.point == "before the append":
            vars(writing)["write_all"] = _end
        elif self.point == "within the append":
            vars(writing)["write_all"] = _end_within(lambda file: file.fileno())
        elif self.point == "after the append":
            vars(writing)["write_all"] = _end_after(write_all)
        elif self.point == "within the reply":
            vars(worker)["_write"] = _end_within(int)
        else:
            vars(worker)["_write"] = _end_after(vars(worker)["_write"])
