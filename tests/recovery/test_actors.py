"""Actors of an engine with a journal: part of their shard, and back with it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Any

import pytest
from acting_day import ActingDay
from click.testing import CliRunner
from crashing import Crashing
from flow import account
from gateways import Gateway, answered, message
from killing import OFTEN, pid_of
from makers import deposit, order

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.errors import ActorScopeError, CommandSkipped, JournalMismatch, ReplayDiverged
from openpit.pretrade import Policy, PolicyPreTradeResult
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)

if TYPE_CHECKING:
    from openpit.param import AccountId

pytestmark = pytest.mark.one_python


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (3, 3)])
def test_a_day_with_messages_is_the_same_whatever_ends(
    tmp_path: Path, seed: int, shards: int
) -> None:
    day = ActingDay(tmp_path / "journal", seed, shards=shards, **OFTEN)

    for life in range(2):
        day.trade(50)
        day.compare()
        day.come_back(kills=life % 2 == 0)
        day.compare()

    day.trade(20)
    day.compare()
    day.close()
    assert day.calls > 60
    assert day.kills > 1


class Watching(Policy):
    """Writes down whether it is told again."""

    name = "Watching"

    def __init__(self, path: str) -> None:
        self.path = path

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        note(self.path, f"policy {ctx.is_replaying}")
        return PolicyPreTradeResult.accept()


class Watcher(Gateway):
    """Writes down what becomes of it."""

    def __init__(self, path: str, engine: openpit.ActorEngine, shard: int) -> None:
        super().__init__(engine, shard)
        self.path = path
        note(path, f"made {engine.is_replaying}")

    def on_start(self) -> None:
        note(self.path, f"started {self.engine.is_replaying}")

    def on_close(self) -> None:
        note(self.path, f"closed {self.engine.is_replaying}")

    def receive(self, account_id: AccountId, message: bytes) -> bytes | None:
        note(self.path, f"received {self.engine.is_replaying}")
        return super().receive(account_id, message)


class WatcherOf:
    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, engine: openpit.ActorEngine, shard: int) -> Watcher:
        return Watcher(self.path, engine, shard)


def note(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


def test_it_is_made_anew_and_told_again_and_ends_once_a_process(tmp_path: Path) -> None:
    notes = tmp_path / "notes"

    def built() -> openpit.ShardedEngine:
        stage = openpit.Engine.builder().sharded(1, journal=tmp_path / "desk", **OFTEN)
        ready = stage.builtin(build_spot_funds()).pre_trade(Watching(str(notes)))
        return ready.actor("gateway", WatcherOf(str(notes))).build()

    def ask(engine: openpit.ShardedEngine, *steps: list[Any]) -> Any:
        return answered(engine.ask("gateway", account(1), message(*steps)))

    with built() as engine:
        assert ask(engine, ["deposit", "1000"], ["keep", "a", "1"]) == [True, "kept"]
        assert ask(engine, ["keep", "b", "1"]) == ["kept"]
    with built() as engine:  # what it has kept, it has still
        assert ask(engine, ["state"]) == [[629.0, 371.0, 2]]
        assert ask(engine, ["end", "a", "commit"], ["end", "b", "rollback"]) == [
            "commit",
            "rollback",
        ]
        assert ask(engine, ["state"]) == [[814.5, 185.5, 0]]

    assert notes.read_text().splitlines() == [
        *("made False", "started False"),
        *("received False", "policy False", "received False", "policy False", "closed False"),
        *("made False", "started False"),
        *("received True", "policy True", "received True", "policy True"),
        *["received False"] * 3,
        "closed False",
    ]


def test_another_factory_is_another_engine(tmp_path: Path) -> None:
    notes = str(tmp_path / "notes")

    def built(**actors: Any) -> openpit.ShardedEngine:
        stage = (
            openpit.Engine.builder()
            .sharded(1, journal=tmp_path / "desk")
            .builtin(build_spot_funds())
        )
        for name, factory in actors.items():
            stage = stage.actor(name, factory)
        return stage.build()

    built(gateway=Gateway, other=WatcherOf(notes)).close()
    for actors, difference in (
        ({"gateway": Gateway}, "actor other is not there"),
        ({"gateway": Gateway, "other": WatcherOf(notes), "third": Gateway}, "actor third is new"),
        (
            {"gateway": Gateway, "other": WatcherOf(f"{notes}2")},
            "actor other: factory is sha256 .*, and was sha256 ",
        ),
        (
            {"other": WatcherOf(notes), "gateway": Gateway},
            "its actors are in the order other, gateway, and were gateway, other",
        ),
    ):
        with pytest.raises(JournalMismatch, match=difference) as refused:
            built(**actors)
        assert len(refused.value.differences) == 1


class Moody(Gateway):
    """Answers by chance."""

    def receive(self, account_id: AccountId, message: bytes) -> bytes:
        return str(random()).encode()


def test_one_that_reads_more_than_its_messages_is_caught_by_name(tmp_path: Path) -> None:
    def built() -> openpit.ShardedEngine:
        stage = openpit.Engine.builder().sharded(1, journal=tmp_path)
        return stage.builtin(build_order_validation()).actor("moody", Moody).build()

    with built() as engine:
        engine.ask("moody", account(1), b"")

    with pytest.raises(ReplayDiverged, match="one of the actors moody reads more than its input"):
        built()


@pytest.mark.parametrize("is_told", [True, False])
def test_a_message_in_hand_when_its_worker_ends_is_received_again(
    tmp_path: Path, *, is_told: bool
) -> None:
    """It raises at what has been told, which is counted once, and kills its worker but once."""
    policy = Crashing("in a policy", tmp_path / "crashed")
    stage = openpit.Engine.builder().sharded(1, journal=tmp_path / "desk", **OFTEN)
    ready = stage.builtin(build_spot_funds()).pre_trade(policy).actor("gateway", Gateway)
    with ready.build() as engine:
        assert engine.ask("gateway", account(1), message(["deposit", "100000"]))
        pid = pid_of(engine, 0)
        steps = message(["commit", "77"], *([["fail", "ValueError", "no"]] if is_told else []))

        if is_told:
            engine.tell("gateway", account(1), steps)
        else:
            assert answered(engine.ask("gateway", account(1), steps)) == ["committed"]

        state = answered(engine.ask("gateway", account(1), message(["state"])))
        assert state == [[100000 - 77 * 185.5, 77 * 185.5, 0]]
        assert (engine.stats()[0].restarts, engine.stats()[0].told_in_vain) == (1, is_told)
        assert pid_of(engine, 0) != pid


def test_of_many_messages_that_count_the_one_that_ends_its_worker_is_skipped(
    tmp_path: Path,
) -> None:
    """What it had declared, on two axes, is given back; what the others had, too."""
    hour = timedelta(hours=1)
    rates = (
        build_rate_limit()
        .broker_barrier(RateLimitBrokerBarrier(RateLimit(20, hour)))
        .asset_barriers(RateLimitAssetBarrier(RateLimit(9, hour), "USD"))
    )
    stage = openpit.Engine.builder().sharded(1, journal=tmp_path / "desk", **OFTEN)
    ready = stage.builtin(rates).builtin(build_spot_funds())
    ready = ready.pre_trade(Crashing("in a policy", None)).actor("gateway", Gateway)
    with ready.build() as engine:
        for number in (1, 2, 3):
            engine.apply_account_adjustment(account(number), [deposit("USD", "100000")])
        declared = {"USD": 2, "EUR": 3}
        items = [
            (account(number), message(["commit", quantity]), declared)
            for number, quantity in ((1, "1"), (2, "77"), (3, "2"))
        ]

        with pytest.raises(openpit.SomeItemsFailed) as failed:
            engine.ask_many("gateway", items)

        assert failed.value.indexes == (1,)
        assert isinstance(failed.value.exceptions[0], CommandSkipped)
        answers = [answered(one) for one in failed.value.results]
        assert answers == [["committed"], None, ["committed"]]
        assert engine.stats()[0].restarts == 4
        # Two have counted of 9 in USD; what else was declared counts no more.
        results = [engine.execute_pre_trade(order(1, "1", "10")) for _ in range(8)]
        assert [bool(result) for result in results] == [True] * 7 + [False]


# --- decisions ------------------------------------------------------------------------------------


def test_what_actors_have_done_is_among_the_decisions(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("[order_size_limit]\nbroker = { max_quantity = 100 }\n[spot_funds]\n")
    journal = tmp_path / "desk"
    stage = openpit.Engine.builder().sharded(1, journal=journal, spares=0)
    with openpit.limits.load(limits).add_to(stage).actor("gateway", Gateway).build() as engine:
        first = message(("deposit", "5000"), ("commit", "2"), ("order", "101"), ("start", "3"),
                        ("start", "500"), ("drop_copy", "1"))  # fmt: skip
        answered(engine.ask("gateway", account(7), first))
        engine.execute_pre_trade(order(7, "1", "100"))
        with pytest.raises(ActorScopeError):
            engine.ask("gateway", account(8), message(("order", "1"), ("deposit", "1", 9)))
        last = message(("block", "by the gateway"), ("order", "1"), ("report", "5"))
        engine.tell("gateway", account(7), last)
    command = ["journal", "decisions", str(journal), "--config", str(limits)]

    told = CliRunner().invoke(main, [*command, "--actor", "gateway=gateways:Gateway"])

    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    found = [
        (one.get("actor"), one["kind"], one.get("order"), one["account"], one.get("accepted"),
         one.get("what") or one.get("raised", "").partition(":")[0]
         or [reject["policy"] for reject in one.get("rejects", ())])
        for one in lines if one["kind"] not in {"start", "limits"}
    ]  # fmt: skip
    own = "gateway"
    assert found == [
        (own, "adjustment", None, 7, True, []),
        (own, "order", 1, 7, True, []),
        (own, "order", 2, 7, False, ["OrderSizeLimitPolicy"]),
        (own, "order", 3, 7, True, []),
        (own, "order", 4, 7, False, ["OrderSizeLimitPolicy"]),
        (own, "drop copy", None, 7, True, []),
        (None, "order", 5, 7, True, []),
        (own, "order", 6, 8, False, ["SpotFundsPolicy"]),
        (own, "adjustment", None, 9, False, "openpit.errors.ActorScopeError"),
        (own, "change", None, 7, None, "block"),
        (own, "order", 7, 7, False, ["Engine"]),
        (own, "block", None, 7, False, ["SpotFundsPolicy"]),
    ]
    rows = CliRunner().invoke(
        main, [*command, "--actor", "gateway=gateways:Gateway", "--out", str(tmp_path / "out.csv")]
    )
    assert rows.exit_code == 0, rows.output
    assert (tmp_path / "out.csv").read_text().count(",gateway,") == 11
    assert CliRunner().invoke(main, command).exit_code == Exit.MISMATCH  # an actor is not there
