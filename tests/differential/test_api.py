"""Every public name of the reference is here, with the same shape; what is ours alone is listed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import runner

LISTING = Path(__file__).with_name("listing.py")

#: Names that only we have, and why; a class stands for all that is in it.
ADDITIONS: dict[str, str] = {
    "openpit.AccountAdjustmentContext.is_replaying": "there is no journal",
    "openpit.ActorEngine": "the engine that an actor is given",
    "openpit.ActorScopeError": "what an actor may not do",
    "openpit.AsyncShardedEngine": "the sharded engine for asyncio",
    "openpit.CallOutcome": "what outcome() of a sharded engine returns",
    "openpit.Configurator.apply_all": "settings of several policies, all of them or none",
    "openpit.Engine.account_state": "the API has no reader",
    "openpit.Engine.apply_execution_report_many": "volume",
    "openpit.Engine.commit_many": "volume",
    "openpit.Engine.execute_pre_trade_many": "volume",
    "openpit.Engine.groups": "as account_state",
    "openpit.Engine.halt": "an operator stops all orders",
    "openpit.Engine.halted": "as halt",
    "openpit.Engine.resume": "as halt",
    "openpit.Engine.rollback_many": "volume",
    "openpit.Engine.settings": "as account_state",
    "openpit.EngineBuilder.clock": "time can be given, so that replays decide the same",
    "openpit.EngineBuilder.sharded": "more than one core",
    "openpit.EngineClosed": "as OutcomeUnknown",
    "openpit.MissedAnswer": "what missed_answers() of a sharded engine tells",
    "openpit.MissedAnswers": "as MissedAnswer",
    "openpit.Mutation.commit": "slots make the fields of a dataclass visible on its class",
    "openpit.Mutation.rollback": "as Mutation.commit",
    "openpit.NotPermitted": "what a session of a server may not",
    "openpit.Observer": "what a program hears of an engine of several processes",
    "openpit.OutcomeUnknown": "what only an engine of several processes can raise",
    "openpit.PastEngine": "an engine as its journal says it stood",
    "openpit.ServerRefused": "why there is no session with a server",
    "openpit.ShardCallbackError": "as OutcomeUnknown",
    "openpit.SomeItemsFailed": "of calls over many items",
    "openpit.ShardDown": "as OutcomeUnknown",
    "openpit.ShardOverloaded": "as OutcomeUnknown",
    "openpit.ShardStartError": "as OutcomeUnknown",
    "openpit.ShardStats": "what a shard has done",
    "openpit.ShardedEngine": "the engine over several worker processes",
    "openpit.ShardedEngineError": "as OutcomeUnknown",
    "openpit.account_adjustment": "a submodule that the reference has but does not list",
    "openpit.connect": "an engine that programs share",
    "openpit.connect_async": "as connect",
    "openpit.core": "as account_adjustment",
    "openpit.errors": "every exception, and the tree of them",
    "openpit.AccountAdjustmentContext.now": "as openpit.pretrade.Context.now",
    "openpit.core.AccountAdjustmentContext.now": "as openpit.pretrade.Context.now",
    "openpit.core.AccountAdjustmentContext.is_replaying": "as of openpit.AccountAdjustmentContext",
    "openpit.core.Mutation.commit": "as openpit.Mutation.commit",
    "openpit.core.Mutation.rollback": "as openpit.Mutation.commit",
    "openpit.pretrade.Context.is_replaying": "as openpit.AccountAdjustmentContext.is_replaying",
    "openpit.pretrade.Context.now": "policies have no clock of their own that a replay could know",
    "openpit.pretrade.PostTradeContext.is_replaying": "as of Context",
    "openpit.pretrade.PostTradeContext.now": "as of Context",
    "openpit.pretrade.AccountState": "what Engine.account_state() returns",
    "openpit.pretrade.GroupState": "of Engine.groups()",
    "openpit.pretrade.Holding": "of an AccountState",
    "openpit.pretrade.OpenHandles": "as Holding",
    "openpit.pretrade.OpenReservation": "of a journal",
    "openpit.pretrade.PolicyState": "as Holding",
    "openpit.pretrade.RealizedPnl": "as Holding",
    "openpit.pretrade.AsyncDropCopyOperation": "handles of the sharded engine for asyncio",
    "openpit.pretrade.AsyncDropCopyResult": "what DropCopyResult is there, to a type checker",
    "openpit.pretrade.AsyncExecuteResult": "what ExecuteResult is there, to a type checker",
    "openpit.pretrade.AsyncRequest": "as AsyncDropCopyOperation",
    "openpit.pretrade.AsyncReservation": "as AsyncDropCopyOperation",
    "openpit.pretrade.AsyncStartResult": "what StartResult is there, to a type checker",
    "openpit.pretrade.policies.DEFAULT_POLICY_GROUP_ID": "there, but not listed",
    "openpit.pretrade.policies.OrderSizeLimitReadyBuilder.NAME": "as on the builder before it",
    "openpit.pretrade.policies.PnlBoundsKillswitchReadyBuilder.NAME": "as on the builder before",
    "openpit.pretrade.policies.RateLimitReadyBuilder.NAME": "as on the builder before it",
    "openpit.pretrade.policy": "as account_adjustment",
}

pytestmark = [pytest.mark.reference, pytest.mark.one_python]

Listing = dict[str, dict[str, dict[str, Any]]]


def _listing(path: Path) -> Listing:
    done = subprocess.run(
        [sys.executable, str(LISTING), str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=path,
    )
    found: Listing = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def theirs(reference: Path) -> Listing:
    return _listing(reference)


@pytest.fixture(scope="module")
def mine(ours: Path) -> Listing:
    return _listing(ours)


def _flat(listing: Listing) -> dict[str, dict[str, Any]]:
    """Every name and every attribute of a class by its dotted path."""
    flat: dict[str, dict[str, Any]] = {}
    for module, names in listing.items():
        for name, description in names.items():
            flat[f"{module}.{name}"] = description
            for attribute, shape in description.get("attributes", {}).items():
                flat[f"{module}.{name}.{attribute}"] = shape
    return flat


def test_no_name_is_missing(theirs: Listing, mine: Listing) -> None:
    assert sorted(_flat(theirs).keys() - _flat(mine).keys()) == []


def test_what_is_ours_alone_is_listed(theirs: Listing, mine: Listing) -> None:
    alone = _flat(mine).keys() - _flat(theirs).keys()
    unlisted = {
        path for path in alone if path not in ADDITIONS and path.rpartition(".")[0] not in ADDITIONS
    }
    assert sorted(unlisted) == []


def test_kinds_and_modules_are_the_same(theirs: Listing, mine: Listing) -> None:
    ours = _flat(mine)
    facts = ("is", "module", "name", "exception", "bases", "value", "text")
    different = {
        path: [{fact: side.get(fact) for fact in facts} for side in (shape, ours[path])]
        for path, shape in _flat(theirs).items()
        if path in ours and any(shape.get(fact) != ours[path].get(fact) for fact in facts)
    }
    assert different == {}


def test_enumerations_have_the_same_members_in_the_same_order(
    theirs: Listing, mine: Listing
) -> None:
    ours = _flat(mine)
    enumerations = {path: shape for path, shape in _flat(theirs).items() if "members" in shape}
    assert len(enumerations) == 12
    for path, shape in enumerations.items():
        assert list(ours[path]["members"].items()) == list(shape["members"].items()), path


def test_signatures_are_the_same(theirs: Listing, mine: Listing) -> None:
    ours = _flat(mine)
    different = {
        path: [shape["parameters"], ours[path].get("parameters")]
        for path, shape in _flat(theirs).items()
        if path in ours
        and not _unsaid(shape.get("parameters"))
        and shape["parameters"] != _public(ours[path].get("parameters"))
    }
    assert different == {}


def _unsaid(parameters: list[list[Any]] | None) -> bool:
    """Whether the reference only says ``*args, **kwargs``, or nothing."""
    return parameters is None or [kind for _, kind, _ in parameters] == [
        "VAR_POSITIONAL",
        "VAR_KEYWORD",
    ]


def _public(parameters: list[list[Any]] | None) -> list[list[Any]] | None:
    """Without the parameters of a class that only refuses to be constructed."""
    if parameters is None:
        return None
    return [parameter for parameter in parameters if not parameter[0].startswith("_")]


def test_the_canonical_form_leaves_no_attribute_out(theirs: Listing) -> None:
    left_out = {}
    for path, shape in _flat(theirs).items():
        name = shape.get("name")
        if shape["is"] != "class" or name in runner.TEXTUAL or name in {"Lock", "Policy"}:
            continue  # written out by their text, by their entries, by the user
        attributes = {
            attribute
            for attribute, described in shape["attributes"].items()
            if described["is"] == "attribute"
        }
        missing = attributes - set(runner.FIELDS.get(name, ()))
        if missing and not shape["exception"] and "members" not in shape:
            left_out[path] = sorted(missing)
    assert left_out == {}
