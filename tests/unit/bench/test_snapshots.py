"""The workloads of the snapshots' rows: each is there, and does what its row says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import snapshots
from bench.rows import ROWS

if TYPE_CHECKING:
    from pathlib import Path

USED = {
    timed.workload
    for row in ROWS
    for timed in (row.ours, row.yardstick)
    if timed.script == "snapshots"
}


def test_every_workload_has_a_row() -> None:
    assert set(snapshots.WORKLOADS) == USED


@pytest.mark.parametrize("workload", sorted(snapshots.WORKLOADS))
def test_a_round_is_made_and_leaves_nothing(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(snapshots, "ACCOUNTS", 300)
    with snapshots.opened(workload) as running:
        running.round(600)
        files = list(tmp_path.rglob("*.snap"))

    assert len(files) == {"written": 2, "restored": 1}.get(workload, 0)
    assert list(tmp_path.iterdir()) == []
