"""Results whose handle is used without a look whether there is one."""

from __future__ import annotations

import openpit
from openpit.pretrade import (
    AccountAdjustmentBatchResult,
    DryRunReport,
    DropCopyResult,
    ExecuteResult,
    StartResult,
)


def unchecked(engine: openpit.Engine, order: openpit.Order) -> None:
    engine.execute_pre_trade(order).reservation.commit()  # error: union-attr reportOptionalMemberAccess
    engine.start_pre_trade(order).request.execute()  # error: union-attr reportOptionalMemberAccess
    engine.apply_drop_copy(order).operation.commit()  # error: union-attr reportOptionalMemberAccess


def other_way_round(
    executed: ExecuteResult, started: StartResult, copied: DropCopyResult
) -> None:
    if not executed:
        executed.reservation.commit()  # error: attr-defined reportAttributeAccessIssue
    if not started:
        started.request.execute()  # error: attr-defined reportAttributeAccessIssue
    if not copied:
        copied.operation.rollback()  # error: attr-defined reportAttributeAccessIssue


def reports(report: DryRunReport, batch: AccountAdjustmentBatchResult) -> None:
    for reject in report.rejects:  # error: union-attr reportOptionalIterable
        print(reject)
    print(batch.failed_index + 1)  # error: operator reportOptionalOperand


def many(engine: openpit.ShardedEngine, orders: list[openpit.Order]) -> None:
    results = engine.execute_pre_trade_many(orders)
    engine.commit_many([result.reservation for result in results])  # error: misc reportArgumentType
    engine.commit_many(results)  # error: arg-type reportArgumentType
    engine.execute_pre_trade_many(orders[0])  # error: arg-type reportArgumentType


def fields(result: ExecuteResult) -> None:
    print(result.reject)  # error: union-attr reportAttributeAccessIssue
    result.ok = False  # error: misc reportAttributeAccessIssue
    print(result.reservation.locks if result else None)  # error: attr-defined reportAttributeAccessIssue
    if result.reservation is None:
        result.rejects.commit()  # error: attr-defined reportAttributeAccessIssue
