"""Workers that stand ready: which one takes another's place, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from killing import OFTEN, pid_of
from makers import account, deposit, order
from processes import all_gone, wait_until
from test_engines import balance_of

import openpit
from openpit.errors import ShardDown
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from pathlib import Path


def built(journal: Path, *policies: Any, **options: Any) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().sharded(2, journal=journal, **{**OFTEN, **options})
    ready = stage.builtin(build_spot_funds())
    for policy in policies:
        ready = ready.pre_trade(policy)
    return ready.build()


def spares_of(engine: openpit.ShardedEngine) -> list[int]:
    """Return the processes of an engine that are no shard's, not yet."""
    told = [shard.pid for shard in engine.stats()]
    return [one.pid for one in engine._driver.workers if one.pid not in told]  # type: ignore[attr-defined]


def pay(engine: openpit.ShardedEngine, number: int = 1) -> None:
    engine.apply_account_adjustment(account(number), [deposit("USD", "1")])


def test_a_spare_takes_over_and_the_next_one_stands_ready_afterwards(tmp_path: Path) -> None:
    with built(tmp_path) as engine:
        shard = engine.shard_of(account(1))
        pids = []
        for turn in range(3):
            pay(engine)
            (spare,) = spares_of(engine)
            pids += [spare, pid_of(engine, shard)]
            os.kill(pids[-1], signal.SIGKILL)
            pay(engine)
            assert pid_of(engine, shard) == spare
            assert balance_of(engine, 1) == 2 * turn + 2
        pids += spares_of(engine)
        assert len(pids) == 7
    assert all_gone(pids)


def test_a_spare_that_has_ended_is_not_used(tmp_path: Path) -> None:
    with built(tmp_path) as engine:
        (spare,) = spares_of(engine)
        os.kill(spare, signal.SIGKILL)
        os.kill(pid_of(engine, engine.shard_of(account(1))), signal.SIGKILL)
        pay(engine)
        assert balance_of(engine, 1) == 1
        assert all_gone([spare])
        assert spare not in spares_of(engine)
        assert len(spares_of(engine)) == 1


@pytest.mark.parametrize("options", [{"spares": 0}, {"restarts": 0}])
def test_there_is_none_where_none_is_asked_for(tmp_path: Path, options: dict[str, int]) -> None:
    with built(tmp_path, **options) as engine:
        assert spares_of(engine) == []


def test_two_that_end_together_are_replaced_at_once(tmp_path: Path) -> None:
    with built(tmp_path, spares=2) as engine:
        spares = spares_of(engine)
        for shard in (0, 1):
            os.kill(pid_of(engine, shard), signal.SIGKILL)
        pay(engine, next(n for n in range(9) if engine.shard_of(account(n)) == 0))
        pay(engine, next(n for n in range(9) if engine.shard_of(account(n)) == 1))
        assert sorted(pid_of(engine, shard) for shard in (0, 1)) == sorted(spares)
        assert len(spares_of(engine)) == 2


def test_asyncio_has_one_as_well(tmp_path: Path) -> None:
    async def day() -> list[int]:
        stage = openpit.Engine.builder().sharded(1, journal=tmp_path, **OFTEN)
        async with await stage.builtin(build_spot_funds()).build_async() as engine:
            driver: Any = engine._driver  # type: ignore[attr-defined]
            (pid, spare) = (worker.pid for worker in driver.workers)
            os.kill(pid, signal.SIGKILL)
            await engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
            assert engine.stats()[0].pid == spare
            await engine.account_state(account(1))  # the next one is started in the loop
            return [pid, *(worker.pid for worker in driver.workers)]

    assert all_gone(asyncio.run(day()))


CODE = """
from openpit.pretrade import Policy

class Desk(Policy):
    name = "Desk"
    def perform_pre_trade_check(self, ctx, order):
        return None
"""


def test_sources_that_have_changed_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spare has imported them before; a worker that is started now would run other code."""
    source = tmp_path / "desk_of_a_user.py"
    source.write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    desk = __import__("desk_of_a_user").Desk()
    with built(tmp_path / "desk", desk) as engine:
        shard = engine.shard_of(account(1))
        assert not engine.execute_pre_trade(order(1))
        source.write_text(CODE + "# another line\n")
        os.kill(pid_of(engine, shard), signal.SIGKILL)
        pay(engine)  # the spare is of before
        assert spares_of(engine) == []

        os.kill(pid_of(engine, shard), signal.SIGKILL)
        assert wait_until(lambda: engine.stats()[shard].state == "down")
        why = engine.stats()[shard].why
        assert why is not None
        assert why.endswith(f"another worker would run other code: {source} has changed")
        with pytest.raises(ShardDown):
            pay(engine)
    del sys.modules["desk_of_a_user"]
