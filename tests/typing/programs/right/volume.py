"""Calls over many items, on one process and on two shards, by the same code."""

from __future__ import annotations

from typing import TypeAlias

import openpit
from openpit.param import AccountId, Price, Quantity, Side, TradeAmount
from openpit.pretrade import ExecuteResult, Lock, PostTradeResult, policies

Either: TypeAlias = openpit.Engine | openpit.ShardedEngine

AAPL = openpit.Instrument("AAPL", "USD")


def order(account: int, quantity: str) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=AAPL,
            account_id=AccountId.from_int(account),
            side=Side.SELL,
            trade_amount=TradeAmount.quantity(quantity),
            price=Price(10),
        )
    )


def cancelled(account: int) -> openpit.ExecutionReport:
    return openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=AAPL, side=Side.SELL, account_id=AccountId.from_int(account)
        ),
        fill=openpit.ExecutionReportFillDetails(
            remaining_reserved_quantity=Quantity(1), lock=Lock(), is_final=True
        ),
    )


def trade(engine: Either) -> int:
    results: list[ExecuteResult] = engine.execute_pre_trade_many(
        order(account, "1" if account % 2 else "0") for account in range(1, 9)
    )
    accepted = [result.reservation for result in results if result]
    engine.commit_many(accepted[:3])
    engine.rollback_many(accepted[3:])
    reports: list[PostTradeResult] = engine.apply_execution_report_many([cancelled(1)])
    assert [block.code for report in reports for block in report.account_blocks] == []
    return len(accepted)


def main() -> None:
    validation = policies.build_order_validation
    assert trade(openpit.Engine.builder().full_sync().builtin(validation()).build()) == 4

    stage = openpit.Engine.builder().sharded(2, timeout=30, start_timeout=60.0)
    with stage.builtin(validation()).build() as engine:
        assert trade(engine) == 4
        shards: int = engine.shards
        shard: int = engine.shard_of(AccountId.from_int(1))
        pictures: list[openpit.ShardStats] = engine.stats()
        assert 0 <= shard < shards == len(pictures)


if __name__ == "__main__":
    main()
