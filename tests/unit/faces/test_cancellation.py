"""A task is cancelled at every turn of the loop that its call takes; then everything must be sound.

One loop takes the even turns and the other one the odd ones, on 3.11 the other way round than on
later Pythons. Each takes all with ``OPENPIT_MOMENTS=all``, which ``make interrupts`` sets.

A call either happened or it did not: on all shards or on none. What nobody received is rolled back,
the calls of others are answered, and the engine goes on.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, account, buy, report
from gateways import Gateway, message
from near import near_async, workers_of

from openpit import Engine
from openpit.errors import EngineClosed
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    build_order_size_limit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Call = Callable[["Desk"], Awaitable[Any]]

MOST_TURNS = 200
"""No call takes so many turns of the loop."""

STEP = 1 if os.environ.get("OPENPIT_MOMENTS") == "all" else 2
EVEN = uvloop.run if sys.version_info[:2] == (3, 11) else asyncio.run
"""Whose even turns are taken."""


class Desk:
    """An engine of two shards, the second one slow, and the handles that its caller holds."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.kept: list[Any] = []

    @classmethod
    async def open(cls, **options: Any) -> Desk:
        builder = Engine.builder().sharded(2, **options)
        limit = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="1000"))
        ready = builder.builtin(build_order_size_limit().broker_barrier(limit))
        return cls(await near_async(ready.pre_trade(Reserving()).actor("gateway", Gateway), 0, 3))

    async def reserve(self, number: int, quantity: str = "10") -> Any:
        """Hold a reservation of an account."""
        reservation = (await self.engine.execute_pre_trade(buy(number, quantity))).reservation
        self.kept.append(reservation)
        return reservation

    async def at_rest(self) -> None:
        """Let everything arrive that is on its way, what nobody holds any more included."""
        for number in (IN_SHARD_0, IN_SHARD_1):
            await self.engine.accounts().group_of(account(number))
        for _ in range(MOST_TURNS):
            if not any(shard.in_flight or shard.waiting for shard in self.engine.stats()):
                return
            await asyncio.sleep(0)
        raise AssertionError(f"never at rest: {self.engine.stats()}")

    async def assert_sound(self) -> None:
        await self.at_rest()
        open_handles: list[set[int]] = [set(), set()]
        for handle in self.kept:
            if handle._open:
                open_handles[handle._link.number].add(handle._handle)
        assert [set(worker.open_handles) for worker in workers_of(self.engine)] == open_handles
        router = self.engine._router
        assert router.procedures.exclusive is None
        assert not router.procedures.waiting
        assert not router.books.dropped

    async def accepts(self, quantity: str = "10") -> list[bool]:
        """Whether an order of each shard would pass."""
        return [
            (await self.engine.execute_pre_trade_dry_run(buy(number, quantity))).is_pass
            for number in (IN_SHARD_0, IN_SHARD_1)
        ]


# --- the calls -----------------------------------------------------------------------------------


async def execute(desk: Desk) -> Any:
    return await desk.engine.execute_pre_trade(buy(IN_SHARD_1))


async def execute_without_account(desk: Desk) -> Any:
    return await desk.engine.execute_pre_trade(buy(None))


async def execute_many(desk: Desk) -> Any:
    return await desk.engine.execute_pre_trade_many([buy(n) for n in (1, 2, None, 2, 1, 1)])


async def execute_one_by_one(desk: Desk) -> Any:
    many = [buy(n) for n in (1, 2, 1, 2, None, 1)] * 2
    return await desk.engine.execute_pre_trade_many(many)


async def start_and_execute(desk: Desk) -> Any:
    desk.kept.append((await desk.engine.start_pre_trade(buy(IN_SHARD_1))).request)
    return await desk.kept[-1].execute()


async def start_and_execute_without_account(desk: Desk) -> Any:
    desk.kept.append((await desk.engine.start_pre_trade(buy(None))).request)
    return await desk.kept[-1].execute()


async def drop_copy(desk: Desk) -> Any:
    return await desk.engine.apply_drop_copy(buy(IN_SHARD_1))


async def dry_runs(desk: Desk) -> Any:
    await desk.engine.start_pre_trade_dry_run(buy(IN_SHARD_1))
    await desk.engine.execute_pre_trade_dry_run(buy(None))


