"""The examples run as they stand, and print what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

PRINTED = {
    "spot_funds": """\
10 at 150: InsufficientFunds, asset USD: available 1000, requested 1500
8 at 110: accepted
  USD  available     -880 -> 120
  USD  held           880 -> 880
  AAPL incoming         8 -> 8
5 filled at 109
  AAPL available        5 -> 5
  AAPL incoming        -5 -> 3
  USD  available        5 -> 125
  USD  held          -550 -> 330
3 cancelled
  AAPL incoming        -3 -> 0
  USD  available      330 -> 455
  USD  held          -330 -> 0
""",
    "supervisor": """\
-- the strategy runs until it is stopped
BUY 1000: sent, result 12.50
BUY 1000: sent, result -20
BUY 2000: sent, result -40
BUY 4000: sent, result -80
  stop: pnl kill switch triggered, realized pnl -129.50, settlement asset USD
BUY 8000: pnl kill switch triggered (realized pnl -129.50, settlement asset USD)
-- the operator lets it go on, with a fresh count
BUY 1000: sent, result 12.50
BUY 1000: sent, result -20
BUY 2000: rate limit exceeded: account barrier (submitted 7 orders in 60s window, max allowed: 6)
BUY 4000: rate limit exceeded: account barrier (submitted 8 orders in 60s window, max allowed: 6)
BUY 8000: rate limit exceeded: account barrier (submitted 9 orders in 60s window, max allowed: 6)
BUY 16000: rate limit exceeded: account barrier (submitted 10 orders in 60s window, max allowed: 6)
""",
    "custom_policy": """\
ticket 1, 70 AAPL: sent; on order: {'tech': 70}
ticket 2, 40 NVDA: too much tech on order (ticket 2: 110 of 100); on order: {'tech': 70}
ticket 3, 30 NVDA: passed, and withdrawn; on order: {'tech': 70}
ticket 4, 90 XOM: sent; on order: {'tech': 70, 'energy': 90}
ticket 5, 40 NVDA: sent; on order: {'tech': 40, 'energy': 90}
""",
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_promises(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, PRINTED[name], "")


def test_no_example_is_left_out() -> None:
    with_tests_of_their_own = {"serve_demo"}
    found = {path.stem for path in EXAMPLES.glob("*.py")}
    assert found == {*PRINTED} | with_tests_of_their_own

    packages = {path.parent.name for path in EXAMPLES.glob("*/__main__.py")}
    assert packages == {"fix_gateway"}  # tests/examples


def sharded(name: str, folder: Path) -> str:
    """Run an example with one line changed, and return what it prints."""
    source = (EXAMPLES / f"{name}.py").read_text()
    for mode in ("no_sync", "full_sync", "account_sync"):
        source = source.replace(f".{mode}()", ".sharded(shards=2)")
    assert ".sharded(shards=2)" in source
    script = folder / f"{name}.py"
    script.write_text(source)
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("name", ["spot_funds", "supervisor"])
def test_an_example_prints_the_same_on_shards(name: str, tmp_path: Path) -> None:
    assert sharded(name, tmp_path) == PRINTED[name]


def test_the_custom_policy_decides_the_same_on_shards(tmp_path: Path) -> None:
    # The program's own copy of the policy, from which it prints what is on order, sees no orders.
    def decisions(text: str) -> list[str]:
        return [line.partition(";")[0] for line in text.splitlines()]

    assert decisions(sharded("custom_policy", tmp_path)) == decisions(PRINTED["custom_policy"])
