"""A sample of the scenarios on real worker processes, over real pipes."""

from __future__ import annotations

import os
from typing import Any

import pytest
from sequences import scenario
from sides import Pair

SEED = os.environ.get("EQUIVALENCE_SEED", "1")


def _started(builder: Any) -> Any:
    return builder.build()


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("shards", [2, 3])
def test_processes_answer_as_one_engine(shards: int, number: int) -> None:
    pair = Pair((shards,), _started)
    difference = pair.difference(scenario(f"{SEED}.process.{shards}.{number}"))
    assert difference is None, str(difference)
    assert pair.calls > 30
