"""The workloads of the journal's rows: each is there, and does what its row says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import journal
from bench.rows import ROWS
from openpit.journal.files import DISK
from openpit.journal.reading import LogReader

USED = {
    timed.workload
    for row in ROWS
    for timed in (row.ours, row.yardstick)
    if timed.script == "journal"
}


def test_every_workload_has_a_row() -> None:
    assert set(journal.WORKLOADS) == USED


@pytest.mark.parametrize("workload", ["append_process", "append_power"])
def test_a_round_writes_its_batches(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with journal.opened(workload) as running:
        running.round(3 * journal.BATCH)
        (folder,) = Path.cwd().iterdir()
        records = list(LogReader(DISK, folder))

    assert len(records) == 3
    assert len({record.check for record in records}) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_round_replays_all_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "REPLAYED", 2)
    with journal.opened("replayed") as running:
        running.round(4 * journal.BATCH)
        (folder,) = Path.cwd().iterdir()
        epochs = [header.get("epoch") for header in _headers(folder / "shard-0000")]

    assert epochs == [None, 2]  # a segment of an epoch without a batch makes way for the next


def _headers(folder: Path) -> list[dict[str, int]]:
    reader = LogReader(DISK, folder)
    list(reader)
    return [dict(header) for header in reader.headers]
