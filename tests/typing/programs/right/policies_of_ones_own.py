"""Policies, orders and reports of a program's own, with all callbacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import openpit
from openpit.param import AccountId, Price, Quantity, Side, TradeAmount
from openpit.pretrade import (
    AccountBlock,
    Context,
    Lock,
    Policy,
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyPreTradeResult,
    PolicyReject,
    PostTradeContext,
    PostTradeResult,
    RejectCode,
    RejectScope,
)

AAPL = openpit.Instrument("AAPL", "USD")
ACCOUNT = AccountId.from_int(7)


@dataclass(frozen=True)
class Route:
    venue: str
    desk: int


class Ticket(openpit.Order):
    def __init__(self, route: Route, quantity: int) -> None:
        super().__init__(
            operation=openpit.OrderOperation(
                instrument=AAPL,
                account_id=ACCOUNT,
                side=Side.BUY,
                trade_amount=TradeAmount.quantity(quantity),
                price=Price(100),
            )
        )
        self.route = route


class Confirmation(openpit.ExecutionReport):
    venue_id: str = "none"


def blocked(reason: str, details: str) -> AccountBlock:
    return AccountBlock(policy="Desk", code=RejectCode.OTHER, reason=reason, details=details)


class Desk(Policy):
    def __init__(self) -> None:
        self.open_at: dict[str, int] = {}

    @property
    def name(self) -> str:
        return "Desk"

    @property
    def policy_group_id(self) -> int:
        return 3

    def check_pre_trade_start(self, ctx: Context, order: openpit.Order) -> Iterable[PolicyReject]:
        if not isinstance(order, Ticket):
            yield PolicyReject(
                code=RejectCode.OTHER,
                reason="no ticket",
                details=type(order).__name__,
                scope=RejectScope.ORDER,
            )

    def perform_pre_trade_check(
        self, ctx: Context, order: openpit.Order
    ) -> PolicyPreTradeResult | PolicyDecision | None:
        if ctx.is_drop_copy or not isinstance(order, Ticket):
            return None
        venue = order.route.venue
        if venue == "shut":
            control = ctx.account_control
            if control is not None:
                control.block(blocked("shut", venue))
            return PolicyDecision.reject([PolicyReject(RejectCode.OTHER, "shut", venue)])
        self.open_at[venue] = self.open_at.get(venue, 0) + 1

        def back() -> None:
            self.open_at[venue] -= 1

        mutation = openpit.Mutation(commit=lambda: None, rollback=back)
        return PolicyPreTradeResult.accept([mutation], lock_prices=[Price(100)])

    def apply_execution_report(
        self, ctx: PostTradeContext, report: openpit.ExecutionReport
    ) -> PostTradeResult | None:
        if isinstance(report, Confirmation) and report.venue_id == "bad":
            return PostTradeResult(account_blocks=[blocked("bad", report.venue_id)])
        return None

    def apply_account_adjustment(
        self,
        ctx: openpit.AccountAdjustmentContext,
        account_id: AccountId,
        adjustment: openpit.AccountAdjustment,
    ) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult()


class Plain(Policy):
    """A name and a group may be plain attributes."""

    name = "Plain"
    policy_group_id: int = 4


class Narrower(Desk):
    """A check may promise more than the base class asks for."""

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        return PolicyDecision.accept()


def main() -> None:
    desk = Desk()
    stage = openpit.Engine.builder().no_sync().pre_trade(policy=desk)
    engine = stage.pre_trade(Plain()).build()

    result = engine.execute_pre_trade(Ticket(Route("XNAS", 1), 10))
    assert result
    assert desk.open_at == {"XNAS": 1}
    lock: Lock = result.reservation.lock
    result.reservation.rollback()
    assert desk.open_at == {"XNAS": 0}
    plain = engine.execute_pre_trade(openpit.Order())
    assert [reject.reason for reject in plain.rejects] == ["no ticket"]

    report = Confirmation(
        operation=openpit.ExecutionReportOperation(
            instrument=AAPL, side=Side.BUY, account_id=ACCOUNT
        ),
        fill=openpit.ExecutionReportFillDetails(
            remaining_reserved_quantity=Quantity(10), lock=lock, is_final=True
        ),
    )
    report.venue_id = "bad"
    blocks = engine.apply_execution_report(report).account_blocks
    assert [block.reason for block in blocks] == ["bad"]


if __name__ == "__main__":
    main()
