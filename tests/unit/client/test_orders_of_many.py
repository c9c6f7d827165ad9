"""Orders of many where policies are a program's own: a row where that says all they can see."""

from __future__ import annotations

from typing import Any

import pytest
from flow import IN_SHARD_0, buy
from played import NOW, Bench
from users_classes import Desk, Listed

from openpit import Instrument, Order, OrderOperation
from openpit.core import OrderMargin, OrderPosition
from openpit.wire import kinds

ROW, WHOLE = kinds.EXECUTE, kinds.EXECUTE_WHOLE


def plain() -> Order:
    return buy(IN_SHARD_0)


def tagged(part: str) -> Order:
    order = of(OrderOperation, Instrument("AAPL", "USD"))
    operation: Any = order.operation
    parts = {"order": order, "operation": operation, "instrument": operation.instrument}
    parts[part].desk = 7
    return order


def of(kind: type[OrderOperation], instrument: Instrument) -> Order:
    its = plain().operation
    assert its is not None
    operation = kind(
        instrument=instrument,
        side=its.side,  # type: ignore[arg-type]  # it has one
        trade_amount=its.trade_amount,  # type: ignore[arg-type]  # as above
        account_id=its.account_id,  # type: ignore[arg-type]  # as above
        price=its.price,
    )
    return Order(operation=operation)


def tagged_future() -> Instrument:
    future = Listed("AAPL", "USD")
    future.expiry = "Z9"  # type: ignore[attr-defined]  # what only a policy reads
    return future


SAYS_MORE = {
    "an attribute of the order": lambda: tagged("order"),
    "an attribute of its operation": lambda: tagged("operation"),
    "an attribute of its instrument": lambda: tagged("instrument"),
    "an operation of a class": lambda: of(Desk, Instrument("AAPL", "USD")),
    "an instrument of a class": lambda: of(Desk, Listed("AAPL", "USD")),
    "an instrument of a class, alone": lambda: of(OrderOperation, tagged_future()),
    "a position": lambda: Order(operation=plain().operation, position=OrderPosition()),
    "a margin": lambda: Order(operation=plain().operation, margin=OrderMargin()),
}


@pytest.mark.parametrize("more", SAYS_MORE)
def test_only_what_a_row_does_not_say_travels_whole(more: str) -> None:
    bench = Bench(custom=True)
    orders = [plain(), plain(), SAYS_MORE[more](), plain()]
    call = bench.client.execute_many(NOW, orders, [NOW] * 4)
    while call.feed():
        pass
    assert [command[0] for command in bench.sent(0)] == [ROW, ROW, WHOLE, ROW]


@pytest.mark.parametrize("more", SAYS_MORE)
def test_what_only_a_custom_policy_can_see_does_not_travel_without_one(more: str) -> None:
    bench = Bench()
    call = bench.client.execute_many(NOW, [plain(), SAYS_MORE[more]()], [NOW] * 2)
    while call.feed():
        pass
    assert [command[0] for command in bench.sent(0)] == [ROW, ROW]
