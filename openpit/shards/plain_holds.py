"""What plain orders of spot funds hold in a shard: a row for each, and no object.

The row is the order's reply as well. Effects are made of it where it is rolled back, or told to a
snapshot: a commit needs none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from openpit.core.order import new_order
from openpit.engine.answers import Started
from openpit.param.enums import Side
from openpit.pretrade.policy_contract import overrides
from openpit.wire import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.core.order import Order
    from openpit.engine.answers import Checked
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.effects import Effects
    from openpit.pretrade.policy_contract import BuiltinPolicy, HeldRow, ManyOrders

__all__ = ["PlainHolds", "funded_order"]

FUNDED: Final = kinds.FUNDED


class PlainHolds:
    """Holds, and lets go of, what plain orders need; for one engine."""

    __slots__ = ("_engine", "_opened", "_policy", "has_start")

    def __init__(self, engine: EngineCore) -> None:
        main = [policy for policy in engine.policies if overrides(policy, "check_main")]
        self._policy: Final[BuiltinPolicy | None] = main[0] if len(main) == 1 else None
        self._engine: Final = engine
        self._opened: Final = engine.finisher.opened
        self.has_start: Final = any(overrides(policy, "check_start") for policy in engine.policies)

    def hold(self, orders: ManyOrders, rows: list[HeldRow]) -> bool:
        """Hold what orders need that have passed the start stage; as ``hold_plain()``."""
        assert self._policy is not None  # noqa: S101 - else no orders are judged at once
        finisher = self._engine.finisher
        if finisher.dropped:
            finisher.settle()
        return self._policy.hold_plain(orders, FUNDED, rows)

    def opens(self, rows: list[HeldRow], first: int, its: dict[int, Any]) -> None:
        """Keep what orders hold, the number of the first of which is given."""
        its.update(zip(range(first, first + len(rows)), rows, strict=True))
        opened = self._opened
        for row in rows:
            account = row[1]
            opened[account] = opened.get(account, 0) + 1

    def execute_main(self, order: Order, now: int) -> Checked:
        """Run the main stage of an order that has passed the start stage."""
        return self._engine.execute_started(Started(order, None), now)

    def row_of(self, effects: Effects) -> HeldRow | None:
        """Return what effects hold as a row, which they leave to it; None if that is no row."""
        if self._policy is None:
            return None
        row = self._policy.held_in(effects, FUNDED)
        if row is not None:
            effects.open = False  # nobody has them any more, and that is right
        return row

    def committed(self, row: HeldRow) -> None:
        """Count what a row holds as open no more."""
        account = row[1]
        left = self._opened.pop(account, 1) - 1
        if left:
            self._opened[account] = left

    def commit_many(self, handles: Sequence[int], its: dict[int, Any]) -> int:
        """Commit what rows hold, up to a handle that names no row; return how many have been."""
        opened = self._opened
        done = 0
        for handle in handles:
            row = its.get(handle)
            if type(row) is not tuple:
                break
            del its[handle]
            account = row[1]
            left = opened.pop(account, 1) - 1  # as above: a call would take as long as the rest
            if left:
                opened[account] = left
            done += 1
        return done

    def effects_of(self, row: HeldRow) -> Effects:
        """Return what a row holds as effects, which are to be ended in its place."""
        assert self._policy is not None  # noqa: S101 - there is such a row
        effects = self._engine.finisher.taken(self._policy.effects_of(row), row[2])
        effects.key = row[1]
        return effects


def funded_order(row: HeldRow) -> Order:
    """Return the order that has come to a row."""
    _, account, _, underlying, settlement, buys, quantity, price, *_ = row
    side = Side.BUY if buys else Side.SELL
    return new_order(underlying, settlement, account, side, Decimal(quantity), None, Decimal(price))
