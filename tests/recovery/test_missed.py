"""A program that was killed has the answers that it missed when it is built again."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from killing import pid_of
from makers import account, deposit, order, pnl_report
from processes import wait_until
from recovery_policies import Counting

import openpit
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.one_python

GUIDE = Path(__file__).parents[2] / "docs" / "journal.md"


def stage(journal: Path, **options: Any) -> Any:
    sharded = openpit.Engine.builder().sharded(2, journal=journal, **options)
    return sharded.builtin(build_spot_funds()).pre_trade(Counting())


def example() -> str:
    """Return the example of the guide."""
    _, _, section = GUIDE.read_text(encoding="utf-8").partition("## What a program has missed")
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def killed(life: Callable[[], object]) -> None:
    """Have a process of its own live until it is killed, by itself."""
    child = os.fork()
    if not child:
        try:
            life()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def trade_and_die(journal: Path) -> None:
    """Make calls that are answered, and die before any later one says so."""
    engine = stage(journal).build()
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    opened = engine.execute_pre_trade(order(1, "10", "10"))
    assert opened.reservation is not None
    refused, passed = engine.execute_pre_trade_many([order(1, "999", "10"), order(1, "5", "10")])
    assert (refused.ok, passed.ok) == (False, True)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_last_answers_before_a_kill_are_told_and_those_before_are_not(
    is_killed: bool, tmp_path: Path
) -> None:
    killed(lambda: trade_and_die(tmp_path / "desk"))

    with stage(tmp_path / "desk").build() as engine:
        if is_killed:  # the worker that takes its place has them, too
            os.kill(pid_of(engine, engine.shard_of(account(1))), signal.SIGKILL)
        seen: list[Any] = []
        exec(example(), {"engine": engine, "tell_the_desk": lambda *told: seen.append(told)})
        assert [asked.operation.trade_amount.as_quantity.decimal for asked, _ in seen] == [999, 5]
        (_, refused), (_, passed) = seen
        assert [reject.code for reject in refused.rejects] == ["InsufficientFunds"]
        left = engine.open_reservations()
        assert [int(one.order.operation.trade_amount.as_quantity.decimal) for one in left] == [
            *(10, 5),
        ]
        assert left[1].handle is passed.reservation
        assert engine.missed_answers() == []
        for one in left:
            one.handle.rollback()
    with stage(tmp_path / "desk").build() as engine:  # the one before has closed in order
        assert engine.missed_answers() == []
        assert engine.open_reservations() == []


def test_a_program_that_dies_over_them_has_them_again(tmp_path: Path) -> None:
    journal = tmp_path / "desk"
    killed(lambda: trade_and_die(journal))

    def die_again() -> None:
        engine = stage(journal).build()
        assert len(engine.missed_answers()) == 2
        os.kill(os.getpid(), signal.SIGKILL)

    def go_on() -> None:
        engine = stage(journal).build()
        assert len(engine.missed_answers()) == 2
        engine.apply_execution_report(pnl_report(1, "5"))
        os.kill(os.getpid(), signal.SIGKILL)

    killed(die_again)
    killed(go_on)

    async def last() -> list[str]:
        async with await stage(journal).build_async() as engine:
            return [one.call for one in await engine.missed_answers()]

    assert asyncio.run(last()) == ["report"]


def test_without_a_grace_and_without_a_journal_nothing_is_told(tmp_path: Path) -> None:
    killed(lambda: trade_and_die(tmp_path / "desk"))

    with stage(tmp_path / "desk", grace=0).build() as engine:
        assert engine.missed_answers() == []
    with openpit.Engine.builder().sharded(1).builtin(build_spot_funds()).build() as engine:
        assert engine.missed_answers() == []


def shares(left: list[Any]) -> list[int]:
    """Return how many shares each order was of that is open."""
    return [int(one.order.operation.trade_amount.as_quantity.decimal) for one in left]


def test_what_an_answer_has_open_is_not_lost_with_it_before_it_is_asked_for(tmp_path: Path) -> None:
    killed(lambda: trade_and_die(tmp_path / "desk"))

    with stage(tmp_path / "desk").build() as engine:
        assert [bool(one.result) for one in engine.missed_answers()] == [False, True]  # and gone
        gc.collect()
        engine.poll()
        left = engine.open_reservations()
        assert shares(left) == [10, 5]
        assert engine.account_state(account(1)).open.reservations == 2
        del left  # from here on it is as ever
        assert engine.account_state(account(1)).open.reservations == 0


def test_nor_is_it_kept_beyond_the_grace(tmp_path: Path) -> None:
    killed(lambda: trade_and_die(tmp_path / "desk"))

    with stage(tmp_path / "desk", grace=0.5).build() as engine:
        assert [bool(one.result) for one in engine.missed_answers()] == [False, True]
        gc.collect()
        assert wait_until(lambda: not engine.account_state(account(1)).open.reservations)
        assert engine.open_reservations() == []
