"""The full equivalence run: many random calls, all cores, every difference shrunk and printed.

python tests/equivalence/full.py --calls 100000 --seed 7

``--sealed`` makes the same calls with all bodies under keys that the router lacks.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import secrets
import sys
import time
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / "support"), str(_TESTS / "differential")]

import campaign  # noqa: E402 - found on the path above
from link import link  # noqa: E402 - as above
from sealing import link_sealed  # noqa: E402 - as above
from sides import SHARDS, Pair  # noqa: E402 - as above

say = functools.partial(print, flush=True)
"""The output is what this program is for."""

_pair: list[Pair] = []


def _prepare(is_sealed: bool) -> None:
    _pair.append(Pair(SHARDS, link_sealed if is_sealed else link))


def _run(batch: campaign.Batch) -> tuple[campaign.Outcome, bool]:
    outcome = campaign.run(batch, _pair[0])
    if outcome.difference is not None:
        # Only its text travels back.
        say(campaign.report(outcome), end="\n\n")
    return campaign.Outcome(outcome.calls, outcome.scenarios, outcome.seed), bool(
        outcome.difference
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--sealed", action="store_true", help="bodies that no router can read")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    started = time.monotonic()
    calls = scenarios = failures = 0
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, _prepare, (options.sealed,)) as pool:
        work = campaign.batches(options.calls, options.seed)
        for outcome, differs in pool.imap_unordered(_run, work):
            calls += outcome.calls
            scenarios += outcome.scenarios
            failures += differs
    seconds = time.monotonic() - started
    shards = "1, 2, 3 and 5 shards" + (", bodies sealed" if options.sealed else "")
    say(
        f"{calls} calls in {scenarios} scenarios, each on one engine and on {shards}: "
        f"{failures} differences, {seconds:.0f} s, {calls / seconds:.0f} calls a second"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
