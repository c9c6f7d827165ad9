"""The full sizes are run by `make` alone: here a few calls of each, so that they can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

FULL = Path(__file__).with_name("full.py")


@pytest.mark.parametrize("kind", [(), ("--acting",), ("--connected",)], ids=" ".join)
def test_a_few_calls_are_alike(kind: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, FULL, *kind, "--calls", "100", "--seed", "3"],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ": 0 differences" in done.stdout
