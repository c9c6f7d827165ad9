"""The sides of a comparison: one child process for each, which stays for several rounds."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.libraries import ROOT
from bench.running import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.rows import Timed

    Sides = Mapping[str, tuple[Path, Timed]]
    """By name: the library, and what it is to run."""

__all__ = ["Failed", "Side", "Sides", "command", "environment"]

PATIENCE = 300.0
"""Seconds after which a child that says nothing is given up."""


class Failed(Exception):  # noqa: N818 - what is told of a side, not always an error
    """A side cannot run a workload; says why in one line."""


def environment(library: Path) -> dict[str, str]:
    """Return an environment in which ``import openpit`` finds this library, and nothing of ours."""
    # The library first: the root, where the workloads are, holds ours as well. What is installed
    # comes by its folder, and not by way of ``site``: an editable install finds modules of ours
    # that another state of the package lacks, and would mix the two.
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    path = [str(library), str(ROOT), *sorted(installed)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def command(timed: Timed) -> list[str]:
    """Return the child's command line; workers that it starts are started with the same -S."""
    return [sys.executable, "-S", "-m", "bench.child", timed.script, timed.workload]


class Side:
    """A child process with one library and one workload, set up and waiting for its rounds."""

    def __init__(self, library: Path, timed: Timed) -> None:
        """Start it; Failed when it does not come up, or finds another library."""
        if not (library / "openpit").is_dir():
            raise Failed(f"there is no openpit in {library}")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the side
        self._child = subprocess.Popen(
            command(timed),
            env=environment(library),
            # Not where an openpit lies: the folder of a -m comes before all others.
            cwd=Path(__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self._require(library)
        except BaseException:
            self.close()
            raise

    def _require(self, library: Path) -> None:
        found = Path(self._answer())
        if found.resolve() != library.resolve():
            raise Failed(f"found openpit in {found}, not in {library}")

    def round(self, count: int) -> Sample:
        """Return what one operation took in a round of so many."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(f"{count}\n".encode())
            self._child.stdin.flush()
        except BrokenPipeError:
            raise Failed(self._last_words()) from None
        return Sample(*self._answer())

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        ready, _, _ = select.select([self._child.stdout], [], [], PATIENCE)
        if not ready:
            raise Failed(f"said nothing for {PATIENCE:.0f} s")
        line = self._child.stdout.readline()
        if not line:
            raise Failed(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        status = self._child.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with status {status}"

    def close(self) -> None:
        """End the child; it is given time to close what it has open."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()
        self._errors.close()
