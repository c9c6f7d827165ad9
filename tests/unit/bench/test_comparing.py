"""What rounds of several sides say about each other."""

from __future__ import annotations

import pytest

from bench.comparing import Compared, Ratio
from bench.running import Running, Sample

pytestmark = pytest.mark.one_python


def turns(*processor_times):
    """Turns of rounds of a side that has no workers and spends all its time on the processor."""
    return [[Sample(float(time), float(time), None) for time in turn] for turn in processor_times]


def test_a_ratio_is_that_of_rounds_side_by_side():
    # The machine takes three times as long in the second turn, for both.
    compared = Compared(
        {"now": turns([1000, 1000, 5000], [3000, 3000, 3600]),
         "before": turns([2000, 2000, 2000], [6000, 6000, 6000])},
        {},
    )  # fmt: skip

    ratio = compared.ratio("now", "processor", "before", "processor")

    assert (ratio.middle, ratio.least, ratio.most) == (0.5, 0.5, 0.5)
    assert compared.best("now", "processor") == 1.0
    assert compared.best("before", "processor") == 2.0


def test_a_side_that_could_not_run_has_no_ratio():
    compared = Compared({"now": turns([1000]), "before": []}, {"before": "ImportError"})

    assert compared.best("before", "processor") is None
    assert compared.ratio("now", "processor", "before", "processor") is None


def test_workers_that_were_not_measured_have_no_ratio():
    compared = Compared({"now": turns([1000]), "before": turns([1000])}, {})

    assert compared.best("now", "workers") is None
    assert compared.ratio("now", "workers", "before", "processor") is None


@pytest.mark.parametrize(
    ("of_turns", "verdict"),
    [
        ([0.8, 0.9, 0.85, 0.8, 0.99], "faster"),
        ([1.2, 1.1, 1.01, 1.3, 1.1], "slower"),
        ([0.8, 0.9, 1.01, 0.8, 0.9], "noise"),
        ([1.0, 0.9, 0.9, 0.8, 0.9], "noise"),
        ([0.5, 0.5, 0.5, 0.5], "few turns"),
    ],
)
def test_a_change_is_one_when_all_turns_agree(of_turns, verdict):
    assert Ratio.of(of_turns).verdict == verdict


def test_a_ratio_shows_its_spread_where_there_is_one():
    assert str(Ratio.of([0.5, 0.75, 0.5678])) == "0.568 (0.5 to 0.75)"
    assert str(Ratio.of([0.5678])) == "0.568"


def test_a_round_is_told_by_operation():
    done = []

    def run(count):
        done.append(count)

    sample = Running(run).round(4)

    assert done == [4]
    assert sample.wall > 0
    assert sample.workers is None


def test_a_workload_may_time_its_operations_itself():
    assert Running(lambda count: 12.5).round(4).wall == 12.5
