"""The smallest integration with spot funds: pay in, order, fill, cancel the rest.

Run: python examples/spot_funds.py
"""

from __future__ import annotations

import openpit
from openpit.param import AccountId, AdjustmentAmount, Price, Quantity, Side, Trade, TradeAmount
from openpit.pretrade import AccountAdjustmentOutcome, Lock, policies

ACCOUNT = AccountId.from_int(7)
AAPL = openpit.Instrument("AAPL", "USD")


def pay_in(engine: openpit.Engine, asset: str, amount: str) -> None:
    """Add to what the account may spend."""
    engine.apply_account_adjustment(
        ACCOUNT,
        [
            openpit.AccountAdjustment(
                operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
                amount=openpit.AccountAdjustmentAmount(balance=AdjustmentAmount.delta(amount)),
            )
        ],
    )


def buy(quantity: str, limit: str) -> openpit.Order:
    """Return a limit order."""
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=AAPL,
            account_id=ACCOUNT,
            side=Side.BUY,
            trade_amount=TradeAmount.quantity(quantity),
            price=Price(limit),
        )
    )


def report(lock: Lock, remaining: str, trade: Trade | None = None) -> openpit.ExecutionReport:
    """Return what the venue says: a trade or, without one, that the rest is cancelled."""
    return openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=AAPL, side=Side.BUY, account_id=ACCOUNT
        ),
        fill=openpit.ExecutionReportFillDetails(
            last_trade=trade,
            remaining_reserved_quantity=Quantity(remaining),
            lock=lock,
            is_final=trade is None,
        ),
    )


def show(title: str, outcomes: list[AccountAdjustmentOutcome]) -> None:
    """Print what changed, and to what."""
    print(title)
    for outcome in outcomes:
        entry = outcome.entry
        figures = {"available": entry.balance, "held": entry.held, "incoming": entry.incoming}
        for name, amount in figures.items():
            if amount is not None:
                print(f"  {entry.asset:4} {name:9} {amount.delta!s:>8} -> {amount.absolute}")


def main() -> None:
    """Buy with what is there."""
    engine = openpit.Engine.builder().no_sync().builtin(policies.build_spot_funds()).build()
    pay_in(engine, "USD", "1000")

    # Checked before it goes to the venue: the account has no 1500 USD.
    refused = engine.execute_pre_trade(buy("10", limit="150"))
    print("10 at 150:", *[f"{reject.code}, {reject.details}" for reject in refused.rejects])

    reservation = engine.execute_pre_trade(buy("8", limit="110")).reservation
    if reservation is None:
        raise SystemExit("the order should have passed")
    show("8 at 110: accepted", reservation.account_adjustments)

    # Keep the lock beside the order: the reports about it need its price.
    lock = reservation.lock
    reservation.commit()

    filled = engine.apply_execution_report(
        report(lock, "3", Trade(price=Price("109"), quantity=Quantity("5")))
    )
    show("5 filled at 109", filled.account_adjustments)

    cancelled = engine.apply_execution_report(report(lock, "3"))
    show("3 cancelled", cancelled.account_adjustments)


if __name__ == "__main__":
    main()
