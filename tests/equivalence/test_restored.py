"""Shards that are brought up from their exported state answer as if they had never ended.

Before each batch, compared with one engine; and after each batch of a run, compared with the shard
that was told all of it.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest
from restored import Recorded, RestoredStub, link_restored, packed_state, restored_from, started
from sequences import scenario
from sides import SHARDS, Pair, Side

from openpit.wire.frames import head_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sides import Scenario

CALLS = int(os.environ.get("EQUIVALENCE_CALLS", "12000")) // 8
SEED = os.environ.get("EQUIVALENCE_SEED", f"{sys.version_info.minor}") + ".restored"
BATCHES = 4


def scenarios(seed: str) -> Iterator[tuple[str, Scenario]]:
    """Yield scenarios of the built-in policies."""
    for number in count():
        steps = scenario(f"{seed}.{number}")
        text = json.dumps(steps)
        if '["policy"' not in text:
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


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.one_python
def test_the_state_after_any_batch_and_the_rest_are_the_state_after_all(shards: int) -> None:
    seen = 0
    own, priced = (scenarios(f"{SEED}.{shards}.{market}") for market in (False, True))
    quoted = (one for one in priced if '"push_by_instrument"' in json.dumps(one[1]))
    for _, steps in (next(own), next(quoted)):
        recorded = Recorded()
        side = Side(shards, set(), {}, recorded.link)
        for step in steps:
            side.step(step)
        for hello, batches in recorded.runs():
            seen += len(batches)
            assert_any_part_is_enough(hello, batches)
        side.close()
    assert seen > 50


def assert_any_part_is_enough(hello: bytes, batches: list[tuple[bytes, bytes]]) -> None:
    """Compare each state and the rest behind it with the whole: all answers, the last state."""
    whole = started(hello)
    states = [packed_state(whole)]
    for sent, answered in batches:
        assert whole.receive(sent) == answered
        states.append(packed_state(whole))
    for place, state in enumerate(states):
        core = restored_from(state, hello)
        head = head_of(batches[place - 1][0] if place else hello)
        core.resume(0, head.first + head.commands)
        for sent, answered in batches[place:]:
            assert core.receive(sent) == answered
        assert packed_state(core) == states[-1]
