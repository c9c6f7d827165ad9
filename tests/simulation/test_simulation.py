"""Thousands of runs of the router and its shards, each with another order of events.

``OPENPIT_SEEDS`` says which: ``1-500``, ``7``, ``1-50,99``. ``make simulate SEEDS=...`` sets it.
A seed that fails, fails again: ``make simulate SEEDS=<it>``. Unless told, each Python has seeds of
its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from recovering import Recovering
from simulator import Simulation, simulate
from stations import Stub

from openpit.wire import kinds

NOTED = 150
"""Of so many seeds it is noted what happens; their invariants are checked there, too."""

FIRST, LAST = (1, 800) if sys.version_info[:2] == (3, 11) else (1001, 1200)
SEEDS = os.environ.get("OPENPIT_SEEDS", f"{NOTED + 1 if FIRST == 1 else FIRST}-{LAST}")
DYING = os.environ.get("OPENPIT_SEEDS", f"{FIRST}-{FIRST + 199}")
SEEDS_PER_TEST = 100


def _chunks(text: str) -> list[range]:
    """Ranges of seeds, none too long to be one test."""
    chunks = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        end = int(last or first) + 1
        chunks += [
            range(start, min(start + SEEDS_PER_TEST, end))
            for start in range(int(first), end, SEEDS_PER_TEST)
        ]
    return chunks


@pytest.mark.parametrize("seeds", _chunks(SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_the_invariants_hold_after_every_event(seeds: range) -> None:
    for seed in seeds:
        simulate(seed)


@pytest.mark.parametrize("seeds", _chunks(DYING)[:2], ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_they_hold_with_shards_that_die_and_come_back(seeds: range) -> None:
    runs = [simulate(seed, Recovering) for seed in seeds]
    assert sum(run.recovered for run in runs if isinstance(run, Recovering)) > len(runs) / 2


# --- what a simulation is worth ------------------------------------------------------------------

_TRACES = """
import sys
sys.path[:0] = sys.argv[1:]
from recovering import Recovering
from simulator import simulate
print(" ".join(simulate(seed).trace for seed in range(1, 13)))
"""


def test_the_same_seed_gives_the_same_trace() -> None:
    traces = [simulate(seed).trace for seed in range(1, 13)]
    assert traces == [simulate(seed).trace for seed in range(1, 13)]
    assert len(set(traces)) == 12
    # Nor does it depend on what differs from one process to the next.
    folder = Path(__file__).parent
    told = subprocess.run(
        [sys.executable, "-c", _TRACES, str(folder), str(folder.parent / "support")],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == traces


def test_a_shard_is_a_function_of_its_commands() -> None:
    for seed in range(1, 31):
        for shard in simulate(seed).shards:
            again = Stub()
            assert [again.receive(portion) for portion in shard.fed] == shard.said


class Noting(Simulation):
    """A simulation that keeps what it notes."""

    def note(self, *what: object) -> None:
        self.noted[what[0]] += 1
        super().note(*what)
        if what[0] == "over":
            self.noted[str(what[2])] += 1

    noted: Counter[object]


@pytest.mark.one_python
def test_much_happens() -> None:
    noted: Counter[object] = Counter()
    commands: Counter[int] = Counter()
    replies: Counter[int] = Counter()
    Noting.noted = noted
    for seed in range(1, NOTED + 1):
        for shard in simulate(seed, Noting).shards:
            commands.update(command[0] for command in shard.seen)
            replies.update(reply[0] for reply in shard.answers.values())
    for event in (
        *("kill", "garbage", "end", "nonsense", "stall"),
        *("expire", "given up", "cancel", "forget", "quote"),
    ):
        assert noted[event] > 5, event
    # A whole order is one that a custom policy sees more of than its flat row; here none is. It is
    # a server alone that asks for the axes, and its sessions that ask of market data.
    absent = {kinds.EXECUTE_WHOLE, kinds.REPORT_WHOLE, kinds.TELL_AXES, kinds.ASK_MARKET}
    # Keys are tested by tests/equivalence/twice.py, what a journal has left open, what was missed
    # and what became of a call by tests/recovery.
    absent |= {kinds.KEYED, kinds.ASK_LEFT, kinds.DROP_LEFT, kinds.ASK_OUTCOME, kinds.ASK_MISSED}
    absent.add(kinds.TELL_TALLIES)  # a server's and an engine's metrics
    assert set(kinds.COMMANDS) - set(commands) <= absent
    # Nor does a shard of the simulation have a journal to recover from.
    absent = {kinds.REFUSED, kinds.RECOVERED, kinds.LEFT, kinds.ONCE, kinds.OUTCOME, kinds.TALLIES}
    absent |= {kinds.MISSED, kinds.REJECTED_ALIKE}  # a custom policy is asked of each order
    assert set(kinds.REPLIES) - set(replies) <= absent
    outcomes = "".join(str(note) for note in noted)
    for name in ("OutcomeUnknown", "ShardDown", "ShardOverloaded", "ShardStalled", "EngineClosed"):
        assert name in outcomes, name
