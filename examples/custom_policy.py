"""A policy of your own, with its own state: how much of each sector may be on order at a time.

The state lives in the policy object. What an order takes is taken when it is checked, and given
back by a mutation if it never goes to the venue, or by the report that ends it.

Run: python examples/custom_policy.py
"""

from __future__ import annotations

from collections import Counter

import openpit
from openpit.param import AccountId, Price, Quantity, Side, TradeAmount
from openpit.pretrade import (
    Context,
    Lock,
    Policy,
    PolicyDecision,
    PolicyReject,
    PostTradeContext,
    PostTradeResult,
    RejectCode,
    policies,
)

ACCOUNT = AccountId.from_int(7)
SECTORS = {"AAPL": "tech", "NVDA": "tech", "XOM": "energy"}


class Ticket(openpit.Order):
    """An order with the number of its ticket: policies get the very object that you submit."""

    def __init__(self, number: int, symbol: str, quantity: int) -> None:
        super().__init__(
            operation=openpit.OrderOperation(
                instrument=openpit.Instrument(symbol, "USD"),
                account_id=ACCOUNT,
                side=Side.BUY,
                trade_amount=TradeAmount.quantity(quantity),
                price=Price(100),
            )
        )
        self.number = number
        self.symbol = symbol
        self.quantity = quantity


class SectorLimit(Policy):
    """Lets at most so many shares of a sector be on order at the same time."""

    def __init__(self, limit: int) -> None:
        self.on_order: Counter[str] = Counter()
        self._limit = limit

    @property
    def name(self) -> str:
        """Tell the rejects apart, and the policies of an engine."""
        return "SectorLimit"

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Take what the order needs, or say why not."""
        assert isinstance(order, Ticket)
        sector, quantity = SECTORS[order.symbol], order.quantity
        total = self.on_order[sector] + quantity
        if total > self._limit:
            return PolicyDecision.reject(
                [
                    PolicyReject(
                        code=RejectCode.RISK_LIMIT_EXCEEDED,
                        reason=f"too much {sector} on order",
                        details=f"ticket {order.number}: {total} of {self._limit}",
                    )
                ]
            )
        self.on_order[sector] = total

        def give_back() -> None:
            self.on_order[sector] -= quantity

        return PolicyDecision.accept([openpit.Mutation(commit=lambda: None, rollback=give_back)])

    def apply_execution_report(
        self, ctx: PostTradeContext, report: openpit.ExecutionReport
    ) -> PostTradeResult | None:
        """Give back what a final report says will not be traded any more."""
        operation, fill = report.operation, report.fill
        if operation is not None and fill is not None and fill.is_final:
            done = fill.remaining_reserved_quantity
            assert done is not None
            self.on_order[SECTORS[operation.instrument.underlying_asset]] -= int(done.decimal)
        return None


def cancelled(ticket: Ticket) -> openpit.ExecutionReport:
    """Report that the venue has cancelled all of an order."""
    return openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=openpit.Instrument(ticket.symbol, "USD"),
            side=Side.BUY,
            account_id=ACCOUNT,
        ),
        fill=openpit.ExecutionReportFillDetails(
            remaining_reserved_quantity=Quantity(ticket.quantity), lock=Lock(), is_final=True
        ),
    )


def main() -> None:
    """Put tickets on order until a sector is full."""
    sectors = SectorLimit(limit=100)
    engine = (
        openpit.Engine.builder()
        .no_sync()
        .builtin(policies.build_order_validation())
        .pre_trade(sectors)
        .build()
    )

    def submit(ticket: Ticket, *, to_venue: bool = True) -> None:
        result = engine.execute_pre_trade(ticket)
        print(f"ticket {ticket.number}, {ticket.quantity} {ticket.symbol}:", end=" ")
        if result.reservation is None:
            print(*[f"{reject.reason} ({reject.details})" for reject in result.rejects], end="")
        elif to_venue:
            result.reservation.commit()
            print("sent", end="")
        else:
            result.reservation.rollback()
            print("passed, and withdrawn", end="")
        print(f"; on order: {dict(sectors.on_order)}")

    first = Ticket(1, "AAPL", 70)
    submit(first)
    submit(Ticket(2, "NVDA", 40))
    submit(Ticket(3, "NVDA", 30), to_venue=False)
    submit(Ticket(4, "XOM", 90))

    engine.apply_execution_report(cancelled(first))
    submit(Ticket(5, "NVDA", 40))


if __name__ == "__main__":
    main()
