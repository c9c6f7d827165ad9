"""A server's cores alone: what they are handed, they do all of."""

from __future__ import annotations

import pytest

from bench.rows import ROWS
from bench.switch import SHARDS, SIZES, Sender, pass_on, switch_of

pytestmark = pytest.mark.one_python


def test_every_workload_is_timed():
    assert sorted(SIZES) == sorted(row.ours.workload for row in ROWS if row.ours.script == "switch")


@pytest.mark.parametrize("size", sorted(SIZES.values()))
def test_all_orders_are_counted_passed_on_and_answered(size):
    switch, session = switch_of(SHARDS)

    pass_on(switch, session, Sender(size), 3 * SHARDS * size)

    assert session.why is None
    assert session.stats.in_flight == 0
    for link in switch.router.links:
        assert (link.answered, link.in_flight) == (3 * 2 * size, 0)  # each order, and its commit
        assert not [*link.pending, *link.batches]
    rates = switch.router.books.rates
    assert [rates.window(axis).count for axis in (0, 1)] == [3 * SHARDS * size] * 2
