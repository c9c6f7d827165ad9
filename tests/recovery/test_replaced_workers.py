"""A worker that ends is replaced, and nobody who calls the engine sees anything of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from crashing import POINTS, Crashing
from flow import IN_SHARD_0, IN_SHARD_1
from killing import OFTEN, KilledDay, killed_after, pid_of
from makers import account, deposit, order
from processes import all_gone, wait_until
from test_engines import balance_of
from trading import said, with_policies

import openpit
from openpit.cli.audit_lines import AuditLines
from openpit.engine.registry import AccountRegistry
from openpit.errors import CommandSkipped
from openpit.faces.past import Past
from openpit.pretrade import Policy
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("seed", "shards"), [(4, 1), (2, 3)])
def test_a_day_whose_workers_are_killed_is_the_day_of_one_engine(
    tmp_path: Path, seed: int, shards: int
) -> None:
    day = KilledDay(tmp_path / "journal", seed, shards=shards, **OFTEN)

    for _ in range(24):
        day.pay()
    day.trade(100)
    day.compare()

    assert day.kills > 2
    assert {one.state for one in day.engine.stats()} == {"up"}
    # One may have been killed again before its end was noticed.
    assert 0 < sum(one.restarts for one in day.engine.stats()) <= day.kills
    assert day.accepted > 5
    day.come_back(kills=False)
    day.compare()
    day.close()


def test_many_at_once_on_asyncio_are_answered_as_by_one_engine(tmp_path: Path) -> None:
    random = Random(5)
    one = with_policies(openpit.Engine.builder().full_sync()).build()
    orders = [
        order(random.randrange(3, 9), random.choice(("1", "5", "95")), "10") for _ in range(30)
    ]

    async def day() -> list[list[Any]]:
        stage = openpit.Engine.builder().sharded(2, journal=tmp_path, **OFTEN)
        answers: list[Any] = []
        async with await with_policies(stage).build_async() as engine:
            for number in range(3, 9):
                paid = [deposit("USD", "250")]
                one.apply_account_adjustment(account(number), paid)
                await engine.apply_account_adjustment(account(number), paid)
            for turn in range(4):
                timer = killed_after(engine, turn % 2, random.random() * 0.002)
                if turn < 3:
                    answers += await asyncio.gather(*map(engine.execute_pre_trade, orders[:10]))
                else:
                    answers += await engine.execute_pre_trade_many(orders[:10])
                timer.join()
                del orders[:7]
            for answer in answers[::2]:
                if answer:
                    await answer.reservation.commit()
            states = [await engine.account_state(account(number)) for number in range(3, 9)]
            assert [stat.restarts for stat in engine.stats()] == [2, 2]
        return [[said(answer) for answer in answers], [state.policies for state in states]]

    asked = [each for turn in range(4) for each in orders[turn * 7 : turn * 7 + 10]]
    (answers, policies) = asyncio.run(day())

    expected = [one.execute_pre_trade(each) for each in asked]
    assert answers == [said(each) for each in expected]
    for answer in expected[::2]:
        if answer:
            answer.reservation.commit()
    states = [one.account_state(account(number)) for number in range(3, 9)]
    assert [repr(each) for each in policies] == [repr(state.policies) for state in states]
    assert any(passed for passed, _ in answers)


@pytest.mark.parametrize("point", POINTS)
def test_an_end_at_any_point_of_a_batch_is_seen_by_nobody(tmp_path: Path, point: str) -> None:
    policy = Crashing(point, tmp_path / "crashed")
    stage = openpit.Engine.builder().sharded(1, journal=tmp_path / "desk", **OFTEN)
    with stage.builtin(build_spot_funds()).pre_trade(policy).build() as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
        before = engine.execute_pre_trade(order(1, "1", "10"))

        result = engine.execute_pre_trade(order(1, "77", "10"))

        assert result
        before.reservation.commit()
        result.reservation.rollback()
        assert wait_until(lambda: engine.stats()[0].restarts == 1)
        assert balance_of(engine, 1) == 990
        assert engine.stats()[0].state == "up"


def test_a_worker_that_is_stuck_is_replaced_when_its_time_is_over(tmp_path: Path) -> None:
    options = {**OFTEN, "timeout": 2.0, "stall_timeout": 0.5}
    stage = openpit.Engine.builder().sharded(1, journal=tmp_path, **options)
    with stage.builtin(build_spot_funds()).build() as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "5")])
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGSTOP)

        engine.apply_account_adjustment(account(1), [deposit("USD", "7")])  # waits, and returns

        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

        assert all_gone([pid])
        assert balance_of(engine, 1) == 13
        assert engine.stats()[0].restarts == 1


def test_the_others_go_on_while_one_recovers_and_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {**OFTEN, "restarts": 1}
    stage = openpit.Engine.builder().sharded(2, journal=tmp_path, **options)
    here, there = 0, 1
    with stage.builtin(build_spot_funds()).build() as engine:
        numbers = [
            next(n for n in range(9) if engine.shard_of(account(n)) == shard)
            for shard in (here, there)
        ]
        pid = pid_of(engine, here)
        os.kill(pid, signal.SIGKILL)
        assert all_gone([pid])
        assert wait_until(lambda: engine.stats()[here].state == "recovering")
        engine.apply_account_adjustment(account(numbers[1]), [deposit("USD", "1")])
        assert engine.stats()[here].state == "recovering"  # it was not waited for
        engine.apply_account_adjustment(account(numbers[0]), [deposit("USD", "1")])
        assert engine.stats()[here].state == "up"
        engine.poll()
        told = [record.message for record in caplog.records if record.name == "openpit.router"]
        new = pid_of(engine, here)
        assert told[0].startswith("shard 0 is recovering")
        assert told[1] == f"shard 0 has recovered: worker {new} has taken its place"

        # The budget is spent: the next end is for good.
        os.kill(new, signal.SIGKILL)
        assert wait_until(lambda: engine.stats()[here].state == "down")
        why = engine.stats()[here].why
        assert why is not None
        assert why.endswith("it has been replaced 1 times within 60 s, the most")


class Watching(openpit.Observer):
    def __init__(self) -> None:
        self.told: list[Any] = []

    def stalled(self, stats: Any) -> None:
        self.told.append((stats.state, stats.pid, stats.why, stats.restarts))

    recovering = recovered = stalled


def test_what_has_happened_within_a_call_is_told_as_it_was_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watching = Watching()
    options = {**OFTEN, "timeout": 0.5, "stall_timeout": 0.5}
    stage = openpit.Engine.builder().sharded(1, journal=tmp_path, **options).observer(watching)
    with stage.builtin(build_spot_funds()).build() as engine:
        old = pid_of(engine, 0)
        os.kill(old, signal.SIGSTOP)
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
        new = pid_of(engine, 0)

    (stalled, recovering, recovered) = watching.told
    assert stalled == ("stalled", old, "no answer within 0.5 s", 0)
    assert (recovering[:2], recovering[3]) == (("recovering", old), 0)
    assert recovered == ("up", new, None, 1)
    assert [record.message for record in caplog.records if record.name == "openpit.router"] == [
        "shard 0 is stalled: no answer within 0.5 s; its orders are denied until it answers",
        f"shard 0 is recovering: {recovering[2]}",
        f"shard 0 has recovered: worker {new} has taken its place",
    ]


@pytest.mark.parametrize("point", POINTS[:3])
def test_the_command_that_ends_its_worker_each_time_is_answered_by_name(
    tmp_path: Path, point: str
) -> None:
    def ready() -> Any:
        stage = openpit.Engine.builder().sharded(1, journal=tmp_path / "desk", **OFTEN)
        return stage.builtin(build_spot_funds()).pre_trade(Crashing(point, None))

    def built() -> openpit.ShardedEngine:
        return ready().build()  # type: ignore[no-any-return]  # it is one

    with built() as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "5000")])
        orders = [order(1, quantity, "10") for quantity in ("1", "2", "77", "3")]

        with pytest.raises(openpit.SomeItemsFailed) as failed:
            engine.execute_pre_trade_many(orders)

        (skipped,) = failed.value.exceptions
        assert isinstance(skipped, CommandSkipped)
        assert skipped.shard == 0
        assert failed.value.indexes == (2,)
        passed = [result for result in failed.value.results if result]
        assert len(passed) == 3
        for result in passed:
            result.reservation.commit()
        assert balance_of(engine, 1) == 4940
        assert (engine.stats()[0].state, engine.stats()[0].restarts) == ("up", 4)

    with built() as again:  # skipped in the journal, too
        assert balance_of(again, 1) == 4940
    told = map(json.loads, AuditLines(Past(ready()._plan()), account=1))
    (line,) = (one for one in told if one["kind"] == "skipped")
    assert (line["account"], line["session"], line["detail"]) == (1, 0, "execute")


def test_a_command_that_never_returns_is_skipped_and_who_waited_with_it_is_answered(
    tmp_path: Path,
) -> None:
    """Its worker is ended each time that it was stalled for long enough."""
    options = {**OFTEN, "timeout": 0.4, "stall_timeout": 0.2}

    async def day() -> list[Any]:
        stage = openpit.Engine.builder().sharded(1, journal=tmp_path, **options)
        ready = stage.builtin(build_spot_funds()).pre_trade(Crashing("never", None))
        async with await ready.build_async() as engine:
            await engine.apply_account_adjustment(account(1), [deposit("USD", "5000")])
            placed = [order(1, quantity, "10") for quantity in ("1", "77", "2")]
            answers = await asyncio.gather(
                *map(engine.execute_pre_trade, placed), return_exceptions=True
            )
            assert engine.stats()[0].restarts == 4
            return answers

    first, second, third = asyncio.run(day())

    assert isinstance(second, CommandSkipped)
    assert [first.ok, third.ok] == [True, True]


class EndsAtHalts(Policy):
    """Has the worker of the shard of an account end at each halt, as a fault in a library may."""

    name = "EndsAtHalts"

    def __init__(self, number: int) -> None:
        self.number = number

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        halt, number = AccountRegistry.halt, self.number

        def halt_or_end(registry: Any, reason: str) -> Any:
            if registry.owns(number):
                os._exit(1)
            return halt(registry, reason)

        AccountRegistry.halt = halt_or_end  # type: ignore[method-assign]  # in its worker


def test_a_change_that_spans_shards_stands_on_all_that_are_up(tmp_path: Path) -> None:
    def built() -> openpit.ShardedEngine:
        stage = openpit.Engine.builder().sharded(2, journal=tmp_path, **OFTEN)
        return stage.pre_trade(EndsAtHalts(IN_SHARD_0)).build()

    with built() as engine:
        assert engine.shard_of(account(IN_SHARD_0)) == 0
        engine.halt("at lunch")

        first, second = engine.stats()
        assert (first.state, second.state) == ("down", "up")
        assert first.why is not None
        assert first.why.startswith("its worker ends each time at a change that spans shards: ")
        assert first.restarts == 4
        (reject,) = engine.execute_pre_trade(order(IN_SHARD_0)).rejects
        assert reject.details == f"shard 0: {first.why}"
        (reject,) = engine.execute_pre_trade(order(IN_SHARD_1)).rejects
        assert reject.reason == "at lunch"

    with built() as again:  # where it is tried anew
        assert [stat.state for stat in again.stats()] == ["down", "up"]
        assert again.halted() == "at lunch"
