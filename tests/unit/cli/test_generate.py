from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from openpit.cli.events import Cancel, Fill, OrderPlaced
from openpit.cli.flows import dump
from openpit.cli.generate import generate

if TYPE_CHECKING:
    from openpit.cli.events import Event


@pytest.fixture(scope="module")
def flow() -> list[Event]:
    return list(generate(orders=20_000, accounts=1_000, seed=7))


def orders_of(flow: list[Event]) -> list[OrderPlaced]:
    return [event for event in flow if isinstance(event, OrderPlaced)]


def test_a_seed_is_one_flow_on_every_machine_and_python() -> None:
    digest = hashlib.sha256()
    for event in generate(orders=2_000, accounts=100, seed=1):
        digest.update(dump(event).encode())

    assert digest.hexdigest() == (
        "b6301c921521031e78a316dd66fbe5d9cd89ff37f0292023bd922a9754ca20c9"
    )


def test_another_seed_is_another_flow() -> None:
    first = [dump(event) for event in generate(orders=50, accounts=10, seed=1)]

    assert [dump(event) for event in generate(orders=50, accounts=10, seed=1)] == first
    assert [dump(event) for event in generate(orders=50, accounts=10, seed=2)] != first


def test_as_many_orders_as_asked_for_numbered_in_order(flow: list[Event]) -> None:
    assert [order.key for order in orders_of(flow)] == list(range(1, 20_001))
    assert {order.account for order in orders_of(flow)} <= set(range(1, 1_001))
    assert {order.currency for order in orders_of(flow)} == {"USD", "EUR"}
    assert len({order.symbol for order in orders_of(flow)}) == 8


def test_time_never_goes_back(flow: list[Event]) -> None:
    times = [event.time for event in flow if event.time is not None]

    assert len(times) == len(flow)
    assert times == sorted(times)


def test_fills_and_cancels_refer_to_an_earlier_order_and_never_exceed_it(
    flow: list[Event],
) -> None:
    left: dict[int | str, Decimal] = {}
    fills = cancels = 0
    for event in flow:
        if isinstance(event, OrderPlaced):
            if event.quantity is not None:
                left[event.key] = Decimal(event.quantity)
            elif event.volume is not None and event.price is not None:
                left[event.key] = Decimal(event.volume) / Decimal(event.price)
        elif isinstance(event, Fill):
            fills += 1
            left[event.key] -= Decimal(event.quantity)
            assert left[event.key] >= 0
        elif isinstance(event, Cancel):
            cancels += 1
            assert left.pop(event.key) > 0
    assert fills > 10_000
    assert cancels > 5_000


def test_a_tenth_of_the_accounts_sends_half_of_the_orders(flow: list[Event]) -> None:
    counts = Counter(order.account for order in orders_of(flow))
    busiest = sum(count for _, count in counts.most_common(100))

    assert 0.45 < busiest / 20_000 < 0.65
    assert len(counts) > 950


def test_planted_orders_come_up_within_the_first_thousand() -> None:
    orders = orders_of(list(generate(orders=1_000, accounts=50, seed=3)))

    assert [order.key for order in orders if order.quantity == "0"] == [100, 600]
    assert [order.key for order in orders if order.quantity == "1000000"] == [150, 650]
    assert [order.key for order in orders if order.price == "50000.00"] == [200, 700]
    assert [order.key for order in orders if order.price is None] == [300, 800]
    assert sum(order.volume is not None for order in orders) == 20
    burst = orders[349:599]
    assert {order.account for order in burst} == {1}
    assert burst[-1].time is not None
    assert burst[0].time is not None
    assert burst[-1].time - burst[0].time < 1_000_000


def test_every_hundredth_account_loses_on_each_fill(flow: list[Event]) -> None:
    accounts = {order.key: order.account for order in orders_of(flow)}
    losses = {
        accounts[event.key] for event in flow if isinstance(event, Fill) and event.pnl == "-6000.00"
    }

    assert losses
    assert all(isinstance(account, int) and account % 100 == 2 for account in losses)
