"""How much money an account may put to work within a minute.

The minute slides: what counts is what has passed in the 60 seconds before an order, itself
included, by the engine's clock.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpit
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    from openpit.pretrade import Context

MINUTE = 60_000_000_000


class NotionalPerMinute(Policy):
    """Refuses the order with which an account would pass ``limit``, in the settlement asset.

    Each settlement asset counts by itself. An order that does not pass does not count; one that is
    rolled back later does not count any more. Its limit price values a quantity.
    """

    name = "NotionalPerMinute"

    def __init__(self, limit: str) -> None:
        self._limit = Decimal(limit)
        self._passed: dict[tuple[int, str], deque[tuple[int, Decimal]]] = {}

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Count the order at its time; what ends it without a trade takes that back."""
        read = _read(order)
        if isinstance(read, PolicyReject):
            return PolicyDecision.reject([read])
        key, value = read
        rejects = self._beyond(key, value, ctx.now)
        counted = (ctx.now, value)
        passed = self._passed.setdefault(key, deque())
        while passed and ctx.now - passed[0][0] >= MINUTE:
            passed.popleft()
        passed.append(counted)

        def take_back() -> None:
            if counted in passed:  # a minute later it is not there any more
                passed.remove(counted)

        return PolicyDecision.reject(
            rejects, [openpit.Mutation(commit=lambda: None, rollback=take_back)]
        )

    def perform_pre_trade_check_dry_run(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Answer the same, and count nothing."""
        read = _read(order)
        if isinstance(read, PolicyReject):
            return PolicyDecision.reject([read])
        return PolicyDecision.reject(self._beyond(*read, ctx.now))

    def export_state(self) -> list[Any]:
        """Return what has passed, for a snapshot."""
        return [
            [account, asset, [[at, str(value)] for at, value in passed]]
            for (account, asset), passed in self._passed.items()
        ]

    def restore_state(self, state: list[Any]) -> None:
        """Take over what another one has exported."""
        self._passed = {
            (account, asset): deque((at, Decimal(value)) for at, value in passed)
            for account, asset, passed in state
        }

    def _beyond(self, key: tuple[int, str], value: Decimal, now: int) -> list[PolicyReject]:
        passed = self._passed.get(key, ())
        total = value + sum((each for at, each in passed if now - at < MINUTE), Decimal(0))
        if total <= self._limit:
            return []
        return [
            PolicyReject(
                RejectCode.RISK_LIMIT_EXCEEDED,
                "notional per minute exceeded",
                f"{key[1]}: {total} of {self._limit}",
            )
        ]


def _read(order: openpit.Order) -> tuple[tuple[int, str], Decimal] | PolicyReject:
    operation = order.operation
    if operation is None or operation.account_id is None or operation.trade_amount is None:
        return PolicyReject(
            RejectCode.MISSING_REQUIRED_FIELD, "order cannot be valued", "account, amount"
        )
    amount = operation.trade_amount
    asset = str(operation.instrument.settlement_asset)
    if amount.as_volume is not None:
        return (operation.account_id.value, asset), amount.as_volume.decimal
    if operation.price is None or amount.as_quantity is None:
        return PolicyReject(
            RejectCode.ORDER_VALUE_CALCULATION_FAILED, "order cannot be valued", "no price"
        )
    value = operation.price.calculate_volume(amount.as_quantity)
    return (operation.account_id.value, asset), value.decimal
