"""The full differential run: many random calls, all cores, every difference shrunk and printed.

python tests/differential/full.py --calls 100000 --seed 7 --areas flow,custom
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import secrets
import sys
import time
from collections import Counter

import batches
from comparison import Pair
from generators import AREAS
from reference_wheel import PROJECT, ReferenceMissingError, reference_wheel

#: The output is what this program is for.
say = functools.partial(print, flush=True)

_pair: list[Pair] = []


def _prepare(reference: str) -> None:
    _pair.append(Pair(batches.Path(reference), PROJECT))


def _run(batch: batches.Batch) -> tuple[batches.Batch, batches.Outcome]:
    return batch, batches.run(batch, _pair[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--areas", default="", help="comma-separated; default: all")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    areas = tuple(filter(None, options.areas.split(",")))
    unknown = set(areas) - set(AREAS)
    if unknown:
        parser.error(f"unknown areas {sorted(unknown)}; there are {', '.join(AREAS)}")
    try:
        reference = reference_wheel()
    except ReferenceMissingError as missing:
        say(f"no reference wheel: {missing}")
        return 2
    say(f"seed {options.seed}")
    started = time.monotonic()
    calls: Counter[str] = Counter()
    failures = 0
    work = list(batches.batches(options.calls, options.seed, areas))
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, _prepare, (str(reference),)) as pool:
        for batch, outcome in pool.imap_unordered(_run, work):
            calls[batch.area] += outcome.calls
            if outcome.difference is not None:
                failures += 1
                say(batches.report(batch, outcome), end="\n\n")
    for area in AREAS:
        if calls[area]:
            say(f"{area:16} {calls[area]:8} calls")
    seconds = time.monotonic() - started
    say(f"{'total':16} {calls.total():8} calls, {failures} differences, {seconds:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
