from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from load_reports import MS, run_of

from openpit.loadtest.histograms import fold, latency_of
from openpit.loadtest.oracle import Judgement
from openpit.loadtest.requirements import parse_requirement
from openpit.loadtest.session import middle_of, missed_by

if TYPE_CHECKING:
    from openpit.loadtest.measure import Run

WRONG = Judgement(40, 2, 0, "c0ffee", [])


def test_a_run_that_went_wrong_is_never_hidden_by_others() -> None:
    run, _ = run_of()
    late, broken = replace(run, invalid="late"), replace(run, judgement=WRONG)

    def reported(*runs: Run) -> int:
        return middle_of(list(runs))

    fast = replace(run, figures=replace(run.figures, latency=latency_of(fold([MS]))))
    assert reported(run, late, run) == 1
    assert reported(run, late, broken) == 2
    gone = replace(run, invalid="gone", lost={0: "gone"})
    assert reported(broken, run, gone) == 2
    assert reported(run, fast, fast) == 2
    assert reported(fast, run) == 1  # the slower of the two in the middle


def test_every_run_has_to_meet_the_requirements() -> None:
    run, _ = run_of()
    required = [parse_requirement("throughput>10")]
    slow = replace(run, figures=replace(run.figures, per_second=9.0))

    assert missed_by([slow], required) == ["required throughput>10, found 9.00"]
    assert missed_by([run, slow], required) == ["run 2 of 2: required throughput>10, found 9.00"]
    assert missed_by([run, run], required) == []
