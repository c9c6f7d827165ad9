"""A journal that is carried over to an engine of other policies, limits or options."""

from __future__ import annotations

import json
import os
import shutil
import signal
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from flow import IN_SHARD_0, IN_SHARD_1
from makers import SECOND, Clock, account, deposit, order
from recovery_policies import Counting, Exported
from trading import HOUR, Day

import openpit
from openpit.cli import main
from openpit.core import Instrument
from openpit.errors import JournalDamaged, JournalError, JournalMismatch, ReservationExpired
from openpit.faces import engine_journal
from openpit.faces.starting import open_journal
from openpit.journal import files
from openpit.marketdata import Quote, QuoteTtl
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    RateLimit,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_size_limit,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def rates(broker: int, account_most: int, **assets: int) -> Any:
    return (
        build_rate_limit()
        .broker_barrier(RateLimitBrokerBarrier(RateLimit(broker, HOUR)))
        .asset_barriers(
            *(RateLimitAssetBarrier(RateLimit(most, HOUR), name) for name, most in assets.items())
        )
        .account_barriers(RateLimitAccountBarrier(RateLimit(account_most, HOUR), account(2)))
    )


def sizes(most: str) -> Any:
    limit = OrderSizeLimit(max_quantity=most)
    return build_order_size_limit().broker_barrier(OrderSizeBrokerBarrier(limit=limit))


class Turning(Day):
    """A day in which the engine is once built with other limits; the other one is told them."""

    limits = (build_order_validation(), rates(40, 9, EUR=25), sizes("90"), build_spot_funds())

    def ready(self, stage: Any) -> Any:
        for one in self.limits:
            stage = stage.builtin(one)
        return stage

    def turn(self, *, kills: bool) -> None:
        self.one.configure().apply_all(
            [
                (
                    "rate_limit",
                    {
                        "name": "RateLimitPolicy",
                        "broker": RateLimitBrokerBarrier(RateLimit(35, HOUR)),
                        "asset_barriers": [
                            RateLimitAssetBarrier(RateLimit(20, HOUR), "USD"),
                            RateLimitAssetBarrier(RateLimit(12, HOUR), "EUR"),
                        ],
                        "account_barriers": [
                            RateLimitAccountBarrier(RateLimit(5, HOUR), account(2))
                        ],
                    },
                ),
                (
                    "order_size_limit",
                    {
                        "name": "OrderSizeLimitPolicy",
                        "broker": OrderSizeBrokerBarrier(limit=OrderSizeLimit(max_quantity="50")),
                    },
                ),
            ]
        )
        self.limits = (
            build_order_validation(), rates(35, 5, USD=20, EUR=12), sizes("50"), build_spot_funds()
        )  # fmt: skip
        self.options["migrate"] = True
        self.come_back(kills=kills)


@pytest.mark.one_python
@pytest.mark.parametrize(("seed", "shards", "kills"), [(1, 1, True), (2, 2, False), (3, 3, True)])
def test_a_day_with_other_limits_from_its_midst_on_is_that_of_one_engine_that_was_told_them(
    tmp_path: Path, seed: int, shards: int, kills: bool
) -> None:
    day = Turning(tmp_path / "journal", seed, shards=shards, spares=0)
    day.trade(80)

    day.turn(kills=kills)

    day.compare()
    day.trade(60)
    day.compare()
    day.come_back(kills=True)  # and so it is found again
    day.compare()
    day.trade(30)
    day.compare()
    day.close()
    assert day.calls > 100


# --- what is carried over, what is not, what is new -----------------------------------------------


def staged(journal: Path, *limits: Any, clock: Any = None, **options: Any) -> Any:
    stage: Any = openpit.Engine.builder()
    if clock is not None:
        stage = stage.clock(clock)
    stage = stage.sharded(options.pop("shards", 1), journal=journal, spares=0, **options)
    for one in limits:
        stage = stage.builtin(one) if hasattr(one, "_build") else stage.pre_trade(one)
    return stage


