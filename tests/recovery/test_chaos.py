"""The chaos run: which days are still to be, what they come to, and one that does not end."""

from __future__ import annotations

from itertools import islice

import pytest
from chaos import DAYS, POINTS, Result, Turn, planned, run, table

pytestmark = pytest.mark.one_python


def test_days_come_in_turn_until_there_were_enough_kills() -> None:
    done: list[Result] = []
    for turn in planned(20, 7, done):
        of_router = turn.kind in {"a program", "sessions"}
        done.append(
            Result(turn.kind, turn.seed, worker_kills=3 * (not of_router), router_kills=of_router)
        )
    assert [one.kind for one in done] == [*DAYS, *POINTS, "calls", "calls with keys"]
    assert [one.seed for one in done] == [70_000] * (len(done) - 2) + [70_001] * 2


def test_a_run_that_is_begun_again_goes_on_behind_what_was_done() -> None:
    done = [Result(kind, 10_000, worker_kills=1) for kind in DAYS]
    again = [*islice(planned(1000, 1, done, "calls|asyncio"), 3)]
    assert again == [
        Turn("calls", 10_001),
        Turn("calls with keys", 10_001),
        Turn("asyncio", 10_001),
    ]


def test_the_table_has_a_sum_of_each_kind_and_of_all() -> None:
    done = [
        Result("calls", 1, worker_kills=3, calls=90),
        Result("calls", 2, worker_kills=4, calls=10, differences=1),
        Result("sessions", 1, router_kills=5, in_flight=2),
    ]
    head, line, *rows = table(done).splitlines()
    assert head.split(" | ")[1:4] == ["days", "worker kills", "router kills"]
    assert line.count("---:") == len(head.split(" | ")) - 1
    assert rows == [
        "| calls | 2 | 7 | 0 | 0 | 100 | 0 | 1 | 0 | 0 | 0 |",
        "| sessions | 1 | 0 | 5 | 0 | 0 | 2 | 0 | 0 | 0 | 0 |",
        "| all | 3 | 7 | 5 | 0 | 100 | 2 | 1 | 0 | 0 | 0 |",
    ]


def test_a_day_that_does_not_end_is_ended_with_all_of_its_processes() -> None:
    result = run(Turn("calls", 1), seconds=0.2)
    assert (result.hangs, result.orphans) == (1, 0)
    assert result.why.startswith("not over after 0.2 s, with ")
