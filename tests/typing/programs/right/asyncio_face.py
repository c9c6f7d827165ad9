"""The asyncio face: everything that waits for a shard is awaited."""

from __future__ import annotations

import asyncio

import openpit
from openpit.param import AccountId, Price, Side, TradeAmount
from openpit.pretrade import (
    AsyncDropCopyOperation,
    AsyncDropCopyResult,
    AsyncExecuteResult,
    AsyncRequest,
    AsyncReservation,
    AsyncStartResult,
    Lock,
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


async def settle(result: AsyncExecuteResult) -> list[str]:
    if result:
        reservation: AsyncReservation = result.reservation
        lock: Lock = reservation.lock
        assert list(lock.entries()) == []
        await reservation.commit()
        return []
    return [reject.code for reject in result.rejects]


async def in_two_stages(result: AsyncStartResult) -> list[str]:
    if not result:
        return ["not started"]
    request: AsyncRequest = result.request
    return await settle(await request.execute())


async def record(result: AsyncDropCopyResult) -> bool:
    if result:
        operation: AsyncDropCopyOperation = result.operation
        assert operation.account_block is None
        await operation.commit()
    return bool(result)


async def trade(engine: openpit.AsyncShardedEngine) -> None:
    result = await engine.execute_pre_trade(order("1"))
    assert isinstance(result, AsyncExecuteResult)
    assert result
    assert isinstance(result.reservation, AsyncReservation)
    await result.reservation.rollback()
    assert await settle(await engine.execute_pre_trade(order("0"))) == ["InvalidFieldValue"]
    assert await in_two_stages(await engine.start_pre_trade(order("1"))) == []
    assert await record(await engine.apply_drop_copy(order("1")))

    many = await engine.execute_pre_trade_many([order("1"), order("0"), order("2")])
    held = [one.reservation for one in many if one]
    await engine.commit_many(held[:1])
    await engine.rollback_many(held[1:])
    first, second = await asyncio.gather(
        engine.execute_pre_trade(order("1")), engine.execute_pre_trade(order("2"))
    )
    assert first
    assert second
    await asyncio.gather(first.reservation.commit(), second.reservation.rollback())

    accounts = engine.accounts()
    await accounts.block(ACCOUNT, "an operator says so")
    assert await settle(await engine.execute_pre_trade(order("1"))) == ["AccountBlocked"]
    await accounts.unblock(ACCOUNT)
    try:
        await engine.configure().rate_limit("RateLimitPolicy", clear_broker=True)
    except openpit.PolicyConfigureError as error:
        assert error.kind is openpit.ConfigureErrorKind.UNKNOWN


async def main() -> None:
    ready = openpit.Engine.builder().sharded(2).builtin(policies.build_order_validation())
    async with await ready.build_async() as engine:
        await trade(engine)
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main())
