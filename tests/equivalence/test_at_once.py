"""Engines whose shards judge orders at once: policies that are built in and reserve nothing."""

from __future__ import annotations

from collections import Counter
from itertools import count, islice
from typing import TYPE_CHECKING

from sequences import scenario
from sides import Pair

from openpit.engine.all_at_once import AllAtOnce
from openpit.pretrade.alike_rejects import RefusedRuns
from openpit.shards import intake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest
    from generators.expressions import Scenario

    from openpit.pretrade.policy_contract import OrderColumns

SEED = "at once"
SCENARIOS = 24


def scenarios() -> Iterator[Scenario]:
    """Those whose orders a shard can judge at once."""
    for number in count():
        made = scenario(f"{SEED}.{number}")
        engine = str(next(step for step in made if step.get("as") == "e"))
        if "build_spot_funds" not in engine and "['policy', " not in engine:
            yield made


def test_they_answer_as_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MANY", 1)  # however few they are
    came_to: Counter[str] = Counter()
    judge = AllAtOnce.doubtful

    def doubtful(self: AllAtOnce, orders: OrderColumns) -> Sequence[int] | RefusedRuns | None:
        places = judge(self, orders)
        if isinstance(places, RefusedRuns):
            came_to["refused"] += 1
        else:
            came_to["one by one" if places is None else "some" if places else "at once"] += 1
        return places

    monkeypatch.setattr(AllAtOnce, "doubtful", doubtful)
    pair = Pair()
    for made in islice(scenarios(), SCENARIOS):
        difference = pair.difference(made)
        assert difference is None, difference
    assert {"one by one", "some", "at once", "refused"} <= came_to.keys(), came_to
