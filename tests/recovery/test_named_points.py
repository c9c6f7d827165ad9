"""Processes that end at named points, once at each; ``make points`` does so as often as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from trapped_days import end_routers_at, end_workers_at
from trapped_program import ROUTER_POINTS
from traps import WORKER_POINTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def test_a_worker_that_ends_at_any_point_is_seen_by_nobody(tmp_path: Path) -> None:
    assert end_workers_at(WORKER_POINTS, tmp_path, 3, shards=2) > len(WORKER_POINTS)


def test_a_router_that_ends_amid_a_change_has_made_it_on_all_shards_or_on_none(
    tmp_path: Path,
) -> None:
    assert end_routers_at(ROUTER_POINTS, tmp_path, 5) == len(ROUTER_POINTS)
