"""A supervisor around a strategy: it may not order too fast, and stops when it has lost too much.

The strategy knows nothing of limits. The supervisor sends its orders through the engine, reports
each result back, and listens to the answers.

Run: python examples/supervisor.py
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import openpit
from openpit.param import AccountId, Fee, Pnl, Price, Side, TradeAmount
from openpit.pretrade import policies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCOUNT = AccountId.from_int(7)
EURUSD = openpit.Instrument("EUR", "USD")


class Idea(NamedTuple):
    """What the strategy wants, and what will have come of it (in USD)."""

    side: Side
    quantity: int
    result: str


def strategy() -> Iterator[Idea]:
    """Doubles up after each loss, as bad strategies do."""
    yield Idea(Side.BUY, 1000, "12.50")
    yield Idea(Side.BUY, 1000, "-20")
    yield Idea(Side.BUY, 2000, "-40")
    yield Idea(Side.BUY, 4000, "-80")
    yield Idea(Side.BUY, 8000, "-160")
    yield Idea(Side.BUY, 16000, "-320")


class Supervisor:
    """At most ``orders`` in any minute, and no further once ``loss`` USD are gone."""

    def __init__(self, *, orders: int, loss: int) -> None:
        rate = policies.RateLimit(max_orders=orders, window=dt.timedelta(minutes=1))
        self.engine = (
            openpit.Engine.builder()
            .no_sync()
            .builtin(policies.build_order_validation())
            .builtin(
                policies.build_rate_limit().account_barriers(
                    policies.RateLimitAccountBarrier(rate, ACCOUNT)
                )
            )
            .builtin(
                policies.build_pnl_bounds_killswitch().broker_barriers(
                    policies.PnlBoundsBrokerBarrier("USD", lower_bound=Pnl(-loss))
                )
            )
            .build()
        )

    def run(self, ideas: Iterable[Idea]) -> None:
        """Send what may be sent; end when the account is blocked."""
        for idea in ideas:
            result = self.engine.execute_pre_trade(self._order(idea))
            print(f"{idea.side} {idea.quantity}:", end=" ")
            if result.reservation is None:
                print(*[f"{reject.reason} ({reject.details})" for reject in result.rejects])
                if any(reject.scope == "account" for reject in result.rejects):
                    return
                continue
            result.reservation.commit()
            print(f"sent, result {idea.result}")
            self._report(idea)

    def release(self, realized: str) -> None:
        """Start again from this PnL: an operator has looked at it."""
        self.engine.configure().set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=ACCOUNT,
            settlement_asset="USD",
            pnl=Pnl(realized),
        )
        self.engine.accounts().unblock(ACCOUNT)

    def _order(self, idea: Idea) -> openpit.Order:
        return openpit.Order(
            operation=openpit.OrderOperation(
                instrument=EURUSD,
                account_id=ACCOUNT,
                side=idea.side,
                trade_amount=TradeAmount.quantity(idea.quantity),
                price=Price("1.08"),
            )
        )

    def _report(self, idea: Idea) -> None:
        result = self.engine.apply_execution_report(
            openpit.ExecutionReport(
                operation=openpit.ExecutionReportOperation(
                    instrument=EURUSD, side=idea.side, account_id=ACCOUNT
                ),
                financial_impact=openpit.FinancialImpact(pnl=Pnl(idea.result), fee=Fee("0.50")),
            )
        )
        for block in result.account_blocks:
            print(f"  stop: {block.reason}, {block.details}")


def main() -> None:
    """Run a strategy into its limits, twice."""
    supervisor = Supervisor(orders=6, loss=100)
    print("-- the strategy runs until it is stopped")
    supervisor.run(strategy())
    print("-- the operator lets it go on, with a fresh count")
    supervisor.release(realized="0")
    supervisor.run(strategy())


if __name__ == "__main__":
    main()
