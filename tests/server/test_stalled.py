"""What an operator says while a shard stands still, the server owes: not the operator's session.

With a journal the server puts another worker in the place of one that stands still for too long.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from flow import IN_SHARD_0, IN_SHARD_1, buy
from served import Served
from server_processes import until

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.errors import CommandSkipped
from openpit.pretrade import RejectCode
from openpit.pretrade.policies import build_order_validation

sys.path.append(str(Path(__file__).parents[1] / "recovery"))

from crashing import Crashing

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = (IN_SHARD_0, IN_SHARD_1)


@pytest.fixture
def served() -> Iterator[Served]:
    builder = openpit.Engine.builder().sharded(shards=2, timeout=0.5, stall_timeout=300)
    served = Served(builder.builtin(build_order_validation()))
    workers = [one.pid for one in served.service.engine.stats()]
    yield served
    for pid in workers:
        assert pid is not None
        os.kill(pid, signal.SIGCONT)
    served.stop()


@pytest.mark.parametrize("stopped", [(0,), (0, 1)])
def test_no_order_passes_before_a_halt_that_a_shard_owes(
    served: Served, stopped: tuple[int, ...]
) -> None:
    workers = [one.pid for one in served.service.engine.stats()]
    with openpit.connect(served.path, timeout=60) as engine:
        for number in stopped:
            os.kill(workers[number] or 0, signal.SIGSTOP)
            assert reasons(engine, ACCOUNTS[number]) == [RejectCode.SYSTEM_UNAVAILABLE]
        done = CliRunner().invoke(
            main, ["ctl", "--socket", served.path, "--timeout", "60", "halt", "exchange is down"]
        )
        numbers = ", ".join(map(str, stopped))
        assert (done.exit_code, done.output.splitlines()) == (
            Exit.OK,
            [
                "orders are halted: exchange is down",
                f"shards that are stalled have it ahead of any order: {numbers}",
            ],
        )

        for number in stopped:
            os.kill(workers[number] or 0, signal.SIGCONT)
        told = {RejectCode.SYSTEM_UNAVAILABLE}

        def is_told() -> bool:
            codes = [code for account in ACCOUNTS for code in reasons(engine, account)]
            assert len(codes) == 2  # none has passed
            told.update(codes)
            return set(codes) == {RejectCode.ACCOUNT_BLOCKED}

        until(is_told)
        assert told == {RejectCode.SYSTEM_UNAVAILABLE, RejectCode.ACCOUNT_BLOCKED}
        engine.resume()
        assert [*map(reasons, [engine] * 2, ACCOUNTS)] == [[], []]


def reasons(engine: openpit.ShardedEngine, account: int) -> list[str]:
    result = engine.execute_pre_trade(buy(account))
    if result:
        result.reservation.rollback()
    return [reject.code for reject in result.rejects]


def journaled(folder: Path, policy: Crashing, **options: Any) -> Served:
    options = {"restarts": 100, "restart_pause": 0.0, **options}
    builder = openpit.Engine.builder().sharded(shards=2, journal=folder, **options)
    return Served(builder.builtin(build_order_validation()).pre_trade(policy))


@pytest.mark.parametrize("timeout", [0.2, 0.6, 60.0])  # shorter than the server's, and longer
def test_a_call_waits_for_the_worker_that_takes_a_stopped_ones_place(
    tmp_path: Path, timeout: float
) -> None:
    policy = Crashing("never", None)
    served = journaled(tmp_path / "desk", policy, timeout=0.6, stall_timeout=0.6)
    try:
        with openpit.connect(served.path, timeout=timeout) as engine:
            before = engine.execute_pre_trade(buy(IN_SHARD_0)).reservation
            first = served.service.engine.stats()[0].pid
            assert first is not None
            os.kill(first, signal.SIGSTOP)

            assert engine.execute_pre_trade(buy(IN_SHARD_0))
            before.commit()
            assert engine.execute_pre_trade_many([buy(IN_SHARD_0), buy(IN_SHARD_1)])[0]

            (shard, _) = served.service.engine.stats()
            assert (shard.state, shard.restarts) == ("up", 1)
            assert shard.pid != first
    finally:
        served.stop()


def test_a_message_that_never_returns_is_skipped_by_name_and_its_session_is_told(
    tmp_path: Path,
) -> None:
    """Its worker is ended four times; those that were sent with it have their answers."""
    policy = Crashing("never", None)
    served = journaled(tmp_path / "desk", policy, timeout=0.4, stall_timeout=0.2)

    async def day() -> list[Any]:
        async with await openpit.connect_async(served.path, timeout=0.4) as engine:
            placed = [buy(IN_SHARD_0, quantity) for quantity in ("1", "77", "2")]
            calls = [asyncio.create_task(engine.execute_pre_trade(one)) for one in placed]
            many = engine.execute_pre_trade_many([buy(IN_SHARD_0, "3"), buy(IN_SHARD_1, "4")])
            answers = await asyncio.gather(*calls, many, return_exceptions=True)
            assert engine.stats()[0].state == "up"
            return answers

    try:
        first, second, third, many = asyncio.run(day())
        assert isinstance(second, CommandSkipped)
        assert [one.ok for one in (first, third, *many)] == [True] * 4
        assert served.service.engine.stats()[0].restarts == 4
    finally:
        served.stop()


def test_a_session_that_is_closed_waits_for_what_it_is_owed(tmp_path: Path) -> None:
    served = journaled(tmp_path / "desk", Crashing("never", None), timeout=0.4, stall_timeout=1.0)

    async def day() -> Any:
        engine = await openpit.connect_async(served.path, timeout=0.4)
        os.kill(served.service.engine.stats()[0].pid or 0, signal.SIGSTOP)
        placed = asyncio.create_task(engine.execute_pre_trade(buy(IN_SHARD_0)))
        await asyncio.to_thread(until, lambda: engine.stats()[0].state == "stalled")
        assert not placed.done()
        await engine.close()
        return await placed

    try:
        assert asyncio.run(day())
        assert served.service.engine.stats()[0].restarts == 1
    finally:
        served.stop()
