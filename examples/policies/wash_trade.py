"""No order of an account's that could trade with another order of its own.

A buy is refused while the account has a sell at work in the same instrument at its price or below,
and the other way round. A market order meets any price.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpit
from openpit.param import Side
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    from openpit.pretrade import Context, PostTradeContext, PostTradeResult


class NamedOrder(openpit.Order):
    """An order with the program's own id, by which its reports name it."""

    def __init__(self, order_id: str, operation: openpit.OrderOperation) -> None:
        super().__init__(operation=operation)
        self.order_id = order_id


class NamedReport(openpit.ExecutionReport):
    """A report on the order of that id."""

    def __init__(
        self,
        order_id: str,
        operation: openpit.ExecutionReportOperation,
        fill: openpit.ExecutionReportFillDetails,
    ) -> None:
        super().__init__(operation=operation, fill=fill)
        self.order_id = order_id


Instrument = tuple[int, str, str]
"""An account's number, and the two assets of what it trades."""
Resting = tuple[str, Decimal | None]
"""Side and price of an order at work; no price: at the market."""


class WashTrade(Policy):
    """Keeps the orders of each account that are at work, by their ids."""

    name = "WashTrade"

    def __init__(self) -> None:
        self._resting: dict[Instrument, dict[str, Resting]] = {}

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Refuse what meets an order of one's own; keep the order until its last report."""
        read = _read(order)
        if isinstance(read, PolicyReject):
            return PolicyDecision.reject([read])
        where, name, resting = read
        rejects = self._met(where, name, resting)
        if rejects and not ctx.is_drop_copy:
            return PolicyDecision.reject(rejects)
        self._resting.setdefault(where, {})[name] = resting
        mutation = openpit.Mutation(commit=lambda: None, rollback=lambda: self._forget(where, name))
        return PolicyDecision.reject(rejects, [mutation])

    def perform_pre_trade_check_dry_run(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Answer the same, and keep nothing."""
        read = _read(order)
        if isinstance(read, PolicyReject):
            return PolicyDecision.reject([read])
        return PolicyDecision.reject(self._met(*read))

    def apply_execution_report(
        self, ctx: PostTradeContext, report: openpit.ExecutionReport
    ) -> PostTradeResult | None:
        """Forget an order with its last report."""
        operation, fill = report.operation, report.fill
        if (
            isinstance(report, NamedReport)
            and operation is not None
            and operation.account_id is not None
            and fill is not None
            and fill.is_final
        ):
            instrument = operation.instrument
            assets = str(instrument.underlying_asset), str(instrument.settlement_asset)
            self._forget((operation.account_id.value, *assets), report.order_id)
        return None

    def export_state(self) -> list[Any]:
        """Return the orders at work, for a snapshot."""
        return [
            [*where, name, side, None if price is None else str(price)]
            for where, orders in self._resting.items()
            for name, (side, price) in orders.items()
        ]

    def restore_state(self, state: list[Any]) -> None:
        """Take over what another one has exported."""
        self._resting = {}
        for account, underlying, settlement, name, side, price in state:
            orders = self._resting.setdefault((account, underlying, settlement), {})
            orders[name] = (side, None if price is None else Decimal(price))

    def _met(self, where: Instrument, name: str, resting: Resting) -> list[PolicyReject]:
        orders = self._resting.get(where, {})
        if name in orders:
            return [PolicyReject(RejectCode.DUPLICATE_CLIENT_ORDER_ID, "order id is at work", name)]
        for other, its in orders.items():
            if _meet(resting, its):
                return [
                    PolicyReject(
                        RejectCode.WASH_TRADE_PREVENTION,
                        "order would meet one of its own account",
                        f"{name} meets {other}",
                    )
                ]
        return []

    def _forget(self, where: Instrument, name: str) -> None:
        orders = self._resting.get(where, {})
        orders.pop(name, None)
        if not orders:
            self._resting.pop(where, None)


def _read(order: openpit.Order) -> tuple[Instrument, str, Resting] | PolicyReject:
    operation = order.operation
    if (
        not isinstance(order, NamedOrder)
        or operation is None
        or operation.account_id is None
        or operation.side is None
    ):
        return PolicyReject(
            RejectCode.MISSING_REQUIRED_FIELD, "order cannot be followed", "order id, account, side"
        )
    instrument, price = operation.instrument, operation.price
    where = (
        operation.account_id.value,
        str(instrument.underlying_asset),
        str(instrument.settlement_asset),
    )
    return where, order.order_id, (operation.side.value, None if price is None else price.decimal)


def _meet(one: Resting, other: Resting) -> bool:
    """Tell whether two orders could trade with each other."""
    if one[0] == other[0]:
        return False
    if one[1] is None or other[1] is None:
        return True
    return one[1] >= other[1] if one[0] == Side.BUY.value else one[1] <= other[1]
