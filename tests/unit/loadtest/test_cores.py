from __future__ import annotations

import pytest
from load_reports import run_of

from openpit.loadtest.cores import cores_of
from openpit.loadtest.processes import ProcessFigures, roles_of

PROCESSES = [
    ProcessFigures("client 0", 6_000.0, None, None, 5_000.0),
    ProcessFigures("client 1", 4_000.0, None, None, 3_000.0),
    ProcessFigures("router", 4_000.0, None, None),
    ProcessFigures("worker 0", 2_500.0, None, None),
    ProcessFigures("worker 1", 3_500.0, None, None),
]


def test_a_clients_time_is_the_librarys_and_its_own() -> None:
    found = [
        (role.role, role.processes, role.processor, role.share) for role in roles_of(PROCESSES)
    ]

    assert found == [
        ("harness", 2, 2_000.0, 0.1),
        ("client library", 2, 8_000.0, 0.4),
        ("router", 1, 4_000.0, 0.2),
        ("workers", 2, 6_000.0, 0.3),
    ]


def test_the_time_of_workers_that_drive_themselves_is_the_engines_and_the_harnesss() -> None:
    inside = [
        ProcessFigures("driver", 1_000.0, None, None),
        ProcessFigures("worker 0", 5_000.0, None, None, 4_000.0),
        ProcessFigures("worker 1", 4_000.0, None, None, 2_000.0),
    ]

    found = [(role.role, role.processes, role.processor, role.share) for role in roles_of(inside)]

    assert found == [("harness", 3, 4_000.0, 0.4), ("engine", 2, 6_000.0, 0.6)]


def test_a_driver_and_its_workers_are_told_as_they_are() -> None:
    roles = roles_of(run_of()[0].processes)

    assert [(role.role, role.processes, role.processor) for role in roles] == [
        ("generator", 1, 10_000.0),
        ("driver", 1, 20_000.0),
        ("workers", 2, 80_000.0),
    ]


def test_a_time_that_is_not_known_gives_no_roles_and_no_cores() -> None:
    unknown = [*PROCESSES[:2], ProcessFigures("router", None, None, None)]

    assert roles_of(unknown) == []
    assert cores_of(roles_of(unknown), None, []) is None


def test_cores_grow_with_the_rate_and_say_how_sure_they_are() -> None:
    roles = roles_of(PROCESSES)
    slower = [ProcessFigures("router", 5_000.0, None, None), *PROCESSES[:2], *PROCESSES[3:]]
    runs = [run_of(roles=roles)[0], run_of(roles=roles_of(slower))[0]]

    one, two = cores_of(roles, (100_000.0, 500_000.0), runs[:1]), cores_of(roles, None, runs)

    assert one is not None
    assert two is not None
    assert (one.spread, one.router_per_second) == (None, 250_000.0)
    assert two.spread == pytest.approx(0.25)
    first, second = one.rows
    assert (first.clients, first.harness, first.router, first.workers) == pytest.approx(
        (0.8, 0.2, 0.4, 0.6)
    )
    assert second.router == pytest.approx(2.0)