async def commit(desk: Desk) -> Any:
    await desk.kept[1].commit()


async def rollback(desk: Desk) -> Any:
    await desk.kept[1].rollback()


async def commit_many(desk: Desk) -> Any:
    await desk.engine.commit_many(desk.kept)


async def rollback_many(desk: Desk) -> Any:
    await desk.engine.rollback_many(desk.kept)


async def reports(desk: Desk) -> Any:
    await desk.engine.apply_execution_report(report(IN_SHARD_1))
    await desk.engine.apply_execution_report_many([report(n) for n in (1, 2, 1, 2)])


async def adjust(desk: Desk) -> Any:
    await desk.engine.apply_account_adjustment(account(IN_SHARD_1), [])


SENT = message(["order", "10"], ["keep", "a", "10"], ["end", "a", "commit"])


async def ask(desk: Desk) -> Any:
    return await desk.engine.ask("gateway", account(IN_SHARD_1), SENT)


async def ask_many(desk: Desk) -> Any:
    items = [(account(n), SENT) for n in (1, 2, 1, 2)]
    return await desk.engine.ask_many("gateway", items)


async def tell_and_ask(desk: Desk) -> Any:
    await desk.engine.tell("gateway", account(IN_SHARD_1), SENT)
    await desk.engine.ask("gateway", account(IN_SHARD_1), SENT)


CALLS: list[Call] = [
    execute,
    execute_without_account,
    execute_many,
    execute_one_by_one,
    start_and_execute,
    start_and_execute_without_account,
    drop_copy,
    dry_runs,
    commit,
    rollback,
    commit_many,
    rollback_many,
    reports,
    adjust,
    ask,
    ask_many,
    tell_and_ask,
]


# --- at every turn -------------------------------------------------------------------------------


async def cancelled_at(turn: int, call: Awaitable[Any]) -> Any:
    """Cancel a call after so many turns of the loop; return its result if it ended before."""
    task = asyncio.ensure_future(call)
    for _ in range(turn):
        await asyncio.sleep(0)
    if task.done():
        return task.result()
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError as error:
        return error  # whoever keeps it must not keep what the call would have returned


def at_every_turn(
    run: Callable[[Coroutine[Any, Any, Any]], Any],
    story: Callable[[int], Coroutine[Any, Any, bool]],
) -> None:
    """Tell a story with a cancellation after so many turns and more, until it comes too late."""
    gc.disable()  # what is let go is let go by the last reference
    try:
        turn = 0 if STEP == 1 or run is EVEN else 1
        while run(story(turn)):
            turn += STEP
            assert turn < MOST_TURNS
        assert turn > 1, "there was something to cancel"
    finally:
        gc.enable()


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("granted", [8192, 2], ids=["much credit", "little credit"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_nothing_is_left_of_a_call_that_is_cancelled(run: Any, call: Call, granted: int) -> None:
    async def story(turn: int) -> bool:
        desk = await Desk.open(credits=granted)
        for number in (IN_SHARD_0, IN_SHARD_1, IN_SHARD_0):
            await desk.reserve(number)
        others = [
            asyncio.ensure_future(desk.engine.execute_pre_trade(buy(number, "7")))
            for number in (IN_SHARD_0, IN_SHARD_1) * 2
        ]

        outcome = await cancelled_at(turn, call(desk))

        assert [(await other).ok for other in others] == [True] * 4
        for other in others:
            await other.result().reservation.rollback()
        others.clear()
        was_cancelled = isinstance(outcome, asyncio.CancelledError)
        if not was_cancelled:
            outcome = None
        await desk.assert_sound()
        assert await desk.accepts() == [True, True]
        await desk.engine.close()
        return was_cancelled

    at_every_turn(run, story)


# --- what all shards have to agree on ------------------------------------------------------------


@pytest.mark.parametrize("granted", [8192, 2], ids=["much credit", "little credit"])
@pytest.mark.parametrize("change", ["register", "unregister", "block", "unblock", "currency"])
def test_a_group_is_changed_on_all_shards_or_on_none(run: Any, change: str, granted: int) -> None:
    members = [account(IN_SHARD_0), account(IN_SHARD_1)]

    async def story(turn: int) -> bool:
        desk = await Desk.open(credits=granted)
        accounts = desk.engine.accounts()
        if change != "register":
            await accounts.register_group(members, 7)
        if change == "unblock":
            await accounts.block_group(7, "closed")
        calls = {
            "register": lambda: accounts.register_group(members, 7),
            "unregister": lambda: accounts.unregister_group(members, 7),
            "block": lambda: accounts.block_group(7, "closed"),
            "unblock": lambda: accounts.unblock_group(7),
            "currency": lambda: accounts.set_group_currency(7, "EUR"),
        }

        outcome = await cancelled_at(turn, calls[change]())

        await desk.at_rest()
        groups = {await accounts.group_of(member) for member in members}
        assert len(groups) == 1
        assert len(set(await desk.accepts())) == 1
        await desk.assert_sound()
        if groups == {None}:  # what comes next finds everything as if nothing had been
            await accounts.register_group(members, 7)
        await accounts.block_group(7, "closed for good")
        assert await desk.accepts() == [False, False]
        await desk.engine.close()
        return isinstance(outcome, asyncio.CancelledError)

    at_every_turn(run, story)


def test_settings_are_changed_on_all_shards_or_on_none(run: Any) -> None:
    async def story(turn: int) -> bool:
        desk = await Desk.open(credits=2)
        smaller = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="5"))
        others = [
            asyncio.ensure_future(desk.engine.execute_pre_trade(buy(number, "3")))
            for number in (IN_SHARD_0, IN_SHARD_1) * 3
        ]
        settings = desk.engine.configure()

        outcome = await cancelled_at(
            turn, settings.order_size_limit("OrderSizeLimitPolicy", broker=smaller)
        )

        assert [(await other).ok for other in others] == [True] * 6
        others.clear()
        await desk.at_rest()
        accepts = await desk.accepts("6")
        was_cancelled = isinstance(outcome, asyncio.CancelledError)
        assert accepts in ([[True] * 2, [False] * 2] if was_cancelled else [[False] * 2])
        await desk.assert_sound()
        await settings.order_size_limit("OrderSizeLimitPolicy", broker=smaller)
        assert await desk.accepts("6") == [False, False]
        await desk.engine.close()
        return was_cancelled

    at_every_turn(run, story)


