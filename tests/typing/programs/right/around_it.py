"""What programs build around an engine: protocols, records, tasks, stacks of contexts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import openpit
from openpit.param import AccountId, Price, Side, TradeAmount
from openpit.pretrade import AsyncExecuteResult, ExecuteResult, Reject, Reservation, policies


class Checks(Protocol):
    def execute_pre_trade(self, order: openpit.Order) -> ExecuteResult: ...

    def execute_pre_trade_many(self, orders: Iterable[openpit.Order]) -> list[ExecuteResult]: ...


@dataclass
class Desk:
    checks: Checks
    last: ExecuteResult | None = None
    held: list[Reservation] = field(default_factory=list[Reservation])
    why_not: dict[str, list[Reject]] = field(default_factory=dict[str, list[Reject]])

    def send(self, key: str, order: openpit.Order) -> bool:
        self.last = self.checks.execute_pre_trade(order)
        if self.last:
            self.held.append(self.last.reservation)
        else:
            self.why_not[key] = self.last.rejects
        return bool(self.last)

    def send_all(self, orders: dict[str, openpit.Order]) -> None:
        results = self.checks.execute_pre_trade_many(orders.values())
        for key, result in zip(orders, results, strict=True):
            if result and result.reservation.account_adjustments == []:
                self.held.append(result.reservation)
            elif not result:
                self.why_not[key] = result.rejects


def order(quantity: int) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument("AAPL", "USD"),
            account_id=AccountId.from_string("desk 7"),
            side=Side.BUY,
            trade_amount=TradeAmount.quantity(quantity),
            price=Price("185.50"),
        )
    )


def at_the_desk(engine: openpit.Engine | openpit.ShardedEngine) -> None:
    desk = Desk(engine)
    assert desk.send("a", order(1))
    assert not desk.send("b", order(0))
    desk.send_all({"c": order(2), "d": order(0)})
    if (result := engine.execute_pre_trade(order(3))) and result.ok:
        desk.held.append(result.reservation)
    engine.commit_many(desk.held)
    assert (len(desk.held), list(desk.why_not)) == (3, ["b", "d"])


async def first_of(
    execute: Callable[[openpit.Order], Awaitable[AsyncExecuteResult]], orders: list[openpit.Order]
) -> int | None:
    for number, one in enumerate(orders):
        if result := await execute(one):
            await asyncio.shield(result.reservation.commit())
            return number
    return None


async def side_by_side() -> None:
    async with contextlib.AsyncExitStack() as stack:
        ready = openpit.Engine.builder().sharded(1).builtin(policies.build_order_validation())
        engine = await stack.enter_async_context(await ready.build_async())
        assert await first_of(engine.execute_pre_trade, [order(0), order(1)]) == 1
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.execute_pre_trade(order(size))) for size in (0, 1)]
        for task in tasks:
            if accepted := task.result():
                await accepted.reservation.rollback()


def main() -> None:
    validation = policies.build_order_validation
    at_the_desk(openpit.Engine.builder().no_sync().builtin(validation()).build())
    stage = openpit.Engine.builder().sharded(1)
    with contextlib.closing(stage.builtin(validation()).build()) as engine:
        at_the_desk(engine)
    asyncio.run(side_by_side())


if __name__ == "__main__":
    main()
