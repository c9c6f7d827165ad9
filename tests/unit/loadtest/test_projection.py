from __future__ import annotations

from load_reports import run_of

from openpit.loadtest.processes import ProcessFigures
from openpit.loadtest.projection import project, why_not


def processes(*times: float | None) -> list[ProcessFigures]:
    return [ProcessFigures("", time, None, None) for time in times]


def test_workers_limit_until_the_router_is_full() -> None:
    """10 µs of an order are the driver's, 25 and 15 the workers'."""
    projection = project(processes(99.0, 10_000.0, 25_000.0, 15_000.0))

    assert projection is not None
    assert (projection.driver, projection.worker) == (10_000.0, 40_000.0)
    assert projection.router_full_at == 4.0
    assert projection.router_per_second == 100_000.0
    assert [(row.shards, row.per_second, row.is_router_full) for row in projection.rows] == [
        (1, 25_000.0, False),
        (2, 50_000.0, False),
        (4, 100_000.0, True),
        (8, 100_000.0, True),
        (16, 100_000.0, True),
        (32, 100_000.0, True),
    ]


def test_a_run_that_mostly_woke_up_is_not_projected_from() -> None:
    """Of 40 orders: in 11 calls there were not 4 in each, in 10 there were."""
    low, _ = run_of(calls=11)
    high, _ = run_of(calls=10)
    starved, _ = run_of(calls=10, invalid="starved")

    assert (why_not(low) or "").startswith("with 3.6 orders in a call, and not 4 or more, ")
    assert why_not(high) is None
    assert why_not(starved) == "the run that it would be made from is INVALID"


def test_times_that_are_not_known_give_no_projection() -> None:
    assert project(processes(None, 10.0, 10.0, None)) is None
    assert project(processes(None, None, 10.0)) is None
    assert project(processes(None, 10.0)) is None
    assert project(processes(None, 10.0, 0.0)) is None
