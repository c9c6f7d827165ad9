from __future__ import annotations

import pytest

from openpit.cli.events import BadLine
from openpit.cli.totals import MAX_TOLD, StrictStopError, Totals


def test_the_first_bad_lines_are_told_and_all_are_counted() -> None:
    told: list[BadLine] = []
    totals = Totals(complain=told.append)

    for number in range(1, MAX_TOLD + 3):
        totals.add_bad(BadLine(number, "not JSON"))

    assert [bad.line for bad in told] == list(range(1, MAX_TOLD + 1))
    assert totals.first_bad == told
    assert totals.bad_lines == MAX_TOLD + 2


def test_strict_totals_stop_at_the_first_and_complain_of_none() -> None:
    told: list[BadLine] = []
    totals = Totals(complain=told.append, strict=True)

    with pytest.raises(StrictStopError, match="line 4: not JSON"):
        totals.add_bad(BadLine(4, "not JSON"))

    assert told == []
    assert (totals.bad_lines, [bad.line for bad in totals.first_bad]) == (1, [4])
