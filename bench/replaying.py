"""What a replay costs, by role, in turn with one process and with the code of before.

    python -m bench.replaying [--baseline REV] [--orders N] [--rounds N] [--shards N ...]

Each round replays the same generated flow, with ``--out``, in one process by the code of REV, in
one process by this, and on each number of shards; it times ``construct_execute_commit`` of the
reference, if that is installed, too. Told are medians of the rounds: the processor time of the
caller and of each worker from the first line to the last, microseconds an event, and what that
comes to on free cores: there a replay takes as long as whoever has most to do.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
BASELINE = "d335f3c"
"""The last code of before the lane, in which one process decided in batches."""

REPLAY = """
import json, os, sys, time
from pathlib import Path
from openpit.cli import main
from openpit.cli.commands import replay
run = replay._run
def used():
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [time.process_time()] + [
        int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e9 for child in children
    ]
def timed(*arguments):
    before, began = used(), time.perf_counter()
    ended = run(*arguments)
    seconds = time.perf_counter() - began
    print(json.dumps([seconds] + [b - a for a, b in zip(before, used())]), file=sys.stderr)
    return ended
replay._run = timed
main()
"""

REFERENCE = """
import time
from bench import workloads
with workloads.opened("construct_execute_commit") as running:
    running.run(2000)
    began = time.process_time()
    running.run(20000)
    print((time.process_time() - began) / 20000 * 1e6)
"""


def replayed(code: Path, flow: Path, shards: int) -> list[float]:
    """Return the seconds of a replay, and the processor time of its caller and workers."""
    found = subprocess.run(
        [
            *(sys.executable, "-P", "-c", REPLAY, "replay", str(flow), "--out", os.devnull),
            *("--shards", str(shards)),
        ],
        env=os.environ | {"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, *roles = json.loads(found.stderr.splitlines()[0])
    caller, *workers = roles
    # Beside the shards, a process of multiprocess's own may be there, which does nothing.
    return [seconds, caller, *sorted(workers, reverse=True)[:shards]]


def reference() -> float | None:
    """Return the microseconds of an order of the reference, None if it is not installed."""
    folder = os.environ.get("OPENPIT_REFERENCE")
    if folder is None:
        return None
    found = subprocess.run(
        [sys.executable, "-c", REFERENCE],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([folder, str(ROOT)])},
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return float(found.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", default=BASELINE, metavar="REV")
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shards", type=int, nargs="*", default=[2, 4])
    options = parser.parse_args()
    git = ["git", "-C", str(ROOT), "archive", options.baseline, "openpit"]
    packed = subprocess.run(git, stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder / "before", filter="data")
        flow = folder / "flow.jsonl"
        command = [sys.executable, "-m", "openpit.cli", "generate", "--seed", "1"]
        subprocess.run(
            [*command, "--orders", str(options.orders), "--out", str(flow)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=True,
        )
        with flow.open("rb") as file:
            events = sum(1 for _ in file)
        sides = {"before, in one process": (folder / "before", 0), "in one process": (ROOT, 0)}
        sides |= {f"on {shards} shards": (ROOT, shards) for shards in options.shards}
        rounds: dict[str, list[list[float]]] = {side: [] for side in sides}
        orders: list[float] = []
        for _ in range(options.rounds):
            for side, (code, shards) in sides.items():
                rounds[side].append(replayed(code, flow, shards))
            took = reference()
            if took is not None:
                orders.append(took)
    tell(rounds, events, orders)


def tell(rounds: dict[str, list[list[float]]], events: int, orders: list[float]) -> None:
    """Print the medians."""
    print(f"{events:,} events; processor time, µs an event; medians")
    before: float | None = None
    for side, runs in rounds.items():
        seconds, *roles = [median(column) for column in zip(*runs, strict=True)]
        each = [role * 1e6 / events for role in roles]
        before = before or max(each)
        caller, *workers = (f"{one:.2f}" for one in each)
        print(
            f"{side:24} caller {caller:>6}  workers {' '.join(workers) or '-':30}"
            f" all {sum(each):6.2f}  free cores {before / max(each):5.2f} times before"
            f"  took {seconds:.2f} s"
        )
    if orders:
        print(f"construct, execute, commit of the reference: {median(orders):.2f} µs an order")


if __name__ == "__main__":
    main()
