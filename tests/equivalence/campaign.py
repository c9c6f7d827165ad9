"""Many scenarios in batches that cores can share, and what becomes of one that differs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import shrinking
from sequences import scenario

from openpit.shards import intake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sides import Difference, Pair

__all__ = ["REGRESSIONS", "Batch", "Outcome", "batches", "report", "run"]

FAILURES = Path(__file__).parents[2] / "build" / "equivalence"
"""Shrunk scenarios of failures; move one to ``regressions/`` to have it replayed for ever."""

REGRESSIONS = Path(__file__).with_name("regressions")

BATCH_CALLS = 1000

MANY = intake.MANY


@dataclass(frozen=True)
class Batch:
    """Scenarios for at least so many calls."""

    seed: str
    calls: int

    def __str__(self) -> str:
        return self.seed


@dataclass
class Outcome:
    """What a batch came to."""

    calls: int = 0
    scenarios: int = 0
    seed: str = ""
    difference: Difference | None = None


def batches(calls: int, seed: str) -> Iterator[Batch]:
    """Divide calls into batches."""
    for number in range(-(-calls // BATCH_CALLS)):
        yield Batch(f"{seed}.{number}", min(BATCH_CALLS, calls - number * BATCH_CALLS))


def run(batch: Batch, pair: Pair) -> Outcome:
    """Run scenarios until the batch has its calls; stop at the first difference.

    In every other one a shard judges all plain orders at once as far as it can, however few.
    """
    try:
        return _run(batch, pair)
    finally:
        intake.MANY = MANY  # type: ignore[misc]  # as it was


def _run(batch: Batch, pair: Pair) -> Outcome:
    outcome = Outcome()
    while outcome.calls < batch.calls:
        outcome.seed = f"{batch.seed}.{outcome.scenarios}"
        intake.MANY = 1 if outcome.scenarios % 2 else MANY  # type: ignore[misc]  # for tests
        difference = pair.difference(scenario(outcome.seed))
        outcome.scenarios += 1
        outcome.calls += pair.calls
        if difference is not None:
            outcome.difference = shrinking.shrink(difference, pair.difference)  # type: ignore[arg-type, assignment]  # another Difference with the same methods
            _keep(outcome)
            break
    return outcome


def report(outcome: Outcome) -> str:
    """Say what differs, on the smallest scenario that shows it."""
    if outcome.difference is None:
        return f"no difference in {outcome.calls} calls"
    steps = len(outcome.difference.scenario)
    return (
        f"seed {outcome.seed}, shrunk to {steps} steps (kept in {_file(outcome)}):\n"
        f"{outcome.difference}"
    )


def _file(outcome: Outcome) -> Path:
    return FAILURES / f"{outcome.seed}.json"


def _keep(outcome: Outcome) -> None:
    assert outcome.difference is not None
    FAILURES.mkdir(parents=True, exist_ok=True)
    kept = {"about": f"seed {outcome.seed}", "steps": outcome.difference.scenario}
    _file(outcome).write_text(json.dumps(kept, indent=1) + "\n")
