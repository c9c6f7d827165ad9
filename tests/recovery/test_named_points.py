"""Processes that end at named points, once at each; ``make points`` does so as often as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from trapped_days import end_copies_at, end_routers_at, end_starts_at, end_workers_at
from trapped_program import ROUTER_POINTS, START_POINTS
from trapped_servers import SERVER_POINTS, end_servers_at
from traps import SNAPSHOT_POINTS, STEP_POINTS, WORKER_POINTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python

SOME_SERVER_POINTS = (
    "when a name is written",
    "when an answer has come",
    "before a group is passed on",
    "when one shard has a group",
    "before its workers end",
)
"""A start takes four processes: these are where something is half done."""


def test_a_worker_that_ends_at_any_point_is_seen_by_nobody(tmp_path: Path) -> None:
    assert end_workers_at(WORKER_POINTS, tmp_path, 3, shards=2) > len(WORKER_POINTS)


def test_a_worker_that_ends_between_two_steps_of_what_spans_shards_is_seen_by_nobody(
    tmp_path: Path,
) -> None:
    points = STEP_POINTS[::3]  # before some, after others
    assert end_workers_at(points, tmp_path, 4, shards=2) > len(points)


def test_a_snapshot_that_is_not_finished_is_none_and_one_that_is_has_all(tmp_path: Path) -> None:
    assert end_copies_at(SNAPSHOT_POINTS, tmp_path, 6, shards=2) > len(SNAPSHOT_POINTS)


def test_a_router_that_ends_amid_a_change_has_made_it_on_all_shards_or_on_none(
    tmp_path: Path,
) -> None:
    assert end_routers_at(ROUTER_POINTS, tmp_path, 5) == len(ROUTER_POINTS)


def test_one_that_ends_while_it_completes_a_change_has_it_completed_by_the_next(
    tmp_path: Path,
) -> None:
    points = START_POINTS[1:4]
    assert end_starts_at(points, tmp_path, 7) == len(points)


def test_what_a_server_has_answered_stands_at_whatever_point_it_ends(tmp_path: Path) -> None:
    assert {*SOME_SERVER_POINTS} <= {*SERVER_POINTS}
    assert end_servers_at(SOME_SERVER_POINTS, tmp_path, 8) == len(SOME_SERVER_POINTS)
