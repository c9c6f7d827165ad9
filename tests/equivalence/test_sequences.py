"""One engine and 1, 2, 3 and 5 shards: the same answers to any calls made one at a time.

``EQUIVALENCE_CALLS`` and ``EQUIVALENCE_SEED`` set how many calls and which; ``full.py`` makes many
more on all cores. Unless told, each Python has a seed of its own.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import campaign
import pytest
from sealing import link_sealed
from sequences import scenario
from sides import Pair, Side, link_async

import openpit
from openpit.engine.accounts import Accounts
from openpit.engine.configurator import Configurator
from openpit.faces.handles import (
    EngineDropCopyOperation,
    EngineRequest,
    FundsReservation,
    GeneralReservation,
    IdleReservation,
)
from openpit.marketdata import MarketDataService
from openpit.pretrade import policies

if TYPE_CHECKING:
    from pathlib import Path

CALLS = int(os.environ.get("EQUIVALENCE_CALLS", "12000"))
SEED = os.environ.get("EQUIVALENCE_SEED", f"{sys.version_info.minor}")

PUBLIC = (
    openpit.Engine,
    Accounts,
    Configurator,
    EngineRequest,
    EngineDropCopyOperation,
    MarketDataService,
)
RESERVATIONS = (IdleReservation, GeneralReservation, FundsReservation)
POLICIES = frozenset(name for name in policies.__all__ if name.startswith("build_"))


@pytest.mark.parametrize("batch", list(campaign.batches(CALLS, SEED)), ids=str)
def test_any_number_of_shards_answers_as_one_engine(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair())
    assert outcome.difference is None, campaign.report(outcome)
    assert outcome.calls >= batch.calls


@pytest.mark.parametrize("batch", list(campaign.batches(CALLS // 5, SEED)), ids=str)
@pytest.mark.one_python
def test_bodies_that_the_router_cannot_read_are_answered_alike(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair((1, 3), link_sealed))
    assert outcome.difference is None, campaign.report(outcome)
    assert outcome.calls >= batch.calls


@pytest.mark.parametrize("batch", list(campaign.batches(CALLS // 5, f"{SEED}.async")), ids=str)
def test_the_asyncio_face_answers_as_one_engine(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair((1, 3), link_async))
    assert outcome.difference is None, campaign.report(outcome)
    assert outcome.calls >= batch.calls


@pytest.mark.parametrize(
    "file", sorted(campaign.REGRESSIONS.glob("*.json")), ids=lambda file: file.stem
)
def test_what_once_differed_is_alike(file: Path) -> None:
    kept = json.loads(file.read_text())
    difference = Pair().difference(kept["steps"])
    assert difference is None, f"{kept['about']}\n{difference}"


# --- what the scenarios reach ---------------------------------------------------------------------


class Reach:
    """What some scenarios came to on one engine: the same ones whatever the seed of the rest."""

    def __init__(self, seeds: int) -> None:
        self.made: set[str] = set()
        self.answers: list[Any] = []
        for number in range(seeds):
            side = Side(None, self.made, {})
            self.answers += [side.step(step) for step in scenario(f"1.0.{number}")]
            side.close()

    def of(self, name: str) -> list[Any]:
        """The fields of all results of a class."""
        return [
            answer["result"][1]
            for answer in self.answers
            if isinstance(answer.get("result"), list) and answer["result"][:1] == [name]
        ]


def _methods(kind: type) -> set[str]:
    return {
        f"{kind.__name__}.{name}"
        for name in dir(kind)
        if not name.startswith("_") and callable(inspect.getattr_static(kind, name, None))
    }


def test_every_method_of_an_engine_is_there_with_shards() -> None:
    names = {name for name in dir(openpit.Engine) if not name.startswith("_")}
    assert names - set(dir(openpit.ShardedEngine)) <= {"builder"}


@pytest.mark.one_python
def test_scenarios_reach_every_public_method_and_built_in_policy_and_come_to_something() -> None:
    """One test, for each process of tests that took one of several would play them all again."""
    reach = Reach(340)

    for kind in PUBLIC:
        methods = _methods(kind)
        assert methods
        # The one static method makes what the others are methods of.
        assert methods - {"Engine.builder"} - reach.made == set(), kind
    for kind in RESERVATIONS:
        assert {f"{kind.__name__}.{end}" for end in ("commit", "rollback")} <= reach.made
    assert {f"pretrade.policies.{name}" for name in POLICIES} - reach.made == set()
    executed = reach.of("ExecuteResult")
    assert sum(result["ok"] for result in executed) > 300
    assert sum(not result["ok"] for result in executed) > 300
    codes = {reject[1]["code"] for result in executed for reject in result["rejects"]}
    assert codes > {
        "AccountBlocked",
        "InsufficientFunds",
        "MissingRequiredField",
        "OrderQtyExceedsLimit",
        "PnlKillSwitchTriggered",
        "RateLimitExceeded",
        "SystemUnavailable",
    }
    reports = reach.of("PostTradeResult")
    assert sum(bool(result["account_adjustments"]) for result in reports) > 50
    assert sum(bool(result["account_blocks"]) for result in reports) > 50
