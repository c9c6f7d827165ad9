"""What an operator says while a shard stands still, the server owes: not the operator's session."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from flow import IN_SHARD_0, IN_SHARD_1, buy
from served import Served
from server_processes import until

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.pretrade import RejectCode
from openpit.pretrade.policies import build_order_validation

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
