"""The full equivalence run: many random calls, all cores, every difference shrunk and printed.

python tests/equivalence/full.py --calls 100000 --seed 7

``--sealed`` makes the same calls with all bodies under keys that the router lacks.
``--connected`` makes them through ``openpit.connect``: each scenario has a server of its own, of
one of the numbers of shards, and a client of it over a socket. The workers are threads, which read
and write their pipes as processes do: starting those would take nearly all of the time.
``--acting`` makes other ones, half of which go through an actor.
"""

from __future__ import annotations

import argparse
import functools
import logging
import multiprocessing
import os
import secrets
import sys
import time
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / "support"), str(_TESTS / "differential")]

import campaign  # noqa: E402 - found on the path above
from acting import ActingPair, acting_scenario  # noqa: E402 - as above
from link import link  # noqa: E402 - as above
from sealing import link_sealed  # noqa: E402 - as above
from sides import SHARDS, Pair  # noqa: E402 - as above
from threaded_workers import start_workers_as_threads  # noqa: E402 - as above
from through_servers import ConnectedPair  # noqa: E402 - as above

say = functools.partial(print, flush=True)
"""The output is what this program is for."""

_pair: list[Pair] = []


def _prepare(kind: str) -> None:
    logging.disable()  # actors are told what they raise at
    if kind == "connected":
        start_workers_as_threads()
        _pair.extend(ConnectedPair((number,)) for number in SHARDS)
    else:
        _pair.append(Pair(SHARDS, link_sealed if kind == "sealed" else link))


def _run(batch: campaign.Batch) -> tuple[campaign.Outcome, bool]:
    outcome = campaign.run(batch, _pair[int(batch.seed.rpartition(".")[2]) % len(_pair)])
    if outcome.difference is not None:
        # Only its text travels back.
        say(campaign.report(outcome), end="\n\n")
    return campaign.Outcome(outcome.calls, outcome.scenarios, outcome.seed), bool(
        outcome.difference
    )


def _run_acting(batch: campaign.Batch) -> tuple[campaign.Outcome, bool]:
    _prepare("acting")
    outcome = campaign.Outcome()
    pair = ActingPair()
    while outcome.calls < batch.calls:
        outcome.seed = f"{batch.seed}.{outcome.scenarios}"
        difference = pair.difference(acting_scenario(outcome.seed))
        outcome.scenarios += 1
        outcome.calls += pair.calls
        if difference is not None:
            say(f"seed {outcome.seed}:\n{difference}", end="\n\n")
            return outcome, True
    return outcome, False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--sealed", action="store_true", help="bodies that no router can read")
    kinds.add_argument("--connected", action="store_true", help="through a server, over a socket")
    kinds.add_argument("--acting", action="store_true", help="half of them through an actor")
    options = parser.parse_args()
    chosen = [kind for kind in ("sealed", "connected", "acting") if getattr(options, kind)]
    kind = chosen[0] if chosen else "linked"
    run = _run_acting if options.acting else _run
    say(f"seed {options.seed}")
    started = time.monotonic()
    calls = scenarios = failures = 0
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, _prepare, (kind,)) as pool:
        work = campaign.batches(options.calls, options.seed)
        for outcome, differs in pool.imap_unordered(run, work):
            calls += outcome.calls
            scenarios += outcome.scenarios
            failures += differs
    seconds = time.monotonic() - started
    shards = {
        "linked": "1, 2, 3 and 5 shards",
        "sealed": "1, 2, 3 and 5 shards, bodies sealed",
        "acting": "1, 2, 3 and 5 shards, half of them through an actor",
        "connected": "a server of 1, 2, 3 or 5 shards, over a socket",
    }[kind]
    say(
        f"{calls} calls in {scenarios} scenarios, each on one engine and on {shards}: "
        f"{failures} differences, {seconds:.0f} s, {calls / seconds:.0f} calls a second"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
