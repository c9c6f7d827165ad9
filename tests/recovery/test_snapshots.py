"""Engines that take snapshots: they begin with them, and are what they would have been without."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from killing import OFTEN, KilledDay, pid_of
from makers import account, deposit, order
from processes import children_of, wait_until
from recovery_policies import Exported
from trading import Day, with_policies

import openpit
from openpit.errors import JournalDamaged, JournalError
from openpit.journal.files import DISK
from openpit.journal.snapshots import snapshots_of
from openpit.journal.writing import LogWriter
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.shards.snapshots import LEAST_COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def numbers_in(journal: Path, shard: int = 0) -> list[int]:
    return [one.number for one in snapshots_of(DISK, journal / f"shard-{shard:04d}")]


def firsts_in(journal: Path, shard: int = 0) -> list[int]:
    return sorted(int(path.stem) for path in (journal / f"shard-{shard:04d}").glob("*.log"))


class ExportedDay(Day):
    """A day with a policy whose state is in snapshots."""

    def ready(self, stage: Any) -> Any:
        return with_policies(stage, Exported())


class ExportedKilledDay(KilledDay, ExportedDay):
    """The same, and its workers are killed."""


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (12, 3)])
def test_a_day_of_lives_that_begin_with_snapshots_is_the_day_of_one_engine(
    tmp_path: Path, seed: int, shards: int
) -> None:
    day = ExportedDay(tmp_path / "journal", seed, shards=shards, snapshot_every=2000)

    for _ in range(16):
        day.pay()
    for life in range(5):
        day.trade(50)
        day.compare()
        day.come_back(kills=life == 2)
        day.compare()

    day.close()
    for shard in range(shards):
        assert len(numbers_in(day.journal, shard)) == 2
        assert firsts_in(day.journal, shard)[0] > 1
    assert day.accepted > 5
    assert day.rejected > 10


def test_workers_that_are_killed_come_back_from_their_snapshots(tmp_path: Path) -> None:
    """At any time: also while a copy is at work, and before the answers to what it has are told."""
    day = ExportedKilledDay(tmp_path / "journal", 14, shards=2, snapshot_every=300, **OFTEN)
    for life in range(3):
        for _ in range(8):
            day.pay()
        day.trade(40)
        day.compare()
        day.come_back(kills=life == 1)
    day.compare()
    assert day.kills > 2
    assert numbers_in(day.journal)
    day.close()


def funds(journal: Path, **options: Any) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().sharded(1, journal=journal, **options)
    return stage.builtin(build_order_validation()).builtin(build_spot_funds()).build()


def test_snapshots_are_taken_while_it_trades_and_the_rest_is_what_is_replayed(
    tmp_path: Path,
) -> None:
    orders = [order(number % 50, "1", "1") for number in range(LEAST_COMMANDS // 2)]
    with funds(tmp_path, snapshot_every=1000, **OFTEN) as engine:
        for number in range(50):
            engine.apply_account_adjustment(account(number), [deposit("USD", "1000")])
        for _ in range(4):
            for result in engine.execute_pre_trade_many(orders):
                result.reservation.commit()
        assert wait_until(lambda: len(numbers_in(tmp_path)) >= 2)
        before = engine.account_state(account(7))
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGKILL)

        assert engine.account_state(account(7)) == before

        assert pid_of(engine, 0) != pid

        def has_no_copy() -> bool:  # a worker takes note of its copy's end at its next command
            return engine.account_state(account(7)) == before and not children_of(pid_of(engine, 0))

        assert wait_until(has_no_copy)


def test_one_byte_of_the_last_snapshot_costs_a_replay_and_of_both_the_start(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        with funds(tmp_path) as engine:
            engine.apply_account_adjustment(account(1), [deposit("USD", "5")])
    *_, last = snapshots_of(DISK, tmp_path / "shard-0000")
    damage(last.path)

    with funds(tmp_path) as engine:
        (state,) = engine.account_state(account(1)).policies
        assert str(state.holdings[0].available.decimal) == "15"
    assert f"openpit: shard 0: a snapshot is not used: {last.path} at " in capfd.readouterr().err

    for file in snapshots_of(DISK, tmp_path / "shard-0000"):
        damage(file.path)
    with pytest.raises(JournalDamaged, match="is not there, nor in a snapshot"):
        funds(tmp_path)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def test_without_snapshots_all_of_the_log_stays_and_is_replayed(tmp_path: Path) -> None:
    for _ in range(3):
        with funds(tmp_path, snapshot_every=0) as engine:
            engine.execute_pre_trade(order(1))
    assert numbers_in(tmp_path) == []
    assert firsts_in(tmp_path)[0] == 1


class Half(Exported):
    """A policy that forgot to write the other method."""

    restore_state = None  # type: ignore[assignment]  # as it is meant


def test_a_policy_with_one_of_the_two_methods_is_refused_by_name(tmp_path: Path) -> None:
    stage = openpit.Engine.builder().sharded(1, journal=tmp_path / "desk")
    with pytest.raises(
        JournalError, match="policy Counting has export_state, and not the other of the pair"
    ):
        stage.pre_trade(Half()).build()
    assert not (tmp_path / "desk").exists()


class Tally:
    """Counts its messages; keeps the reservation of an order where it is told to."""

    def __init__(self, engine: Any, shard: int) -> None:
        self.engine = engine
        self.had = 0
        self.kept: Any = None

    def receive(self, account_id: Any, message: bytes) -> bytes:
        self.had += 1
        if message == b"keep":
            self.kept = self.engine.execute_pre_trade(order(account_id.value, "1", "1")).reservation
            self.engine.keep(self.kept)
        return str(self.had).encode()


class RememberingTally(Tally):
    """Goes on to count where it was."""

    def export_state(self) -> Any:
        return self.had

    def restore_state(self, state: Any) -> None:
        self.had = state


def tallying(journal: Path, actor: type[Tally]) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().sharded(1, journal=journal)
    ready = stage.builtin(build_order_validation()).builtin(build_spot_funds())
    return ready.actor("tally", actor).build()


@pytest.mark.parametrize(("actor", "snapshots"), [(Tally, 0), (RememberingTally, 2)])
def test_actors_come_back_from_snapshots_where_they_have_the_two_methods(
    tmp_path: Path, actor: type[Tally], snapshots: int
) -> None:
    for life in range(3):
        with tallying(tmp_path, actor) as engine:
            assert engine.ask("tally", account(1), b"") == str(life + 1).encode()
    assert len(numbers_in(tmp_path)) == snapshots


def test_what_an_actor_has_kept_is_no_state(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for life in range(2):
        with tallying(tmp_path, RememberingTally) as engine:
            engine.apply_account_adjustment(account(1), [deposit("USD", "5")])
            assert engine.ask("tally", account(1), b"keep") == str(life + 1).encode()
        assert "no snapshot was written: actor tally has kept a handle" in capfd.readouterr().err
        assert numbers_in(tmp_path) == []


def test_an_actor_that_does_not_take_its_state_ends_the_start_by_its_name(tmp_path: Path) -> None:
    with tallying(tmp_path, Refusing) as engine:
        engine.ask("tally", account(1), b"")
    with pytest.raises(openpit.ShardStartError, match="of actor tally: ValueError: not today"):
        tallying(tmp_path, Refusing)


class Refusing(RememberingTally):
    """Takes no state."""

    def restore_state(self, state: Any) -> None:
        raise ValueError("not today")


def test_what_is_open_and_the_keys_come_back_from_a_snapshot_alone(tmp_path: Path) -> None:
    placed = order(3, "5", "10")
    engine = funds(tmp_path)
    for number in (1, 2, 3):
        engine.apply_account_adjustment(account(number), [deposit("USD", "1000")], key="paid in")
    kept: list[Any] = [
        engine.start_pre_trade(order(1, "5", "10")).request,
        engine.apply_drop_copy(order(2, "7", "10")).operation,
        engine.execute_pre_trade(placed, key="A-17").reservation,
    ]
    engine.close()
    del kept
    folder = tmp_path / "shard-0000"
    for path in folder.glob("*.log"):
        path.unlink()  # nothing is there to be replayed
    (snapshot,) = folder.glob("*.snap")
    LogWriter(DISK, folder, "shard-0000", int(snapshot.stem) + 1, {"epoch": 0}).close()

    with funds(tmp_path) as again:
        request, operation, reservation = again.open_reservations()
        assert repr(reservation.order.operation) == repr(placed.operation)
        again.apply_account_adjustment(account(3), [deposit("USD", "1000")], key="paid in")
        repeated = again.execute_pre_trade(placed, key="A-17")
        request.handle.execute().reservation.commit()
        operation.handle.rollback()
        repeated.reservation.commit()  # the same
        held = [again.account_state(account(number)).policies[0].holdings for number in (1, 2, 3)]
        available = [{one.asset: str(one.available.decimal) for one in its} for its in held]
        assert [one["USD"] for one in available] == ["950", "1000", "950"]
