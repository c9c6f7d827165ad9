"""^C while an engine is built, and in a program of several threads.

Of those, one reads the pipes for all, and it may be any.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import makers
import pytest
import uvloop
from fault_hosts import PATIENCE, BlockingHost, an_order
from fault_policies import Gate, Harmful, Journal
from fault_starts import HangsWhenLoaded
from fault_traces import Traces, eventually

import openpit

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def desk(gate: Gate, journal: Journal) -> Iterator[BlockingHost]:
    """An engine whose orders of WAIT stand still until the test lets them go on."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    host = BlockingHost()
    host.build(Harmful(gate, journal))
    try:
        yield host
    finally:
        host.end()
        signal.signal(signal.SIGINT, handler)


def press_when_in_flight(host: BlockingHost, shard: int) -> threading.Thread:
    """Have somebody press ^C as soon as a call to a shard is in flight; nobody else asks then."""
    link = host.engine._router.links[shard]

    def press() -> None:
        assert eventually(lambda: link.in_flight == 1, PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def trade_until_interrupted(host: BlockingHost, number: int) -> None:
    pressing = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
    pressing.start()
    try:
        while True:
            host.engine.execute_pre_trade(an_order(number))
    finally:
        pressing.join()


def test_another_thread_reads_while_the_main_thread_is_interrupted(
    desk: BlockingHost, gate: Gate, journal: Journal
) -> None:
    ours, theirs = desk.account_of(0), desk.account_of(1)
    reader = desk.begin_execute(theirs, "WAIT")
    held_theirs = gate.meet()
    pressing = press_when_in_flight(desk, 0)

    with pytest.raises(KeyboardInterrupt):
        desk.engine.execute_pre_trade(an_order(ours, "WAIT"))

    pressing.join()
    held_ours = gate.meet()
    gate.let_go(held_ours)
    assert eventually(lambda: desk.stats(0).in_flight == 0)
    gate.let_go(held_theirs)
    result = reader.result(PATIENCE)
    assert result
    assert desk.execute(ours)
    assert eventually(lambda: journal.lines() == [f"rollback-{ours}"])
    desk.ask(lambda _: result.reservation.commit())
    assert journal.lines() == [f"rollback-{ours}", f"commit-{theirs}"]


def test_the_main_thread_reads_when_it_is_interrupted(
    desk: BlockingHost, gate: Gate, journal: Journal
) -> None:
    ours, theirs = desk.account_of(0), desk.account_of(1)
    waiting: list[Any] = []
    link = desk.engine._router.links[0]

    def follow() -> None:
        """Begin a call behind the main thread's, and press ^C when it waits."""
        assert eventually(lambda: link.in_flight == 1, PATIENCE)
        waiting.append(desk.begin_execute(theirs, "WAIT"))
        held.append(gate.meet())
        held.append(gate.meet())
        os.kill(os.getpid(), signal.SIGINT)

    held: list[Any] = []
    following = threading.Thread(target=follow)
    following.start()
    with pytest.raises(KeyboardInterrupt):
        desk.engine.execute_pre_trade(an_order(ours, "WAIT"))
    following.join()

    for each in held:
        gate.let_go(each)

    assert waiting[0].result(PATIENCE)  # who has waited reads from now on
    assert eventually(lambda: desk.stats(0).in_flight == 0)
    assert desk.execute(ours)
    assert eventually(lambda: journal.lines() == [f"rollback-{ours}"])


def test_an_interrupt_in_many_calls_of_many_threads(desk: BlockingHost) -> None:
    numbers = [desk.account_of(shard, place) for shard in (0, 1) for place in range(2)]
    is_over = threading.Event()

    def trade(number: int) -> int:
        count = 0
        while not is_over.is_set():
            assert desk.engine.execute_pre_trade(an_order(number))
            desk.engine.apply_execution_report(makers.pnl_report(number, "1"))
            count += 1
        return count

    others = [desk.begin(lambda _, n=number: trade(n)) for number in numbers]
    for place in range(30):
        with pytest.raises(KeyboardInterrupt):
            trade_until_interrupted(desk, numbers[place % 4])
    is_over.set()

    assert all(other.result(PATIENCE) > 0 for other in others)
    assert [desk.stats(shard).state for shard in (0, 1)] == ["up", "up"]


# --- building ------------------------------------------------------------------------------------


def test_an_engine_whose_building_is_interrupted(nothing_left: Traces) -> None:
    builder = openpit.Engine.builder().sharded(2).pre_trade(policy=HangsWhenLoaded())
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        assert eventually(lambda: len(nothing_left.new_children()) == 2, PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        builder.build()

    pressing.join()
    signal.signal(signal.SIGINT, handler)
    nothing_left.assert_all_gone()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_an_engine_whose_building_is_cancelled(run: Any, nothing_left: Traces) -> None:
    builder = openpit.Engine.builder().sharded(2).pre_trade(policy=HangsWhenLoaded())

    async def story() -> None:
        building = asyncio.ensure_future(builder.build_async())
        await asyncio.sleep(0)
        assert len(nothing_left.new_children()) == 2
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building

    run(story())

    nothing_left.assert_all_gone()
