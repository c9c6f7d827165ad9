"""Whole programs with an engine of their own, to see how they end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from fault_traces import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ASYNCIO", "BLOCKING", "Program", "Script"]

_MARK = "OPENPIT_TEST_PROGRAM"
_HERE = Path(__file__).parent

_HEAD = """
import asyncio, gc, os, signal, subprocess, sys, threading, time
sys.path[:0] = {path!r}
import openpit
from fault_hosts import an_order
from fault_policies import Harmful, Journal
from openpit.pretrade.policies import build_order_validation

def builder(**options):
    stage = openpit.Engine.builder().sharded(shards=2, **options).builtin(build_order_validation())
    return stage.pre_trade(policy=Harmful(journal=Journal({journal!r})))

def ready():
    print("ready", flush=True)
"""

BLOCKING = """
def program():
    engine = builder().build()
    kept = engine.execute_pre_trade(order=an_order(1, "HOLD")).reservation
    {then}

if __name__ == "__main__":
    program()
"""

ASYNCIO = """
async def program():
    engine = await builder().build_async()
    kept = (await engine.execute_pre_trade(order=an_order(1, "HOLD"))).reservation
    {then}

if __name__ == "__main__":
    asyncio.run(program())
"""


class Program:
    """A program in a process of its own, with a folder of its own for temporary files."""

    def __init__(self, folder: Path, *command: str) -> None:
        self._mark = uuid.uuid4().hex
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {_MARK: self._mark, "TMPDIR": str(self.temporary)},
        )

    def ready(self) -> None:
        """Wait until the program says that it is."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.end()

    def end(self) -> tuple[int, str, str]:
        """Return the exit code and what was printed."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def others(self) -> Sequence[int]:
        """The processes of this program but its first one, whoever is their parent now."""
        wanted = f"{_MARK}={self._mark}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != self.process.pid:
                try:
                    environment = (folder / "environ").read_bytes()
                except OSError:
                    continue  # it has just ended, or is not ours to read
                if wanted in environment.split(b"\0"):
                    found.append(int(folder.name))
        return sorted(found)

    def assert_nothing_is_left(self, seconds: float = 5.0) -> None:
        """Assert that there is no process any more, and that there are no files."""
        assert eventually(lambda: not self.others(), seconds), self.others()
        assert list(self.temporary.iterdir()) == []

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        assert eventually(lambda: not self.others(), seconds=20.0), self.others()


class Script(Program):
    """A program with an engine, whose first order is open; ``then`` says how it goes on."""

    def __init__(self, folder: Path, body: str, then: str) -> None:
        self.journal = folder / "journal"
        script = folder / "program.py"
        head = _HEAD.format(
            path=[str(_HERE.with_name("support")), str(_HERE)], journal=str(self.journal)
        )
        indented = textwrap.indent(textwrap.dedent(then).strip(), "    ").strip()
        script.write_text(head + body.format(then=indented))
        super().__init__(folder, str(script))
