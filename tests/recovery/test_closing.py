"""An engine that is closed while a worker is replaced: who waits has his answer first."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from crashing import Crashing
from killing import OFTEN, pid_of
from makers import account, deposit, order
from processes import all_gone, wait_until
from test_engines import balance_of

import openpit
from openpit.errors import EngineClosed, OutcomeUnknown
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python

OPTIONS = {**OFTEN, "spares": 0, "snapshot_every": 0}
PAID = [deposit("USD", "7")]


def stage(directory: Path, shards: int = 1, **options: Any) -> Any:
    sharded = openpit.Engine.builder().sharded(shards, journal=directory, **{**OPTIONS, **options})
    return sharded.builtin(build_spot_funds())


def balance_after(directory: Path, number: int = 1) -> int:
    with stage(directory).build() as engine:
        return balance_of(engine, number)


def is_recovering(engine: Any) -> bool:
    return bool(engine.stats()[0].state == "recovering")


async def until_it_is(engine: Any, state: str) -> None:
    def is_so() -> bool:
        return bool(engine.stats()[0].state == state)

    assert await asyncio.to_thread(wait_until, is_so)


def test_what_waits_for_another_worker_is_answered_before_the_end(tmp_path: Path) -> None:
    engine = stage(tmp_path).build()
    engine.apply_account_adjustment(account(1), PAID)
    pid = pid_of(engine, 0)
    os.kill(pid, signal.SIGKILL)
    assert all_gone([pid])
    assert wait_until(lambda: is_recovering(engine))
    # Under way, and nobody waits for it yet: the one that closes has the other worker started.
    call = engine._driver.begin(engine._client.adjust, 1, PAID)

    engine.close()

    assert call.done
    assert engine._driver.end(call)
    state = engine.stats()[0]
    assert (state.state, state.restarts) == ("closed", 1)
    assert all_gone([pid_of(engine, 0)])
    with pytest.raises(EngineClosed):
        engine.apply_account_adjustment(account(1), PAID)
    assert balance_after(tmp_path) == 14


def test_threads_that_wait_have_their_answers_and_later_calls_none(tmp_path: Path) -> None:
    marker = tmp_path / "crashed"
    ready = stage(tmp_path / "desk").pre_trade(Crashing("in a policy", marker))
    engine = ready.build()
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    with ThreadPoolExecutor(3) as pool:
        call = pool.submit(engine.execute_pre_trade, order(1, "77", "10"))
        assert wait_until(lambda: is_recovering(engine))

        ends = [pool.submit(engine.close) for _ in range(2)]

        result = call.result(60)
        for end in ends:
            end.result(60)
        assert result
        with pytest.raises(EngineClosed):
            engine.execute_pre_trade(order(1, "1", "10"))
        assert marker.exists()
    again = stage(tmp_path / "desk").pre_trade(Crashing("in a policy", marker)).build()
    with again:
        (left,) = again.open_reservations()  # it was answered, and rests at its venue
        left.handle.rollback()


def test_on_asyncio_too_with_a_change_of_several_steps(tmp_path: Path) -> None:
    async def day() -> tuple[Any, Any, str]:
        engine = await stage(tmp_path, 2).build_async()
        numbers = [
            next(n for n in range(9) if engine.shard_of(account(n)) == shard) for shard in (0, 1)
        ]
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGKILL)
        await until_it_is(engine, "recovering")
        paid = asyncio.create_task(engine.apply_account_adjustment(account(numbers[0]), PAID))
        members = [*map(account, numbers)]
        registered = asyncio.create_task(engine.accounts().register_group(members, 5))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        await engine.close()

        assert engine.stats()[0].restarts == 1
        assert all_gone([pid, *(pid_of(engine, shard) for shard in (0, 1))])
        with pytest.raises(EngineClosed):
            await engine.apply_account_adjustment(account(numbers[0]), PAID)
        return await paid, await registered, numbers

    _, _, numbers = asyncio.run(day())
    with stage(tmp_path, 2).build() as engine:
        assert balance_of(engine, numbers[0]) == 7
        (group,) = engine.groups()
        assert (group.group.value, group.members) == (5, 2)


def test_a_worker_that_stands_still_at_the_end_is_replaced_for_who_waits(tmp_path: Path) -> None:
    async def day() -> None:
        engine = await stage(tmp_path, timeout=0.3, stall_timeout=60.0).build_async()
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGSTOP)
        paid = asyncio.create_task(engine.apply_account_adjustment(account(1), PAID))
        await until_it_is(engine, "stalled")

        await engine.close()

        assert await paid
        assert all_gone([pid, pid_of(engine, 0)])

    asyncio.run(day())
    assert balance_after(tmp_path) == 7


@pytest.mark.parametrize("is_blocking", [True, False])
def test_one_that_does_not_come_back_in_time_is_given_up_by_name(
    tmp_path: Path, is_blocking: bool
) -> None:
    # Each worker that is started from now on stands still before it is up.
    options = {"recovery_timeout": 0.6, "timeout": 0.3}

    def stop_next(engine: Any, old: int) -> int:
        assert wait_until(lambda: pid_of(engine, 0) != old)
        os.kill(pid_of(engine, 0), signal.SIGSTOP)
        return pid_of(engine, 0)

    async def on_asyncio() -> BaseException | None:
        engine = await stage(tmp_path, **options).build_async()
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGKILL)
        await until_it_is(engine, "recovering")
        paid = asyncio.create_task(engine.apply_account_adjustment(account(1), PAID))
        await asyncio.sleep(0)
        stopped = asyncio.create_task(asyncio.to_thread(stop_next, engine, pid))
        await engine.close()
        assert all_gone([await stopped])
        (error,) = await asyncio.gather(paid, return_exceptions=True)
        return error if isinstance(error, BaseException) else None

    def on_threads() -> BaseException | None:
        engine = stage(tmp_path, **options).build()
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGKILL)
        assert all_gone([pid])
        assert wait_until(lambda: is_recovering(engine))
        call = engine._driver.begin(engine._client.adjust, 1, PAID)
        stopped: list[int] = []
        stopping = threading.Thread(target=lambda: stopped.append(stop_next(engine, pid)))
        stopping.start()
        engine.close()
        stopping.join()
        assert all_gone(stopped)
        with suppress(EngineClosed):
            try:
                engine._driver.end(call)
            except OutcomeUnknown as error:
                return error
        return None

    error = on_threads() if is_blocking else asyncio.run(on_asyncio())

    assert isinstance(error, OutcomeUnknown)
    assert "not recovered within 0.6 s" in str(error)
    assert balance_after(tmp_path) == 0


def test_an_end_that_is_cancelled_while_it_waits_leaves_nothing(tmp_path: Path) -> None:
    async def day() -> None:
        engine = await stage(tmp_path).build_async()
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGKILL)
        await until_it_is(engine, "recovering")
        paid = asyncio.create_task(engine.apply_account_adjustment(account(1), PAID))
        await asyncio.sleep(0)
        end = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        end.cancel()
        (error,) = await asyncio.gather(paid, return_exceptions=True)
        assert isinstance(error, OutcomeUnknown)
        with pytest.raises(asyncio.CancelledError):
            await end
        assert all_gone([pid, pid_of(engine, 0)])
        assert engine.stats()[0].state == "closed"

    asyncio.run(day())
    assert balance_after(tmp_path) == 0
