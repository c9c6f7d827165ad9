"""A batch that ends in part, or in its midst, tells what the others got."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import makers
import pytest
from custom_policies import Reserving
from fault_hosts import PATIENCE, BlockingHost, an_order, on_every_loop
from fault_policies import Blocking, Harmful
from fault_traces import eventually

import openpit
from openpit.errors import SomeItemsFailed
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from fault_hosts import Host
    from fault_policies import Journal


class OneEngine:
    """The engine that the sharded ones are compared with, asked in the same way."""

    def __init__(self, *policies: Any) -> None:
        stage: Any = openpit.Engine.builder().account_sync()
        for policy in policies:
            stage = stage.pre_trade(policy)
        self.engine = stage.build()

    def ask(self, ask: Callable[[Any], Any]) -> Any:
        return ask(self.engine)


def told(host: Any, ask: Callable[[Any], Any]) -> tuple[Any, ...]:
    """What a batch that fails in part says, the results of the others included."""
    with pytest.raises(SomeItemsFailed) as failed:
        host.ask(ask)
    error = failed.value
    return (
        error.message,
        error.indexes,
        [f"{type(one).__name__}: {one}" for one in error.exceptions],
        [_shown(result) for result in error.results],
    )


def _shown(result: Any) -> Any:
    blocks = getattr(result, "account_blocks", None)
    return result if blocks is None else [(block.code, block.reason) for block in blocks]


@on_every_loop
def test_a_part_that_fails_is_told_as_by_one_engine(host: Host) -> None:
    host.build(Blocking(), Reserving())
    accounts = [host.account_of(0), host.account_of(1), host.account_of(1, 1)]
    reports: list[Any] = [makers.pnl_report(number, "5") for number in accounts]
    said = []
    for desk in (OneEngine(Blocking(), Reserving()), host):

        def reserved(number: int, desk: Any = desk) -> Any:
            return desk.ask(lambda e: e.execute_pre_trade(order=an_order(number))).reservation

        first, second, third = (reserved(number) for number in accounts)
        commits = told(desk, lambda e, a=first: e.commit_many([a, None, a]))
        rollbacks = told(desk, lambda e, a=first, b=second, c=third: e.rollback_many([b, a, c]))
        applied = told(desk, lambda e: e.apply_execution_report_many([*reports[:2], 5, reports[2]]))
        said.append((commits, rollbacks, applied))

    one, sharded = said
    assert sharded == one
    assert one[0][1::2] == ((1, 2), [True, None, None])
    assert one[1][1::2] == ((1,), [True, None, True])
    assert one[2][1] == (2,)
    assert [bool(result) for result in one[2][3]] == [True, True, False, True]


@on_every_loop
def test_a_shard_that_dies_takes_no_result_of_the_others_with_it(
    host: Host, journal: Journal
) -> None:
    host.build(Harmful(journal=journal), Blocking())
    accounts = [host.account_of(0), host.account_of(1)]
    held = [host.execute(number, "HOLD").reservation for number in accounts]
    host.stop(0)
    link = host.engine._router.links[1]
    reports = [makers.pnl_report(number, "5") for number in accounts]
    rollbacks = host.begin(lambda e: e.rollback_many(held))
    applied = host.begin(lambda e: e.apply_execution_report_many(reports))
    host.in_flight(0, 2)
    assert eventually(lambda: link.in_flight == 0)

    host.kill(0)

    failed: list[Any] = [call.exception(PATIENCE) for call in (rollbacks, applied)]
    assert [error.indexes for error in failed] == [(0,), (0,)]
    assert failed[0].results == [None, True]
    lost, kept = failed[1].results
    assert lost is None
    assert len(kept.account_blocks) == 1
    assert journal.lines() == [f"rollback-{accounts[1]}"]


@pytest.mark.parametrize("host", ["asyncio", "uvloop"], indirect=True)
def test_a_cancelled_batch_tells_what_was_done(host: Host) -> None:
    host.build(Blocking())
    reports = [makers.pnl_report(host.account_of(shard), "5") for shard in (0, 1)]
    links = host.engine._router.links
    before = links[1].answered
    host.stop(0)

    async def cancelled(engine: Any) -> Any:
        task = asyncio.ensure_future(engine.apply_execution_report_many(reports))
        while links[0].in_flight != 1 or links[1].answered == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        return None

    error = host.ask(cancelled)
    host.go_on(0)

    lost, kept = error.results
    assert lost is None
    assert len(kept.account_blocks) == 1


def test_an_interrupted_batch_tells_what_was_done() -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    desk = BlockingHost()
    try:
        desk.build(Blocking(), build_order_validation())
        reports = [makers.pnl_report(desk.account_of(shard), "5") for shard in (0, 1)]
        links = desk.engine._router.links
        before = links[1].answered
        desk.stop(0)

        def press() -> None:
            assert eventually(lambda: links[0].in_flight == 1, PATIENCE)
            assert eventually(lambda: links[1].answered == before + 1, PATIENCE)
            os.kill(os.getpid(), signal.SIGINT)

        pressing = threading.Thread(target=press)
        pressing.start()
        with pytest.raises(KeyboardInterrupt) as stopped:
            desk.engine.apply_execution_report_many(reports)
        pressing.join()
        desk.go_on(0)
    finally:
        desk.end()
        signal.signal(signal.SIGINT, handler)

    lost, kept = stopped.value.results  # type: ignore[attr-defined]  # see openpit.engine.batches
    assert lost is None
    assert len(kept.account_blocks) == 1
