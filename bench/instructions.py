"""Instructions of one operation, which do not depend on the moment: by ``perf`` or ``valgrind``.

Each count is the difference of two runs, a short and a long one, so that starting and setting up
are not in it.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.comparing import Ratio
from bench.sides import Failed, command, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.rows import Measure, Timed
    from bench.sides import Sides

__all__ = ["Counted", "NoCounter", "count", "counter"]

_PERF = ("perf", "stat", "-x,", "-e", "instructions:u")
_CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


class NoCounter(Exception):  # noqa: N818 - said to the one who asked
    """This machine has nothing that counts instructions."""


def _of_perf(told: str) -> int | None:
    found = re.search(r"^(\d+),[^,]*,instructions", told, re.MULTILINE)
    return None if found is None else int(found[1])


def _of_callgrind(told: str) -> int | None:
    found = re.search(r"Collected : (\d+)", told)
    return None if found is None else int(found[1])


@functools.cache
def counter() -> tuple[tuple[str, ...], Callable[[str], int | None]]:
    """Return the command that counts, and how its figure is read; NoCounter without any."""
    for prefix, read in ((_PERF, _of_perf), (_CALLGRIND, _of_callgrind)):
        if shutil.which(prefix[0]):
            told = subprocess.run(
                [*prefix, "true"], check=False, capture_output=True, text=True
            ).stderr
            if read(told):
                return prefix, read
    raise NoCounter("neither perf nor valgrind counts instructions on this machine")


@dataclass(frozen=True)
class Counted:
    """The instructions of one operation on each side, and why a side has none."""

    instructions: Mapping[str, float]
    failures: Mapping[str, str]

    def best(self, side: str, _measure: Measure) -> float | None:
        return self.instructions.get(side)

    def shown(self, instructions: float) -> str:
        return f"{instructions:.0f}"

    def ratio(self, side: str, _own: Measure, other: str, _of_other: Measure) -> Ratio | None:
        mine, theirs = self.instructions.get(side), self.instructions.get(other)
        return None if mine is None or not theirs else Ratio.exact(mine / theirs)


def count(sides: Sides, *, scale: float = 1.0) -> Counted:
    """Count the instructions of one operation on each side."""
    counted: dict[str, float] = {}
    failures: dict[str, str] = {}
    for name, (library, timed) in sides.items():
        less = max(1, round(timed.count * scale / 8))
        more = less + max(1, round(timed.count * scale / 2))
        try:
            longer, shorter = (_counted(library, timed, times) for times in (more, less))
            counted[name] = (longer - shorter) / (more - less)
        except Failed as failed:
            failures[name] = str(failed)
    return Counted(counted, failures)


def _counted(library: Path, timed: Timed, count: int) -> int:
    prefix, read = counter()
    done = subprocess.run(
        [*prefix, *command(timed), "--once", str(count)],
        # One seed of hashes: with another, dictionaries would collide elsewhere.
        env=environment(library) | {"PYTHONHASHSEED": "0"},
        cwd=Path(__file__).parent,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    counted = read(done.stderr)
    if done.returncode != 0 or counted is None:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("==")]
        raise Failed(next((line for line in reversed(lines) if line.strip()), "no count"))
    return counted
