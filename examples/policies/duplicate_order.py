"""No order twice within a moment: what a key that sticks, or a program that repeats itself, sends.

Two orders are the same if account, instrument, side, amount and price are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpit
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    from datetime import timedelta

    from openpit.pretrade import Context

Content = tuple[str, ...]


class DuplicateOrder(Policy):
    """Refuses what has passed already, less than ``within`` ago by the engine's clock.

    An order that another policy refuses, or that is rolled back, has not passed.
    """

    name = "DuplicateOrder"

    def __init__(self, within: timedelta) -> None:
        self._within = int(within.total_seconds() * 1_000_000_000)
        self._passed: dict[int, dict[Content, int]] = {}

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Keep the order's content and time; what does not pass takes them away again."""
        read = _read(order)
        if isinstance(read, PolicyReject):
            return PolicyDecision.reject([read])
        account, content = read
        rejects = self._same(account, content, ctx.now)
        if rejects and not ctx.is_drop_copy:
            return PolicyDecision.reject(rejects)
        passed = self._recent(account, ctx.now)
        before = passed.get(content)
        passed[content] = ctx.now
        self._passed[account] = passed

        def take_back() -> None:
            kept = self._passed.get(account, {})
            if before is None:
                kept.pop(content, None)
            else:
                kept[content] = before

        return PolicyDecision.reject(
            rejects, [openpit.Mutation(commit=lambda: None, rollback=take_back)]
        )

    def perform_pre_trade_check_dry_run(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Answer the same, and keep nothing."""
        read = _read(order)
        if isinstance(read, PolicyReject):
            return PolicyDecision.reject([read])
        return PolicyDecision.reject(self._same(*read, ctx.now))

    def export_state(self) -> list[Any]:
        """Return what has passed, for a snapshot."""
        return [
            [account, list(content), at]
            for account, passed in self._passed.items()
            for content, at in passed.items()
        ]

    def restore_state(self, state: list[Any]) -> None:
        """Take over what another one has exported."""
        self._passed = {}
        for account, content, at in state:
            self._passed.setdefault(account, {})[tuple(content)] = at

    def _recent(self, account: int, now: int) -> dict[Content, int]:
        """Return what an account has passed lately; what is older is of no use any more."""
        passed = self._passed.get(account, {})
        return {content: at for content, at in passed.items() if now - at < self._within}

    def _same(self, account: int, content: Content, now: int) -> list[PolicyReject]:
        at = self._passed.get(account, {}).get(content)
        if at is None or now - at >= self._within:
            return []
        return [
            PolicyReject(
                RejectCode.CUSTOM,
                "same order again",
                f"{(now - at) // 1_000_000} ms after the first",
            )
        ]


def _read(order: openpit.Order) -> tuple[int, Content] | PolicyReject:
    operation = order.operation
    if operation is None or operation.account_id is None:
        return PolicyReject(
            RejectCode.MISSING_REQUIRED_FIELD, "order cannot be compared", "account"
        )
    instrument, amount, price = operation.instrument, operation.trade_amount, operation.price
    content = (
        str(instrument.underlying_asset),
        str(instrument.settlement_asset),
        "" if operation.side is None else operation.side.value,
        # 10 and 10.0 are one amount, a quantity and a volume of 10 are two.
        ""
        if amount is None
        else _figure("q", amount.as_quantity) or _figure("v", amount.as_volume),
        _figure("", price),
    )
    return operation.account_id.value, content


def _figure(kind: str, value: Any) -> str:
    return "" if value is None else f"{kind}{value.decimal.normalize():f}"
