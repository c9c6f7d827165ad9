"""A server for the benchmark: what is timed is its own process, which ends with the rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rows import ROWS
from bench.serving import WORKLOADS

pytestmark = pytest.mark.one_python


def test_every_workload_is_timed():
    assert sorted(WORKLOADS) == sorted(
        row.ours.workload for row in ROWS if row.ours.script == "serving"
    )


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_it_commits_every_order_and_leaves_no_server(workload):
    with WORKLOADS[workload]() as running:
        (pid,) = running.workers
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        sample = running.round(300)
        assert b"serve" in command
        assert min(sample.wall, sample.processor, sample.workers) > 0

    assert not Path(f"/proc/{pid}").exists()
