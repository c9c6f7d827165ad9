"""Sides are processes of their own, each with the library that it was given."""

from __future__ import annotations

import pytest

from bench.comparing import compare
from bench.libraries import OURS
from bench.rows import ROWS, Timed
from bench.sides import Failed, Side

pytestmark = pytest.mark.one_python

SHARDED = sorted(
    {timed.workload for row in ROWS for timed in (row.ours, row.yardstick)
     if timed.script == "sharded" and timed.workload not in ("pool", "busy_threads")}
)  # fmt: skip
CONSTRUCT = Timed("workloads", "construct", 10)


@pytest.fixture
def older(tmp_path):
    """A library of before, which could not do much yet."""
    (tmp_path / "openpit").mkdir()
    (tmp_path / "openpit" / "__init__.py").touch()
    return tmp_path


@pytest.mark.parametrize("workload", SHARDED)
def test_a_workload_on_shards_runs_round_by_round(workload):
    side = Side(OURS, Timed("sharded", workload, 1))
    try:
        for count in (20, 300):
            sample = side.round(count)
            assert sample.wall > 0
            assert sample.processor > 0
            assert sample.workers is None or sample.workers > 0
    finally:
        side.close()


def test_a_side_that_lacks_what_a_workload_needs_says_what(older):
    with pytest.raises(Failed, match=r"^ImportError: cannot import name 'param' from 'openpit'"):
        Side(older, CONSTRUCT)


def test_a_folder_without_a_library_is_refused(tmp_path):
    with pytest.raises(Failed, match=f"there is no openpit in {tmp_path}"):
        Side(tmp_path, CONSTRUCT)


def test_a_side_that_finds_another_library_is_refused(tmp_path):
    (tmp_path / "openpit").mkdir()  # with nothing in it, so that the import goes on to ours
    with pytest.raises(Failed, match=f"found openpit in {OURS}, not in {tmp_path}"):
        Side(tmp_path, CONSTRUCT)


def test_sides_are_compared_and_what_fails_is_left_out(older):
    sides = {"now": (OURS, CONSTRUCT), "before": (older, CONSTRUCT), "twin": (OURS, CONSTRUCT)}

    compared = compare(sides, turns=2, rounds=3)

    assert [len(turn) for turn in compared.turns["now"]] == [3, 3]
    assert [len(turn) for turn in compared.turns["twin"]] == [3, 3]
    assert compared.turns["before"] == []
    assert list(compared.failures) == ["before"]
    assert compared.ratio("now", "processor", "twin", "processor").turns == 2
