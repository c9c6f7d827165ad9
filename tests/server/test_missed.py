"""A session with a name comes back for the answers that it has missed, whatever has ended."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, account, buy, report
from makers import deposit
from server_processes import FUNDS, Server, until

import openpit
from openpit.errors import OutcomeUnknown, SomeItemsFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ME, OTHER = IN_SHARD_0, 4
"""Accounts of one shard."""
PROGRAM = Path(__file__).with_name("missing_program.py")


@pytest.fixture
def program() -> Iterator[Callable[[Server], subprocess.Popen[bytes]]]:
    """Starts the program that hears no answer."""
    started: list[subprocess.Popen[bytes]] = []

    def start(server: Server) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(sys.path)
        numbers = map(str, (server.process.pid, ME, OTHER))
        started.append(
            subprocess.Popen(
                [sys.executable, str(PROGRAM), server.path, *numbers],
                env={**os.environ, "PYTHONPATH": paths},
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


def is_blocked(server: Server) -> bool:
    with openpit.connect(server.path) as engine:
        return engine.account_state(account(ME)).is_blocked


@pytest.mark.parametrize("ended", ["the program", "a worker", "the server", "in order", "twice"])
def test_a_program_that_was_killed_has_the_answers_that_it_missed(
    ended: str, serve: Callable[..., Server], tmp_path: Path, program: Callable[[Server], Any]
) -> None:
    journal = ("--journal", str(tmp_path / "desk"))
    server = serve(FUNDS, *journal)
    process = program(server)
    until(lambda: is_blocked(server))  # its last call
    process.kill()
    process.wait()
    if ended in {"a worker", "twice"}:
        for pid in server.workers[-2:]:
            os.kill(pid, signal.SIGKILL)
    if ended not in {"the program", "a worker"}:
        server.stop(signal.SIGTERM if ended == "in order" else signal.SIGKILL)
        server = serve(FUNDS, *journal, path=server.path)

    engine = openpit.connect(server.path, name="desk")
    missed = engine.missed_answers()

    assert missed.forgotten == 0
    assert [one.call for one in missed] == [
        *("order", "order", "report", "adjustments", "commit", "order", "order"),
        *("report", "report", "commit many", "start stage", "administration"),
    ]
    assert {one.shard for one in missed} == {0}
    places = [(one.batch, one.place) for one in missed]
    assert places == sorted(places)
    whose = {one.call: one.account_id for one in missed}
    assert (whose["order"], whose["report"]) == (account(ME), account(OTHER))
    assert whose["commit many"] is None
    accepted, refused, fill, paid, committed, *many = missed
    assert accepted.asked.operation.trade_amount.as_quantity.decimal == 20
    assert refused.asked.operation.trade_amount.as_quantity.decimal == 9999
    assert [reject.code for reject in refused.result.rejects] == ["InsufficientFunds"]
    assert fill.asked.operation.account_id == account(OTHER)
    assert [block.code for block in fill.result.account_blocks] == ["MissingRequiredField"]
    assert paid.key == b"paid"
    assert len(paid.asked) == 1
    assert paid.result.outcomes[0].entry.asset == "USD"
    assert committed.result is None
    assert [one.result is None for one in many] == [False] * 4 + [True, False, True]

    left = engine.open_reservations()
    opened = [accepted.result.reservation, *[one.result.reservation for one in many[:2]]]
    assert [one.handle for one in left] == [*opened, many[5].result.request]
    engine.commit_many(opened)
    assert engine.missed_answers() == []
    engine.close()
    with openpit.connect(server.path, name="desk") as engine:
        assert engine.missed_answers() == []


def test_what_nobody_asks_for_is_let_go_of_when_the_grace_is_over(
    serve: Callable[..., Server], tmp_path: Path, program: Callable[[Server], Any]
) -> None:
    server = serve(FUNDS, "--journal", str(tmp_path / "desk"), "--grace", "0.3")
    process = program(server)
    until(lambda: is_blocked(server))
    with openpit.connect(server.path, name="desk") as engine:  # the newer one wins

        def is_over() -> bool:
            engine.poll()
            return not engine._client.left.missed

        until(is_over)
    with openpit.connect(server.path, name="desk") as engine:
        assert engine.missed_answers() == []
    process.kill()


def never_heard(engine: Any) -> None:
    """Take what has come for an engine off its connection."""
    fd = engine._driver._ports[0].reply_fd
    os.set_blocking(fd, False)
    try:
        while os.read(fd, 65536):
            pass
    except BlockingIOError:
        return


def lost(ended: Any) -> list[OutcomeUnknown]:
    """Return the errors of calls that were cut short, in how one of them has ended."""
    if isinstance(ended, SomeItemsFailed):
        return [*ended.exceptions]  # type: ignore[list-item]  # all of them, or the test fails
    return [ended] if isinstance(ended, OutcomeUnknown) else []


def denials(ended: Any) -> list[Any]:
    """Return the results of orders that were denied on their way."""
    if isinstance(ended, BaseException):
        return []
    return ended if isinstance(ended, list) else [ended]


@pytest.mark.parametrize("is_renewed", [True, False])
def test_every_call_that_a_killed_server_has_cut_short_can_be_asked_for(
    is_renewed: bool, serve: Callable[..., Server], tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "desk"))
    server = serve(FUNDS, *journal)

    def calls(engine: Any, held: list[Any]) -> list[Any]:
        return [
            engine.execute_pre_trade(buy(ME, "20", price="10")),
            engine.apply_execution_report(report(OTHER)),
            engine.apply_account_adjustment(account(ME), [deposit("USD", "5")]),
            held[0].commit(),
            held[1].rollback(),
            engine.execute_pre_trade_many([buy(ME, "30", price="10")] * 2),
            engine.apply_execution_report_many([report(OTHER)] * 2),
            engine.commit_many(held[2:]),
        ]

    async def sent(engine: Any, held: list[Any]) -> list[asyncio.Task[Any]]:
        tasks = [asyncio.create_task(one) for one in calls(engine, held)]
        for _ in range(8):  # turns of the loop, in which calls of many go on
            await asyncio.sleep(0)
        block = engine.accounts().block(account(ME), "by hand")
        tasks.append(asyncio.create_task(block))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return tasks

    async def trade() -> None:
        nonlocal server
        engine = await openpit.connect_async(server.path, name="desk")
        held = [
            (await engine.execute_pre_trade(buy(ME, "1", price="10"))).reservation for _ in range(8)
        ]
        os.kill(server.process.pid, signal.SIGSTOP)
        made = await sent(engine, held[:4])
        os.kill(server.process.pid, signal.SIGCONT)
        # This loop stands still from here on, so nothing is read.
        until(lambda: is_blocked(server))
        never_heard(engine)
        os.kill(server.process.pid, signal.SIGSTOP)
        unmade = await sent(engine, held[4:])
        server.stop(signal.SIGKILL)
        ended = await asyncio.gather(*made, *unmade, return_exceptions=True)
        asked = pickle.loads(pickle.dumps([each for one in ended for each in lost(one)]))
        denied = [each for one in ended for each in denials(one)]
        server = serve(FUNDS, *journal, path=server.path)
        if not is_renewed:
            await engine.close()
            engine = await openpit.connect_async(server.path, name="desk")
        async with asyncio.timeout(60):
            while [one.state for one in engine.stats()] != ["up"] * 2:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        fates = [(await engine.outcome(one)).was_applied for one in asked]
        assert len(asked) == 2 * 9
        assert fates == [True] * (len(asked) // 2) + [False] * (len(asked) // 2)
        orders = [await engine.outcome(one) for one in denied]
        assert [one.was_applied for one in orders] == [True] * 3 + [False] * 3
        for one in orders[:3]:
            await one.result.reservation.rollback()
        # Those that were open before, and not ended by what was made.
        assert len(await engine.open_reservations()) == 4
        await engine.close()

    asyncio.run(trade())
