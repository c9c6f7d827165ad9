from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.cli.replay import FlowClock, Replay
from openpit.cli.report import print_report

if TYPE_CHECKING:
    import pytest


def replay(shards: int) -> Replay:
    """Return a replay that never asks its engine: the tests set the counts by hand."""
    return Replay(object(), FlowClock(), shards=shards)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_row_per_shard_and_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    finished = replay(2)
    first, second = finished.tallies
    first.accounts, first.orders, first.accepted, first.reports = 3, 1_500, 1_498, 900
    first.rejects.update({"RateLimitExceeded": 2})
    first.latencies.add(250, 1_400)
    first.latencies.add(2_500, 100)
    second.accounts, second.orders, second.accepted, second.blocked = 1, 500, 497, 1
    second.rejects.update({"AccountBlocked": 3})
    second.latencies.add(100, 500)

    print_report(finished, sharded=True, seconds=0.5)

    lines = printed(capsys)
    assert "accounts orders accepted rejected reports accounts orders/s p50 p99" in lines
    assert "shard 0 3 1,500 1,498 2 900 0 3,000 250 µs 2.5 ms" in lines
    assert "shard 1 1 500 497 3 0 1 1,000 100 µs 100 µs" in lines
    assert "total 4 2,000 1,995 5 900 1 4,000 250 µs 2.5 ms" in lines
    # The commonest code comes first.
    assert "shard 0 0 2" in lines
    assert "shard 1 3 0" in lines
    assert "total 3 2" in lines
    assert "replayed in 0.50 s" in lines


def test_an_engine_in_this_process_has_no_shards(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(replay(1), sharded=False, seconds=0.0)

    lines = printed(capsys)
    assert "total 0 0 0 0 0 0 - - -" in lines
    assert not any("shard" in line for line in lines)


def test_a_dead_shard_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(replay(2), sharded=True, seconds=1.0, died={1: "shard 1: killed"})

    lines = printed(capsys)
    assert "shard 1 (died) 0 0 0 0 0 0 0 - -" in lines
    assert "died: shard 1: killed" in lines


def test_what_was_left_out_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    finished = replay(1)
    finished.bad_lines = 1_234
    finished.skipped["order not placed in the flow before"] = 9
    finished.observations["hidden execution"] = 61

    print_report(finished, sharded=False, seconds=1.0)

    lines = printed(capsys)
    assert "bad lines: 1,234 (reported above, left out)" in lines
    assert "fills and cancels left out, order not placed in the flow before: 9" in lines
    assert "events without an order, hidden execution: 61" in lines
