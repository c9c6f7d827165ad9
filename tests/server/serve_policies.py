"""Policies that servers of tests are started with."""

from __future__ import annotations

import time
from typing import Any

from openpit.pretrade import Policy, PolicyReject, RejectCode


class Slow(Policy):
    """Takes its time."""

    name = "Slow"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        time.sleep(0.2)
        return ()


class Stuck(Policy):
    """Never comes back."""

    name = "Stuck"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        time.sleep(3600)
        return ()


class EvenOnly(Policy):
    """Takes even quantities."""

    name = "EvenOnly"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        if int(order.operation.trade_amount.as_quantity.decimal) % 2:
            return [PolicyReject(code=RejectCode.OTHER, reason="odd", details="")]
        return ()


class Needy:
    """A policy that cannot be made without arguments."""

    def __init__(self, limit: int) -> None:
        self.limit = limit


class Late(Policy):
    """Takes so long to arrive in a worker that nobody waits for it."""

    name = "Late"

    def __getstate__(self) -> dict[str, Any]:
        return {"seconds": 60}

    def __setstate__(self, state: dict[str, Any]) -> None:
        time.sleep(state["seconds"])
