"""How the items of one call are shared out over frames: at each limit, and on either side of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Marked
from flow import IN_SHARD_0, IN_SHARD_1, buy
from played import NOW, Bench

from openpit import ExecutionReport
from openpit.wire.limits import ROWS_PER_FRAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = ROWS_PER_FRAME


def _orders(bench: Bench, accounts: Sequence[int]) -> Any:
    return bench.many(*accounts)


def _orders_of_a_class(bench: Bench, accounts: Sequence[int]) -> Any:
    # What takes the way of one by one.
    orders = [Marked(7, operation=buy(account).operation) for account in accounts]
    return bench.client.execute_many(NOW, orders, [NOW] * len(orders))


def _reports(bench: Bench, accounts: Sequence[int]) -> Any:
    reports = []
    for account in accounts:
        report = ExecutionReport()
        report._account_ = account
        reports.append(report)
    return bench.client.report_many(NOW, reports)


CALLS = [_orders, _orders_of_a_class, _reports]


def _frames(bench: Bench, call: Any, shard: int = 0) -> list[int]:
    """How many items each frame to a shard has, once all is encoded."""
    sizes = []
    is_more = True
    while is_more:
        is_more = call.feed()
        sizes.append(len(bench.sent(shard)))
    return [size for size in sizes if size]


@pytest.mark.parametrize("begin", CALLS)
@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (1, [1]),
        (MOST, [MOST]),
        (MOST + 1, [MOST + 1]),
        (2 * MOST - 1, [2 * MOST - 1]),
        (2 * MOST, [MOST, MOST]),
        (2 * MOST + 1, [MOST, MOST + 1]),
        (3 * MOST, [MOST, MOST, MOST]),
    ],
)
def test_a_frame_is_full_where_as_many_items_follow(
    begin: Callable[..., Any], count: int, sizes: list[int]
) -> None:
    bench = Bench()
    assert _frames(bench, begin(bench, [IN_SHARD_0] * count)) == sizes


@pytest.mark.parametrize("rate", [0, 10_000])
def test_a_call_over_two_shards_takes_a_frame_each(rate: int) -> None:
    bench = Bench(rate=rate)
    call = _orders(bench, [IN_SHARD_0, IN_SHARD_1] * MOST)
    while call.feed():
        pass
    assert [len(bench.sent(shard)) for shard in (0, 1)] == [MOST, MOST]
    assert [len(waiting) for waiting in bench.unanswered] == [1, 1]


@pytest.mark.parametrize("begin", CALLS)
@pytest.mark.parametrize(
    ("credit", "sizes"),
    [
        (MOST // 2, [MOST // 2]),
        (2 * MOST - 1, [MOST]),
        (2 * MOST, [MOST + 1]),
    ],
)
def test_no_frame_holds_more_than_there_is_credit_for(
    begin: Callable[..., Any], credit: int, sizes: list[int]
) -> None:
    bench = Bench(credit=credit)
    call = begin(bench, [IN_SHARD_0] * (MOST + 1))
    frames = _frames(bench, call)
    assert frames[: len(sizes)] == sizes
    assert max(frames) <= credit
