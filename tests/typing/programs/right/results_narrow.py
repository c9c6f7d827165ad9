"""What a result that is true has, and one that is false has not."""

from __future__ import annotations

import openpit
from openpit.param import AccountId, AdjustmentAmount, Price, Side, TradeAmount
from openpit.pretrade import (
    AccountAdjustmentBatchResult,
    DropCopyResult,
    DryRunReport,
    ExecuteResult,
    Reject,
    Reservation,
    StartResult,
    policies,
)

ACCOUNT = AccountId.from_int(7)


def order(quantity: str) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument("AAPL", "USD"),
            account_id=ACCOUNT,
            side=Side.BUY,
            trade_amount=TradeAmount.quantity(quantity),
            price=Price("185.50"),
        )
    )


def reservation_of(result: ExecuteResult) -> Reservation | None:
    return result.reservation if result else None


def accepted(result: ExecuteResult) -> Reservation:
    assert result
    reservation: Reservation = result.reservation
    return reservation


def fate(result: ExecuteResult | None) -> str:
    if result is None:
        return "not sent"
    if not result:
        return ", ".join(reject.code for reject in result.rejects)
    result.reservation.rollback()
    return "rolled back"


def by_its_flag(result: ExecuteResult) -> bool:
    if result.ok is True:
        result.reservation.rollback()
    return result.ok


def by_its_handle(result: ExecuteResult) -> None:
    if result.reservation is not None:
        result.reservation.rollback()


def in_two_stages(result: StartResult) -> ExecuteResult | list[Reject]:
    if result:
        return result.request.execute()
    return result.rejects


def recorded(result: DropCopyResult) -> bool:
    if result:
        result.operation.commit()
        return True
    return False


def why_not(report: DryRunReport) -> list[str]:
    if report:
        return []
    return [reject.code for reject in report.rejects]


def where_it_failed(result: AccountAdjustmentBatchResult) -> int:
    if result:
        return -1
    return result.failed_index


def main() -> None:
    validation = policies.build_order_validation()
    engine = openpit.Engine.builder().no_sync().builtin(validation).build()

    assert isinstance(engine.execute_pre_trade(order("1")), ExecuteResult)
    first = reservation_of(engine.execute_pre_trade(order("1")))
    assert isinstance(first, Reservation)
    first.commit()
    accepted(engine.execute_pre_trade(order("1"))).commit()
    assert fate(None) == "not sent"
    assert fate(engine.execute_pre_trade(order("1"))) == "rolled back"
    assert fate(engine.execute_pre_trade(order("0"))) == "InvalidFieldValue"
    assert by_its_flag(engine.execute_pre_trade(order("1")))
    by_its_handle(engine.execute_pre_trade(order("1")))

    started = in_two_stages(engine.start_pre_trade(order("1")))
    assert not isinstance(started, list)
    assert started
    started.reservation.commit()
    assert recorded(engine.apply_drop_copy(order("1")))
    assert why_not(engine.execute_pre_trade_dry_run(order("0"))) == ["InvalidFieldValue"]
    assert why_not(engine.start_pre_trade_dry_run(order("1"))) == []
    adjustment = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
        amount=openpit.AccountAdjustmentAmount(balance=AdjustmentAmount.delta("1000")),
    )
    assert where_it_failed(engine.apply_account_adjustment(ACCOUNT, [adjustment])) == -1


if __name__ == "__main__":
    main()