def test_a_failed_commit_blocks_all_shards_whoever_waits_for_it(run: Any) -> None:
    async def story(turn: int) -> bool:
        desk = await Desk.open()
        reservation = await desk.reserve(IN_SHARD_0, "201")

        async def commit_badly() -> None:
            with pytest.raises(ValueError, match="commit failed"):
                await reservation.commit()

        outcome = await cancelled_at(turn, commit_badly())

        # Cancelled before it began: then nothing failed.
        expected = [True, True] if reservation._open else [False, False]
        assert await desk.accepts() == expected
        await desk.assert_sound()
        await desk.engine.accounts().unblock_all()
        assert await desk.accepts() == [True, True]
        await desk.engine.close()
        return isinstance(outcome, asyncio.CancelledError)

    at_every_turn(run, story)


# --- closing -------------------------------------------------------------------------------------


def test_closing_ends_every_call_however_it_ends_itself(run: Any) -> None:
    async def story(turn: int) -> bool:
        desk = await Desk.open()
        engine = desk.engine
        await desk.reserve(IN_SHARD_1)
        await desk.reserve(IN_SHARD_0)
        others = [
            asyncio.ensure_future(other)
            for other in (
                engine.execute_pre_trade(buy(IN_SHARD_1)),
                engine.execute_pre_trade_many([buy(IN_SHARD_0), buy(IN_SHARD_1)]),
                desk.kept[0].commit(),
                engine.accounts().block_group(7, "closed"),
            )
        ]

        outcome = await cancelled_at(turn, engine.close())

        if engine._router.books.is_closed:  # else it was cancelled before it began
            async with asyncio.timeout(5):
                await asyncio.gather(*others, return_exceptions=True)
        await engine.close()
        with pytest.raises(EngineClosed):
            await engine.execute_pre_trade(buy(IN_SHARD_0))
        assert [shard.state for shard in engine.stats()] == ["closed", "closed"]
        assert not any(worker.is_running for worker in workers_of(engine))
        await asyncio.gather(*others, return_exceptions=True)
        return isinstance(outcome, asyncio.CancelledError)

    at_every_turn(run, story)
