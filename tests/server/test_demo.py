"""What `make serve-demo` runs, for a shorter time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = (
    r"listening at \S+ with \d+ shards?, process \d+",
    r"orders pass",
    r"session +name +user +role +commands +in flight +unsent bytes",
    r"the server ended with code 0",
)
SESSION = r"\d+ +demo-[12] +\d+ +admin +\d+ +\d+ +\d+"
CLIENT = r"client [12]: (\d+) orders, \d+ accepted"


def test_two_programs_trade_on_a_server_and_it_ends_clean() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples/serve_demo.py", "0.2"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    said = [line.strip() for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout
    for line in LINES:
        assert [one for one in said if re.fullmatch(line, one)], (line, done.stdout)
    orders = [int(found[1]) for found in re.finditer(CLIENT, done.stdout)]
    assert len(orders) == 2
    assert min(orders) >= 64

    readme = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"`openpit ctl stats` says .*?\n\n((?: {4}.*\n)+)", readme)
    shown = [line.strip() for line in block.splitlines()]
    expected = (*LINES[:3], SESSION, SESSION, LINES[3])
    assert [bool(re.fullmatch(*both)) for both in zip(expected, shown, strict=True)] == [True] * 6
