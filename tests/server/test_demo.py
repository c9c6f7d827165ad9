"""What `make serve-demo` runs, for a shorter time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAID = re.compile(
    r"listening at \S+ with (\d+) shards?, process \d+\n"
    r"(?:client [12]: (\d+) orders, \d+ accepted\n){2}"
    r"(?:shard \d+: up, 0 in flight\n)+"
    r"the server ended with code 0\n"
)


def test_two_programs_trade_on_a_server_and_it_ends_clean() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples/serve_demo.py", "0.2"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    said = SAID.fullmatch(done.stdout)
    assert (done.returncode, said is not None) == (0, True), done.stdout
    assert said is not None
    shards, orders = map(int, said.groups())
    assert done.stdout.count("shard ") == shards
    assert orders >= 64
    (block,) = re.findall(
        r"`make serve-demo` .*?\n\n((?: {4}.*\n)+)", (ROOT / "README.md").read_text()
    )
    assert SAID.fullmatch(re.sub("^ {4}", "", block, flags=re.MULTILINE))
    assert len(block.splitlines()) == 6
