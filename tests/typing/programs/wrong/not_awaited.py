"""What an asyncio program forgets to await."""

from __future__ import annotations

from collections.abc import Iterable

import openpit
from openpit.param import AccountId
from openpit.pretrade import Reservation


def settle(reservation: Reservation) -> None:
    reservation.commit()


def commit_all(reservations: Iterable[Reservation]) -> None:
    for reservation in reservations:
        reservation.commit()


async def handles(engine: openpit.AsyncShardedEngine, order: openpit.Order) -> None:
    result = await engine.execute_pre_trade(order)
    if result:
        result.reservation.commit()  # error: unused-coroutine reportUnusedCoroutine
        result.reservation.rollback()  # error: unused-coroutine reportUnusedCoroutine
        settle(result.reservation)  # error: arg-type reportArgumentType
        commit_all([result.reservation])  # error: list-item reportArgumentType
        other: Reservation = result.reservation  # error: assignment reportAssignmentType
        other.commit()
    started = await engine.start_pre_trade(order)
    if started:
        started.request.execute()  # error: unused-coroutine reportUnusedCoroutine
        executed = started.request.execute()
        print(executed.rejects)  # error: attr-defined reportAttributeAccessIssue
    copied = await engine.apply_drop_copy(order)
    if copied:
        copied.operation.commit()  # error: unused-coroutine reportUnusedCoroutine
        copied.operation.rollback()  # error: unused-coroutine reportUnusedCoroutine


async def without_looking(engine: openpit.AsyncShardedEngine, order: openpit.Order) -> None:
    (await engine.execute_pre_trade(order)).reservation.commit()  # error: union-attr reportOptionalMemberAccess reportUnusedCoroutine
    (await engine.start_pre_trade(order)).request.execute()  # error: union-attr reportOptionalMemberAccess reportUnusedCoroutine
    (await engine.apply_drop_copy(order)).operation.commit()  # error: union-attr reportOptionalMemberAccess reportUnusedCoroutine


async def calls(engine: openpit.AsyncShardedEngine, order: openpit.Order) -> None:
    engine.execute_pre_trade(order)  # error: unused-coroutine reportUnusedCoroutine
    result = engine.execute_pre_trade(order)
    print(result.rejects)  # error: attr-defined reportAttributeAccessIssue
    engine.apply_execution_report(openpit.ExecutionReport())  # error: unused-coroutine reportUnusedCoroutine
    engine.commit_many([])  # error: unused-coroutine reportUnusedCoroutine
    engine.rollback_many([])  # error: unused-coroutine reportUnusedCoroutine
    engine.apply_execution_report_many([])  # error: unused-coroutine reportUnusedCoroutine
    many = engine.execute_pre_trade_many([order])
    print(many[0])  # error: index reportIndexIssue
    engine.accounts().block(AccountId.from_int(7), "an operator says so")  # error: unused-coroutine reportUnusedCoroutine
    engine.configure().rate_limit("RateLimitPolicy", clear_broker=True)  # error: unused-coroutine reportUnusedCoroutine
    engine.close()  # error: unused-coroutine reportUnusedCoroutine


async def whole_life(builder: openpit.EngineBuilder) -> None:
    ready = builder.sharded(2).builtin(openpit.pretrade.policies.build_order_validation())
    async with ready.build_async() as engine:  # error: attr-defined reportGeneralTypeIssues
        print(engine)
    with await ready.build_async() as other:  # error: attr-defined reportGeneralTypeIssues
        print(other)
    third = ready.build_async()
    await third.close()  # error: misc reportGeneralTypeIssues


async def two_faces(
    engine: openpit.ShardedEngine, other: openpit.AsyncShardedEngine, order: openpit.Order
) -> None:
    result = engine.execute_pre_trade(order)
    if result:
        await result.reservation.commit()  # error: misc reportGeneralTypeIssues
        await other.commit_many([result.reservation])  # error: list-item reportArgumentType
    waited = await other.execute_pre_trade(order)
    if waited:
        engine.commit_many([waited.reservation])  # error: list-item reportArgumentType
    await engine.execute_pre_trade(order)  # error: misc reportGeneralTypeIssues
    async with engine:  # error: attr-defined reportGeneralTypeIssues
        pass
