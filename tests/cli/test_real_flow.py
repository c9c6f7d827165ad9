"""The real order flow beside the repository, where it is: totals, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from openpit.cli import main

DATA = Path(__file__).parents[3] / "shared" / "data" / "AAPL_2012-06-21_message_sample.csv"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"no real order flow at {DATA}")

LIMITS = """
[order_validation]
[rate_limit]
broker = {max_orders = 12, window = "1s"}
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 10
window = "900ms"
[[rate_limit.account]]
account = 3
max_orders = 1
window = "5s"
[order_size_limit]
broker = {max_quantity = 400, max_notional = "150000"}
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = -100
"""


def messages_by_type() -> dict[str, int]:
    types = [line.split(",")[1] for line in DATA.read_text().splitlines()]
    return {kind: types.count(kind) for kind in sorted(set(types))}


def test_the_messages_are_those_that_the_totals_below_are_about() -> None:
    # 999 lines, the last without an end.
    assert messages_by_type() == {"1": 471, "3": 369, "4": 98, "5": 61}


def replayed(tmp_path: Path, shards: int, *options: str) -> tuple[str, list[str]]:
    out = tmp_path / f"decisions-{shards}.jsonl"
    limits = tmp_path / "limits.toml"
    limits.write_text(LIMITS)
    result = CliRunner().invoke(
        main,
        [
            *("replay", str(DATA), "--shards", str(shards), "--config", str(limits)),
            *("--accounts", "16", "--out", str(out), *options),
        ],
    )
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout, out.read_text().splitlines()


def test_every_order_of_the_file_is_decided(tmp_path: Path) -> None:
    report, decisions = replayed(tmp_path, 0)

    total = next(line.split() for line in report.splitlines() if line.split()[:1] == ["total"])
    accounts, orders, accepted, rejected, reports = map(int, total[1:6])
    assert (accounts, orders) == (16, 471)
    assert accepted + rejected == 471
    assert accepted == sum('"accepted":true' in line for line in decisions)
    assert len(decisions) == 471
    assert len(set(decisions)) == 471
    # Every execution and deletion is a report, or was left out: 9 of orders placed before the file
    # starts, and those of rejected orders.
    left_out = [
        int(line.rpartition(" ")[2])
        for line in report.splitlines()
        if line.startswith("fills and cancels left out")
    ]
    assert reports + sum(left_out) == 369 + 98
    assert "fills and cancels left out, order not placed in the flow before: 9" in report
    assert "events without an order, hidden execution: 61" in report


def test_each_kind_of_limit_rejects_some_of_it(tmp_path: Path) -> None:
    _, decisions = replayed(tmp_path, 0)

    for reason in (
        "rate limit exceeded: broker barrier",
        "rate limit exceeded: asset barrier",
        "rate limit exceeded: account barrier",
        "order notional exceeded",
    ):
        assert any(reason in line for line in decisions), reason


@pytest.mark.one_python
@pytest.mark.parametrize("shards", [0, 1, 2, 4])
@pytest.mark.parametrize("batch", ["1", "1024"])
def test_the_decisions_are_the_same_bytes(tmp_path: Path, shards: int, batch: str) -> None:
    _, expected = replayed(tmp_path, 0)

    _, decisions = replayed(tmp_path, shards, "--batch", batch)

    assert sorted(decisions) == sorted(expected)
