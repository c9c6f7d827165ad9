"""A shard's core alone: it goes through what the one has done that has answered."""

from __future__ import annotations

import pytest

from bench.rows import ROWS
from bench.shard import BATCHES, Recorded, engine_on, in_batches, opened

pytestmark = pytest.mark.one_python


def test_every_workload_is_timed():
    timed = sorted(row.ours.workload for row in ROWS if row.ours.script == "shard")

    assert sorted(BATCHES) == timed


@pytest.mark.parametrize("size", sorted(BATCHES.values()))
def test_the_second_shard_has_done_all_of_it_once_it_is_told(size):
    shards = Recorded()
    engine = engine_on(shards)
    in_batches(engine, size, size + 3)
    first, second = shards.cores
    assert second._next < first._next

    assert shards.repeat() > 0

    assert first._next == second._next > 2 * size
    assert first.open_handles == second.open_handles == frozenset()
    shards.repeat()
    assert first._next == second._next


def test_what_is_told_is_the_second_shards_time_alone():
    with opened("funds_128") as running:
        sample = running.round(256)

    assert 0 < sample.wall < sample.processor
