"""Shards that are brought up from their exported state before each batch answer as one engine."""

from __future__ import annotations

import json
import os
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest
from restored import RestoredStub, link_restored
from sequences import scenario
from sides import SHARDS, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sides import Scenario

CALLS = int(os.environ.get("EQUIVALENCE_CALLS", "12000")) // 4
SEED = os.environ.get("EQUIVALENCE_SEED", f"{sys.version_info.minor}") + ".restored"
BATCHES = 4


def scenarios(seed: str) -> Iterator[tuple[str, Scenario]]:
    """Yield scenarios of the built-in policies, none of which reads market data."""
    for number in count():
        steps = scenario(f"{seed}.{number}")
        text = json.dumps(steps)
        if '["policy"' not in text and "arketData" not in text:
            yield f"{seed}.{number}", steps


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.one_python
def test_a_shard_of_a_state_answers_as_the_one_that_it_was_taken_of(batch: int) -> None:
    pair = Pair(SHARDS, link_restored)
    before, calls = RestoredStub.restored, 0
    for seed, steps in scenarios(f"{SEED}.{batch}"):
        difference = pair.difference(steps)
        assert difference is None, f"{seed}:\n{difference}"
        calls += pair.calls
        if calls >= CALLS / BATCHES:
            break
    assert RestoredStub.restored - before > calls  # on each of four engines, and more of their own
