"""Batches of scenarios: how many of which area, and what to do with a difference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generators import AREAS, scenario
from reference_wheel import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comparison import Difference, Pair
    from generators.expressions import Scenario

#: Shrunk scenarios of failures; move one to ``regressions/`` to have it replayed for ever.
FAILURES = PROJECT / "build" / "differential"
REGRESSIONS = Path(__file__).with_name("regressions")

#: Calls per batch: small enough to spread over the cores, large enough to be worth a process.
BATCH_CALLS = 500


@dataclass(frozen=True)
class Batch:
    """Scenarios of one area, enough for about ``calls`` calls."""

    area: str
    seed: str
    calls: int

    def __str__(self) -> str:
        return f"{self.area}-{self.seed}"


@dataclass
class Outcome:
    """What a batch came to."""

    calls: int = 0
    scenarios: int = 0
    difference: Difference | None = None
    seed: str = ""


def batches(calls: int, seed: str, areas: tuple[str, ...] = ()) -> Iterator[Batch]:
    """At least ``calls`` calls, divided over the areas by their shares."""
    chosen = {area: share for area, (_, share) in AREAS.items() if not areas or area in areas}
    total = sum(chosen.values())
    for area, share in chosen.items():
        wanted = -(-calls * share // total)
        for number in range(-(-wanted // BATCH_CALLS)):
            yield Batch(area, f"{seed}.{number}", min(BATCH_CALLS, wanted - number * BATCH_CALLS))


def run(batch: Batch, pair: Pair) -> Outcome:
    """Run scenarios until the batch has its calls; stops at the first difference."""
    outcome = Outcome()
    while outcome.calls < batch.calls:
        outcome.seed = f"{batch.seed}.{outcome.scenarios}"
        steps = scenario(batch.area, outcome.seed)
        difference = pair.difference(steps)
        outcome.scenarios += 1
        outcome.calls += pair.calls
        if difference is not None:
            outcome.difference = pair.shrink(difference)
            _keep(batch, outcome)
            break
    return outcome


def report(batch: Batch, outcome: Outcome) -> str:
    return (
        f"{batch.area}: seed {outcome.seed}, shrunk to {len(outcome.difference.scenario)} steps"
        f" (kept in {_file(batch, outcome)}):\n{outcome.difference}"
        if outcome.difference
        else f"{batch}: no difference in {outcome.calls} calls"
    )


def _file(batch: Batch, outcome: Outcome) -> Path:
    return FAILURES / f"{batch.area}-{outcome.seed}.json"


def _keep(batch: Batch, outcome: Outcome) -> None:
    assert outcome.difference is not None
    FAILURES.mkdir(parents=True, exist_ok=True)
    text = written(f"{batch.area}, seed {outcome.seed}", outcome.difference.scenario)
    _file(batch, outcome).write_text(text)


def written(about: str, steps: Scenario) -> str:
    """A scenario file, a step a line."""
    lines = ",\n  ".join(json.dumps(step) for step in steps)
    return f'{{\n "about": {json.dumps(about)},\n "steps": [\n  {lines}\n ]\n}}\n'
