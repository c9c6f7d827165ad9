"""Times this library against its yardsticks in the same run and prints ratios.

``make bench`` calls it. Each row is timed in fresh interpreters, ours and the yardstick's in turn,
several times over; the figure of a side is its quickest round. The ratio is ours divided by the
yardstick's: lower is better. Absolute times are those of the machine of the moment.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from bench.rows import ROWS, Row, Timed

HERE = Path(__file__).resolve().parent
LIBRARIES = {"ours": HERE.parent, "reference": HERE.parent / "build" / "reference"}
ROUNDS = 3


def nanoseconds(timed: Timed) -> float:
    """Return the time of one operation, measured in an interpreter of its own."""
    # The library first: the workloads are found beside it, whichever it is.
    path = os.pathsep.join([str(LIBRARIES[timed.library]), str(HERE.parent)])
    command = [sys.executable, "-m", f"bench.{timed.script}", timed.workload, str(ROUNDS)]
    done = subprocess.run(
        [*command, str(timed.count)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=HERE,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout)


def measure(row: Row, turns: int) -> str:
    """Return the row's line: the best times of ours and of the yardstick, taken in turn."""
    ours = yardstick = float("inf")
    for _ in range(turns):
        if row.yardstick is not None:
            yardstick = min(yardstick, nanoseconds(row.yardstick))
        ours = min(ours, nanoseconds(row.ours))
    aim = "" if row.aim is None else f"{row.aim:.2g}"
    if row.yardstick is None:
        return f"| {row.name} | | {aim} | {ours / 1000:.2f} | |"
    ratio = ours / yardstick
    return f"| {row.name} | {ratio:.2g} | {aim} | {ours / 1000:.2f} | {yardstick / 1000:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="how often each side is timed")
    parser.add_argument("--only", default="", help="only rows whose name contains this text")
    parser.add_argument("--save", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores."
    lines = [
        f"{machine} Ratio: ours / yardstick, lower is better.",
        "",
        "| row | ratio | aim | ours (µs) | yardstick (µs) |",
        "|---|---:|---:|---:|---:|",
    ]
    print("\n".join(lines), flush=True)
    for row in ROWS:
        if options.only not in row.name:
            continue
        lines.append(measure(row, options.turns))
        print(lines[-1], flush=True)
    if options.save is not None:
        options.save.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
