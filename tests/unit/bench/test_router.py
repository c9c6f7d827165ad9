"""The router alone: its prepared client and shards have it do all that it does for an order."""

from __future__ import annotations

import pytest

from bench.router import BATCH, SHARDS, _Batch, pass_on, router_of
from bench.rows import ROWS

pytestmark = pytest.mark.one_python


def test_every_workload_is_timed():
    assert sorted(SHARDS) == sorted(
        row.ours.workload for row in ROWS if row.ours.script == "router"
    )


@pytest.mark.parametrize("shards", [2, 16])
def test_all_orders_are_counted_passed_on_and_answered(shards):
    router = router_of(shards)
    batches = [_Batch(place) for place in range(shards)]

    pass_on(router, batches, 3 * BATCH * shards)

    for link in router.links:
        assert (link.answered, link.in_flight) == (3 * 128, 0)
        assert not [*link.pending, *link.batches, *link.waiting]
        assert link.bytes_sent > 3 * 128 * 48
    rates = router.books.rates
    assert [rates.window(axis).count for axis in (0, 1, 2)] == [
        3 * 128 * shards,
        3 * 64 * shards,
        3 * 64 * shards,
    ]
    assert rates.window(0).sure == 1_000_000_000
