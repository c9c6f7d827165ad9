from __future__ import annotations

from openpit.loadtest.measure import ProcessFigures
from openpit.loadtest.projection import project


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


def test_times_that_are_not_known_give_no_projection() -> None:
    assert project(processes(None, 10.0, 10.0, None)) is None
    assert project(processes(None, None, 10.0)) is None
    assert project(processes(None, 10.0)) is None
    assert project(processes(None, 10.0, 0.0)) is None