def test_what_is_gone_is_left_and_what_is_new_begins(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with staged(tmp_path, build_order_validation(), build_spot_funds()).build() as engine:
        engine.apply_account_adjustment(account(3), [deposit("USD", "5000")])
        engine.accounts().block(account(4), "by hand")
        engine.accounts().register_group([account(3)], 7)
        held = engine.execute_pre_trade(order(3, "10", "100")).reservation
        assert held is not None

    without = staged(tmp_path, sizes("5"), build_order_validation(), migrate=True)
    with without.build() as engine:
        told = capfd.readouterr().err
        assert "policy OrderSizeLimitPolicy is new" in told
        assert "policy SpotFundsPolicy is not there" in told
        assert "1 open reservations have lost a part" in told
        assert engine.open_reservations() == []  # nothing of it is left to end
        assert [one.policy for one in engine.execute_pre_trade(order(3, "10")).rejects] == [
            "OrderSizeLimitPolicy"
        ]
        assert engine.execute_pre_trade(order(3, "4")).ok
        assert not engine.execute_pre_trade(order(4, "4")).ok
        assert engine.accounts().group_of(account(3)).value == 7

    again = staged(tmp_path, sizes("5"), build_order_validation(), build_spot_funds(), migrate=True)
    with again.build() as engine:  # it is new, and has what it was built with: nothing
        reject = engine.execute_pre_trade(order(3, "4")).rejects[0]
        assert reject.policy == "SpotFundsPolicy"
        assert not engine.execute_pre_trade(order(4, "4")).ok


def test_without_migrate_it_is_refused_and_with_it_nothing_happens_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    staged(tmp_path, sizes("5")).build().close()
    with pytest.raises(JournalMismatch):
        staged(tmp_path, sizes("6")).build()

    staged(tmp_path, sizes("6"), migrate=True).build().close()
    assert "is carried over" in capfd.readouterr().err
    staged(tmp_path, sizes("6"), migrate=True).build().close()
    assert "is carried over" not in capfd.readouterr().err
    with pytest.raises(JournalMismatch):
        staged(tmp_path, sizes("5")).build()
    with staged(tmp_path, sizes("6")).build() as engine:
        assert engine.execute_pre_trade(order(1, "6")).ok
        assert not engine.execute_pre_trade(order(1, "7")).ok


def test_what_was_changed_at_run_time_stays_where_the_builder_says_what_it_said(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, rates(40, 9), sizes("5")).build() as engine:
        engine.configure().rate_limit(
            "RateLimitPolicy", broker=RateLimitBrokerBarrier(RateLimit(77, HOUR))
        )

    with staged(tmp_path, rates(40, 8), sizes("5"), migrate=True).build() as engine:
        table = engine.settings()["rate_limit"]
    assert (table["broker"]["max_orders"], table["account"][0]["max_orders"]) == (77, 8)
    with staged(tmp_path, rates(41, 8), sizes("5"), migrate=True).build() as engine:
        table = engine.settings()["rate_limit"]
    assert (table["broker"]["max_orders"], table["account"][0]["max_orders"]) == (41, 8)


def test_reservations_begin_to_expire_and_cease_to(tmp_path: Path) -> None:
    clock = Clock()
    funds = build_spot_funds()
    with staged(tmp_path, funds, clock=clock).build() as engine:
        engine.apply_account_adjustment(account(3), [deposit("USD", "5000")])
        held = engine.execute_pre_trade(order(3, "10", "100")).reservation
        assert held is not None
    clock.move(100)
    expiring = staged(
        tmp_path, funds, clock=clock, migrate=True, reservation_ttl=60.0, keys=9, key_window=5.0
    )
    with expiring.build() as engine:
        (left,) = engine.open_reservations()
        clock.move(59)
        assert funds_of(engine, 3) == [("USD", "4000", "1000")]
        clock.move(2)
        engine.execute_pre_trade(order(4, "1"))
        engine.execute_pre_trade(order(3, "1"))
        with pytest.raises(ReservationExpired):
            left.handle.commit()
        held = engine.execute_pre_trade(order(3, "20", "100")).reservation
        assert held is not None
    lasting = staged(tmp_path, funds, clock=clock, migrate=True)
    with lasting.build() as engine:
        clock.move(1000)
        (left,) = engine.open_reservations()
        left.handle.commit()


@pytest.mark.parametrize("kills", [False, True])
def test_quotes_go_on_under_another_time_to_live(tmp_path: Path, kills: bool) -> None:
    clock = Clock()

    def life(seconds: float, *more: Any, **options: Any) -> tuple[Any, Any]:
        stage: Any = openpit.Engine.builder().clock(clock)
        stage = stage.sharded(1, journal=tmp_path, spares=0, restarts=0, **options)
        market = stage.market_data(QuoteTtl.within(timedelta(seconds=seconds))).build()
        stage = stage.builtin(build_spot_funds().market_data(market, 0))
        for one in more:
            stage = stage.builtin(one)
        return market, stage.build()

    market, engine = life(60)
    engine.apply_account_adjustment(account(1), [deposit("USD", "5000")])
    market.push_by_instrument(Instrument("AAPL", "USD"), Quote(mark="7"), timedelta(0))
    held = engine.execute_pre_trade(order(1, "10", None)).reservation
    assert held is not None
    if kills:
        os.kill(engine.stats()[0].pid, signal.SIGKILL)
    engine.close()

    clock.move(20)
    market, engine = life(30, sizes("90"), migrate=True)
    with engine:
        assert funds_of(engine, 1) == [("USD", "4930", "70")]
        left = [engine.execute_pre_trade(order(1, "20", None)).reservation]
        assert funds_of(engine, 1) == [("USD", "4790", "210")]
        assert left[0] is not None
        clock.move(10)  # it is 30 seconds old
        (reject,) = engine.execute_pre_trade(order(1, "20", None)).rejects
        assert reject.code == "MarkPriceUnavailable"
    if kills:
        return
    with staged(tmp_path, build_spot_funds(), clock=clock, migrate=True).build() as engine:
        assert funds_of(engine, 1) == [("USD", "4790", "210")]


def test_which_market_data_is_which_has_to_be_known(tmp_path: Path) -> None:
    def life(*names: str, **options: Any) -> Any:
        stage: Any = openpit.Engine.builder().sharded(1, journal=tmp_path, spares=0, **options)
        made: Any = None
        for name in names:
            policy = Exported()
            policy.name = name  # type: ignore[misc]  # its own
            policy.market = stage.market_data(QuoteTtl.infinite()).build()  # type: ignore[attr-defined]
            made = (made or stage).pre_trade(policy)
        return made

    life("One", "Two").build().close()
    text = refused(life("Two", "Three", migrate=True))
    assert "they are read by One, Two there, and by Two, Three here" in text
    life("One", "Two", migrate=True, keys=7).build().close()


def test_a_policy_of_the_program_takes_its_state_with_it(tmp_path: Path) -> None:
    with staged(tmp_path, Exported(most=2), sizes("5")).build() as engine:
        engine.execute_pre_trade(order(1, "1")).reservation.commit()
        engine.execute_pre_trade(order(1, "1")).reservation.commit()
        assert not engine.execute_pre_trade(order(1, "1")).ok

    with staged(tmp_path, sizes("5"), Exported(most=3), migrate=True).build() as engine:
        engine.execute_pre_trade(order(1, "1")).reservation.commit()
        (reject,) = engine.execute_pre_trade(order(1, "1")).rejects
        assert (reject.reason, reject.details) == ("3 orders", "of 3")


def test_a_new_policy_without_state_begins_empty_each_start_replays_from_there(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, sizes("5")).build() as engine:
        engine.execute_pre_trade(order(1, "1"))
    for _ in range(2):
        with staged(tmp_path, sizes("5"), Counting(most=2), migrate=True).build() as engine:
            engine.execute_pre_trade(order(1, "1")).reservation.commit()
    with staged(tmp_path, sizes("5"), Counting(most=2)).build() as engine:
        (reject,) = engine.execute_pre_trade(order(1, "1")).rejects
        assert reject.reason == "2 orders"


def test_the_option_is_a_bool_and_for_a_journal(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="migrate must be a bool, not int"):
        openpit.Engine.builder().sharded(1, journal=tmp_path, migrate=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="migrate is for a journal"):
        openpit.Engine.builder().sharded(1, migrate=True)


def test_what_was_told_before_is_told_to_nobody_any_more(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("[order_size_limit]\nbroker = { max_quantity = 90 }\n")
    desk, clock = tmp_path / "desk", Clock()
    with staged(desk, sizes("90"), clock=clock).build() as engine:
        engine.execute_pre_trade(order(1, "60"))
    clock.move(5)
    limits.write_text("[order_size_limit]\nbroker = { max_quantity = 50 }\n")
    engine = staged(desk, sizes("50"), clock=clock, migrate=True, restarts=0).build()
    assert not engine.execute_pre_trade(order(1, "60")).ok
    os.kill(engine.stats()[0].pid, signal.SIGKILL)  # so there is no snapshot of the end
    engine.close()

    past = staged(desk, sizes("50"), clock=clock).build_past()
    assert past.settings()["order_size_limit"]["broker"] == {"max_quantity": "50"}
    with pytest.raises(JournalDamaged, match="was told to an engine that was made otherwise"):
        staged(desk, sizes("50"), clock=clock).build_past(clock.now - 10 * SECOND)
    told = CliRunner().invoke(main, ["journal", "decisions", str(desk), "--config", str(limits)])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert [one["kind"] for one in lines] == ["start", "start", "limits", "order"]
    (told_of, *_) = lines[1]["detail"]["carried over"]
    assert told_of.startswith(
        "policy OrderSizeLimitPolicy: [order_size_limit.broker] max_quantity is 50, and was "
    )

    (*_, snapshot) = sorted((desk / "shard-0000").glob("*.snap"))
    data = bytearray(snapshot.read_bytes())
    data[-1] ^= 1
    snapshot.write_bytes(data)
    with pytest.raises(JournalDamaged, match="was told to an engine that was made otherwise"):
        staged(desk, sizes("50"), clock=clock).build()


# --- what cannot be -------------------------------------------------------------------------------


def funds_of(engine: Any, number: int) -> list[tuple[str, str, str]]:
    (policy, *_) = engine.account_state(account(number)).policies
    return [
        (one.asset, str(one.available.decimal), str(one.held.decimal))
        for one in policy.holdings
        if one.asset == "USD"
    ]


def refused(stage: Any) -> str:
    with pytest.raises(JournalError) as told:
        stage.build()
    return str(told.value)


def test_what_cannot_be_carried_over_is_refused_by_name_and_stays_what_it_was(
    tmp_path: Path,
) -> None:
    first = partial(staged, tmp_path, build_spot_funds(), Exported())
    with first().build() as engine:
        engine.apply_account_adjustment(account(3), [deposit("USD", "5000")])

    assert "shards: it has 1, not 2" in refused(
        staged(tmp_path, build_spot_funds(), Exported(), shards=2, migrate=True)
    )

    class Stubborn(Exported):
        def restore_state(self, state: Any) -> None:
            raise ValueError("written by another version")

    assert "written by another version" in refused(
        staged(tmp_path, build_spot_funds(), Stubborn(), migrate=True)
    )
    assert "policy Counting has no export_state() and restore_state()" in refused(
        staged(tmp_path, build_spot_funds(), Counting(), migrate=True)
    )

    class Funds(Exported):
        name = "SpotFundsPolicy"

    assert "policy SpotFundsPolicy is one of the built-in ones there, and none here" in refused(
        staged(tmp_path, Funds(), migrate=True)
    )
    with first(migrate=True).build() as engine:
        assert funds_of(engine, 3) == [("USD", "5000", "0")]


def test_a_log_behind_its_snapshot_takes_its_own_policies_to_be_told_again(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, sizes("5"), Counting()).build() as engine:
        engine.execute_pre_trade(order(1, "1")).reservation.commit()

    assert "policies without export_state() and restore_state(): Counting" in refused(
        staged(tmp_path, sizes("6"), Counting(), migrate=True)
    )
    assert "takes policy Counting as it was; build the engine once as it was" in refused(
        staged(tmp_path, sizes("5"), migrate=True)
    )


@pytest.mark.one_python
def test_what_is_held_by_callbacks_is_told_by_account_and_what_to_do_is_all_there_is_to_do(
    tmp_path: Path,
) -> None:
    own = partial(staged, tmp_path, build_spot_funds(), Exported(), shards=2)
    here, there = IN_SHARD_0, IN_SHARD_1
    with own().build() as engine:
        for number in (here, there):
            engine.apply_account_adjustment(account(number), [deposit("USD", "1000")])
        held = [
            engine.execute_pre_trade(order(number, "1", "10")) for number in (here, here, there)
        ]
        assert all(held)
    del held

    text = refused(
        staged(tmp_path, build_spot_funds(), Exported(), sizes("5"), shards=2, migrate=True)
    )

    name = "Counting.perform_pre_trade_check.<locals>.rollback"
    assert "3 reservations or drop copies are open that callbacks of a policy end" in text
    assert f"(of {Exported.name}: {name})" in text
    assert f"on shard 0: account {here}; shard 1: account {there}, which no snapshot has" in text
    assert f"--journal {tmp_path} --grace 0" in text
    # A policy that is not what it was cannot be asked what it holds: the way out is told, too.
    assert "open_reservations()" in refused(
        staged(tmp_path, build_spot_funds(), shards=2, migrate=True)
    )
    with own(grace=0).build() as engine:  # as the text says
        assert engine.open_reservations() == []
    with staged(
        tmp_path, build_spot_funds(), Exported(), sizes("5"), shards=2, migrate=True
    ).build() as engine:
        assert funds_of(engine, here) == [("USD", "1000", "0")]


@pytest.mark.one_python
@pytest.mark.parametrize("lacking", [(1,), (0, 1)])
@pytest.mark.parametrize("has_snapshot", [True, False])
def test_a_change_that_was_half_done_is_made_before_the_journal_is_carried_over(
    tmp_path: Path, lacking: tuple[int, ...], has_snapshot: bool
) -> None:
    # A halt, and a change of limits: what was to be the old engine's stays, under the new one.
    clock = Clock()
    was = (sizes("90"), rates(40, 9))
    options = {"shards": 2, "clock": clock}
    noted: list[Any] = []
    copy = tmp_path / "copy"
    with staged(copy, *was, **options).build() as engine:
        note = engine._router.books.note
        engine._router.books.note = lambda rows: (noted.append(rows), note(rows))
        engine.halt("for the night")
        engine.configure().order_size_limit(
            "OrderSizeLimitPolicy",
            broker=OrderSizeBrokerBarrier(limit=OrderSizeLimit(max_quantity="7")),
        )
    assert len(noted) == 2
    desk = tmp_path / "desk"
    with staged(
        desk, *was, snapshot_every=1500 if has_snapshot else 0, **options
    ).build() as engine:
        for number in (IN_SHARD_0, IN_SHARD_1):
            engine.execute_pre_trade(order(number, "1"))
    journal = open_journal(staged(desk, *was, **options)._plan(), clock)
    assert journal is not None
    begun = journal.epoch << 48
    for place, rows in enumerate(noted, 100):
        # The others have it under a number that they have had.
        journal.note(
            [(shard, begun + place if shard in lacking else 1, packed) for shard, _, packed in rows]
        )
    journal.close()

    with staged(desk, sizes("90"), rates(30, 9), migrate=True, **options).build() as engine:
        found = {one.reason for one in engine.execute_pre_trade(order(IN_SHARD_1, "1")).rejects}
        assert "for the night" in found
        engine.resume()
        passes = {
            number: [bool(engine.execute_pre_trade(order(number, each))) for each in ("7", "8")]
            for number in (IN_SHARD_0, IN_SHARD_1)
        }
        expected = {0: [True, False], 1: [True, False]} if 0 in lacking else {1: [True, False]}
        for shard, its in expected.items():
            assert passes[(IN_SHARD_0, IN_SHARD_1)[shard]] == its


def test_a_torn_log_is_on_the_disk_before_it_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with staged(tmp_path, sizes("5"), snapshot_every=0).build() as engine:
        engine.halt("for the night")
    (log,) = (tmp_path / "shard-0000").glob("*.log")
    size = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"torn")
    cuts: list[tuple[str, int]] = []
    cut = files.SystemDisk.cut

    def noted(disk: files.SystemDisk, path: Path, size: int) -> None:
        cuts.append((path.name, size))
        cut(disk, path, size)

    monkeypatch.setattr(files.SystemDisk, "cut", noted)
    journal = open_journal(staged(tmp_path, sizes("6"), migrate=True)._plan(), Clock())
    assert journal is not None
    journal.close()

    assert cuts == [(log.name, size)] * 2  # the torn end, and what there is
    assert "4 bytes, torn" in capfd.readouterr().err
    with staged(tmp_path, sizes("6")).build() as engine:
        assert engine.halted() == "for the night"


def test_another_version_takes_a_snapshot_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(tmp_path, sizes("5"), snapshot_every=0).build() as engine:
        engine.execute_pre_trade(order(1, "1"))
    monkeypatch.setattr(engine_journal, "VERSION", 99)

    text = refused(staged(tmp_path, sizes("5"), migrate=True))
    assert "more in its log than in its last snapshot" in text
    assert "takes wire" in text
    monkeypatch.undo()
    with staged(tmp_path, sizes("5")).build() as engine:
        engine.halt("for the night")
    monkeypatch.setattr(engine_journal, "VERSION", 99)
    with staged(tmp_path, sizes("5"), migrate=True).build() as engine:
        assert engine.halted() == "for the night"


# --- a crash at each step -------------------------------------------------------------------------


class Died(BaseException):
    """The process has ended here."""


class Power:
    """Ends the process before one of the steps that change a file or a folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.steps = 0
        for owner, names in (
            (files.SystemDisk, ("create", "cut", "remove", "rename", "sync_folder")),
            (files._SystemFile, ("write", "sync")),
        ):
            for name in names:
                monkeypatch.setattr(owner, name, self._before(getattr(owner, name)))

    def _before(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any) -> Any:
            self.steps += 1
            if self.left == 0:
                raise Died
            self.left -= 1
            return step(*arguments)

        return stepped


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("desk") / "journal"
    with staged(directory, build_spot_funds(), sizes("90"), shards=2).build() as engine:
        for number in range(1, 9):
            engine.apply_account_adjustment(account(number), [deposit("USD", "5000")])
        held = [engine.execute_pre_trade(order(number)).reservation for number in range(1, 9)]
        assert all(held)
    return directory


def stood(stage: Any) -> Any:
    past = stage.build_past()
    return past.settings(), [repr(past.account_state(account(number))) for number in range(1, 9)]


def opened(stage: Any) -> bool:
    try:
        journal = open_journal(stage._plan(), Clock())
    except JournalMismatch:
        return False
    assert journal is not None
    journal.close()
    return True


def test_a_crash_at_any_step_leaves_the_old_journal_or_the_new_one(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(monkeypatch)
    found = []
    at = 0
    while True:
        directory = tmp_path / f"{at}"
        shutil.copytree(journal, directory)
        old = partial(staged, directory, build_spot_funds(), sizes("90"), shards=2)
        new = partial(staged, directory, build_spot_funds(), sizes("5"), shards=2)
        plan = new(migrate=True)._plan()
        power.left = at
        try:
            ended = open_journal(plan, Clock())
            assert ended is not None
            ended.close()
        except Died:
            ended = None
        power.left = -1
        is_old = opened(old())
        assert is_old is not opened(new())
        settings, states = stood(old() if is_old else new())
        assert settings["order_size_limit"]["broker"] == {"max_quantity": "90" if is_old else "5"}
        assert all("4000" in one and "1000" in one for one in states)
        left = {path.name for path in directory.rglob("*") if "aside" in path.name}
        assert left == set()
        assert not (directory / "migration").exists()
        found.append(is_old)
        if ended is not None:
            break
        at += 1
    assert found == sorted(found, reverse=True)  # up to one step it is the old one
    assert found[0]
    assert not found[-1]
    assert len(found) > 15
