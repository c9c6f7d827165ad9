from __future__ import annotations

import pytest

from openpit.cli.report import print_report
from openpit.cli.totals import Totals
from openpit.pretrade import RejectCode


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_row_per_shard_and_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    finished = Totals(2)
    first, second = finished.tallies
    first.accounts, first.accepted, first.reports = 3, 1_498, 900
    first.rejects.update({"RateLimitExceeded": 2})
    first.latencies.add(250, 1_400)
    first.latencies.add(2_500, 100)
    second.accounts, second.accepted, second.blocked = 1, 497, 1
    second.rejects.update({"AccountBlocked": 3})
    second.latencies.add(100, 500)

    print_report(finished, sharded=True, seconds=0.5)

    lines = printed(capsys)
    assert "accounts orders accepted rejected reports accounts orders/s p50 p99" in lines
    assert "shard 0 3 1,500 1,498 2 900 0 3,000 250 µs 2.5 ms" in lines
    assert "shard 1 1 500 497 3 0 1 1,000 100 µs 100 µs" in lines
    assert "total 4 2,000 1,995 5 900 1 4,000 250 µs 2.5 ms" in lines
    # The commonest code comes first; its row has the total, then the shards.
    start = lines.index("code total shard 0 shard 1")
    assert lines[start + 2 : start + 4] == ["AccountBlocked 3 0 3", "RateLimitExceeded 2 2 0"]
    assert "replayed in 0.50 s" in lines


def test_an_engine_in_this_process_has_no_shards(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(Totals(1), sharded=False, seconds=0.0)

    lines = printed(capsys)
    assert "total 0 0 0 0 0 0 - - -" in lines
    assert not any("shard" in line for line in lines)


def test_a_dead_shard_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(Totals(2), sharded=True, seconds=1.0, died={1: "shard 1: killed"})

    lines = printed(capsys)
    assert "shard 1 (died) 0 0 0 0 0 0 0 - -" in lines
    assert "died: shard 1: killed" in lines


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_code_is_whole_at_any_width_and_its_row_has_all_shards(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a file or a pipe: there is no terminal whose width would matter."""
    monkeypatch.setenv("COLUMNS", columns)
    finished = Totals(12)
    for number, tally in enumerate(finished.tallies):
        tally.rejects.update({str(code): 1_000_000 + number for code in RejectCode})

    print_report(finished, sharded=True, seconds=1.0)

    lines = printed(capsys)
    for code in RejectCode:
        (row,) = [line.split() for line in lines if line.split()[:1] == [str(code)]]
        assert row[1:] == ["12,000,066", *(f"1,000,{number:03}" for number in range(12))]
    orders = f"{1_000_011 * len(RejectCode):,}"
    assert any(line.startswith(f"shard 11 0 {orders} 0 {orders} ") for line in lines)


def test_orders_that_nobody_had_funds_for(capsys: pytest.CaptureFixture[str]) -> None:
    finished = Totals(1)
    (tally,) = finished.tallies
    tally.rejects.update({"InsufficientFunds": 2, "OrderQtyExceedsLimit": 1})

    print_report(finished, sharded=False, seconds=1.0)
    told = printed(capsys)[-1]
    tally.accepted = 1
    print_report(finished, sharded=False, seconds=1.0)

    assert told.startswith("no order was accepted, and 2 were refused for lack of funds: ")
    assert "[[spot_funds.funds]]" in told
    assert "lack of funds" not in " ".join(printed(capsys))


def test_an_empty_flow_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(Totals(1), sharded=False, seconds=1.0)

    assert printed(capsys)[-1] == "the flow is empty"


def test_the_report_may_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(Totals(1), sharded=False, seconds=1.0, to_stderr=True)

    out, err = capsys.readouterr()
    assert out == ""
    assert "orders/s" in err


def test_a_strict_replay_says_that_it_stopped_at_the_bad_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = Totals(strict=True)
    stopped.bad_lines = 1

    print_report(stopped, sharded=False, seconds=1.0)

    assert "bad lines: 1 (the replay stopped there)" in printed(capsys)


def test_what_was_left_out_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    finished = Totals(1)
    finished.bad_lines = 1_234
    finished.skipped["order not placed in the flow before"] = 9
    finished.observations["hidden execution"] = 61

    print_report(finished, sharded=False, seconds=1.0)

    lines = printed(capsys)
    assert "bad lines: 1,234 (the first 100 reported above, all left out)" in lines
    assert "fills and cancels left out, order not placed in the flow before: 9" in lines
    assert "events without an order, hidden execution: 61" in lines
