"""Each row of the benchmark does what its name says, on the path that it is named for."""

from __future__ import annotations

import pytest

from bench import cores, workloads
from bench.rows import ROWS
from openpit.pretrade.policies.spot_funds import reports

pytestmark = pytest.mark.one_python

ALONE = sorted(
    {
        timed.workload
        for row in ROWS
        for timed in (row.ours, row.yardstick)
        if timed.script == "workloads"
    }
)
CORES = sorted({row.ours.workload for row in ROWS if row.ours.script == "cores"})


@pytest.fixture
def ways(monkeypatch):
    """How many fills went which way since then."""
    gone = {"plain": 0, "general": 0}
    short, long = reports.apply_plain_fill, reports._Application.run

    def plain(*arguments, **named):
        effect = short(*arguments, **named)
        gone["plain"] += effect is not None
        return effect

    def general(self, fill):
        gone["general"] += 1
        return long(self, fill)

    monkeypatch.setattr(reports, "apply_plain_fill", plain)
    monkeypatch.setattr(reports._Application, "run", general)
    return gone


def test_every_workload_is_timed():
    assert sorted(workloads.WORKLOADS) == ALONE


@pytest.mark.parametrize("workload", ALONE)
def test_it_runs_without_a_reject_or_a_block(workload):
    operation = workloads.WORKLOADS[workload]()

    for index in range(50):
        done = operation(index)
        assert not getattr(done, "account_blocks", ())


# Round and round the same thousand reports: what they leave behind keeps them on their way.
FILLS = 2500


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ("fill_plain", {"plain": FILLS, "general": 0}),
        ("fill_general", {"plain": 0, "general": FILLS}),
        ("fill_unvalued", {"plain": FILLS - 1000, "general": 1000}),  # the first halt the PnL
    ],
)
def test_fills_go_the_way_that_their_row_is_named_for(workload, expected, ways):
    operation = workloads.WORKLOADS[workload]()

    for index in range(FILLS):
        operation(index)

    assert ways == expected


def test_fills_of_accounts_with_a_currency_are_valued():
    apply = workloads.WORKLOADS["fill_plain"]()

    (sold,) = apply(0).account_pnls  # 1 AAPL at 100.00, which had cost 150.25

    assert str(sold.pnl.delta) == "-50.25"


def test_every_call_through_both_cores_is_timed():
    assert {name.removeprefix(cores.TWICE) for name in CORES} == set(cores.CALLS)


def test_a_second_shard_does_the_same_and_its_replies_go_nowhere():
    engine = cores.engine_for("single_held", 2)
    cores.CALLS["single_held"][2](engine, 5)
    first, second = engine._driver.shards.cores
    assert first._next == second._next > 10
    assert first.open_handles == second.open_handles == frozenset()
