"""Half of the calls through an actor: the answers of one engine with that code in the caller.

``EQUIVALENCE_CALLS`` and ``EQUIVALENCE_SEED`` set how many calls and which; ``full.py --acting``
makes many more.
"""

from __future__ import annotations

import json
import os
import sys

import pytest
from acting import ActingPair, acting_scenario
from sealing import link_sealed
from switched import link_switched

SCENARIOS = int(os.environ.get("EQUIVALENCE_CALLS", "12000")) // 400
SEED = os.environ.get("EQUIVALENCE_SEED", f"{sys.version_info.minor}")


@pytest.mark.parametrize("number", range(SCENARIOS))
def test_any_number_of_shards_answers_as_one_engine(number: int) -> None:
    difference = ActingPair().difference(acting_scenario(f"{SEED}.{number}"))
    assert difference is None, str(difference)


@pytest.mark.parametrize("number", range(SCENARIOS // 5))
def test_a_client_of_a_server_answers_as_one_engine(number: int) -> None:
    pair = ActingPair((1, 3), link_switched)
    difference = pair.difference(acting_scenario(f"{SEED}.server.{number}"))
    assert difference is None, str(difference)


@pytest.mark.parametrize("number", range(SCENARIOS // 5))
@pytest.mark.one_python
def test_bodies_that_the_router_cannot_read_are_answered_alike(number: int) -> None:
    pair = ActingPair((1, 3), link_sealed)
    difference = pair.difference(acting_scenario(f"{SEED}.sealed.{number}"))
    assert difference is None, str(difference)


def test_half_of_the_calls_go_through_an_actor() -> None:
    steps = [step for number in range(20) for step in acting_scenario(f"1.{number}")]
    through = sum(step[0] in {"message", "messages", "tell"} for step in steps)
    assert 0.4 < through / len(steps) < 0.6
    inner = {name for step in steps if step[0] == "message" for name, *_ in step[2]}
    assert {"order", "commit", "keep", "end", "dry", "drop_copy", "fail", "call"} <= inner
    assert json.loads(json.dumps(steps)) == steps
