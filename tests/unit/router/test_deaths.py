"""A shard dies at every turn of the loop that a call takes, and the other one just behind it.

A first death takes every second turn: of one shard the even, of the other the odd ones, on 3.11
the other way round than on later Pythons. All with ``OPENPIT_MOMENTS=all`` (``make interrupts``).

Every call ends, with a denial or a named error; what the living shard has is whole.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, account, buy, report
from near import near, near_async, workers_of

from openpit import Engine
from openpit.errors import EngineClosed, OutcomeUnknown, ShardDown
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    build_order_size_limit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openpit.faces.embedded import ReadyShardedEngineBuilder

    Call = Callable[[Any, list[Any]], Awaitable[Any]]

MOST_TURNS = 200
"""No call takes so many turns of the loop."""

STEP = 1 if os.environ.get("OPENPIT_MOMENTS") == "all" else 2
FIRST = 1 if sys.version_info[:2] == (3, 11) else 0

MEMBERS = [account(IN_SHARD_0), account(IN_SHARD_1)]
SMALLER = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="5"))
KILLED = "its worker was killed by signal 9"


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Every death is logged, and there are hundreds here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def builder(**options: Any) -> ReadyShardedEngineBuilder:
    limit = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="1000"))
    stage: Any = Engine.builder().sharded(2, **options)
    ready: ReadyShardedEngineBuilder = stage.builtin(build_order_size_limit().broker_barrier(limit))
    return ready.pre_trade(Reserving())


CALLS: dict[str, Call] = {
    "execute": lambda engine, _: engine.execute_pre_trade(buy(IN_SHARD_1)),
    "without account": lambda engine, _: engine.execute_pre_trade(buy(None)),
    "many": lambda engine, _: engine.execute_pre_trade_many([buy(n) for n in (1, 2, None, 2, 1)]),
    "request": lambda _, kept: kept[4].execute(),
    "request without account": lambda _, kept: kept[5].execute(),
    "commit": lambda _, kept: kept[1].commit(),
    "bad commit": lambda _, kept: kept[3].commit(),
    "commit many": lambda engine, kept: engine.commit_many(kept[:4]),
    "reports": lambda engine, _: engine.apply_execution_report_many([report(1), report(2)]),
    "register": lambda engine, _: engine.accounts().register_group(MEMBERS, 7),
    "block group": lambda engine, _: engine.accounts().block_group(8, "closed"),
    "configure": lambda engine, _: engine.configure().order_size_limit(
        "OrderSizeLimitPolicy", broker=SMALLER
    ),
    "close": lambda engine, _: engine.close(),
}


async def opened(**options: Any) -> tuple[Any, list[Any]]:
    """Return an engine and handles of it: four reservations, one of a bad commit, two requests."""
    engine: Any = await near_async(builder(**options), 0, 3)
    orders = [buy(number, text) for number, text in ((2, "10"), (1, "10"), (2, "10"), (2, "201"))]
    reservations = [(await engine.execute_pre_trade(order)).reservation for order in orders]
    requests = [(await engine.start_pre_trade(buy(number))).request for number in (1, None)]
    return engine, [*reservations, *requests]


async def assert_half_alive(engine: Any, living: int) -> None:
    """Assert that one shard is as it was, and that everything of the other one is refused."""
    mine, gone = (IN_SHARD_0, IN_SHARD_1) if living == 0 else (IN_SHARD_1, IN_SHARD_0)
    other = next(n for n in range(10, 99) if engine.shard_of(account(n)) == living)
    accounts = engine.accounts()
    await accounts.unblock_all()
    assert (await engine.execute_pre_trade_dry_run(buy(mine, "5"))).is_pass
    (reject,) = (await engine.execute_pre_trade(buy(gone))).rejects
    assert reject.details == f"shard {1 - living}: {KILLED}"
    with pytest.raises(ShardDown):
        await accounts.register_group([account(other), *MEMBERS], 9)
    assert await accounts.group_of(account(other)) is None
    if await accounts.group_of(account(mine)) is None:
        await accounts.register_group([account(mine)], 7)
    await accounts.block_group(7, "closed for good")
    assert not (await engine.execute_pre_trade(buy(mine, "5"))).ok
    router = engine._router
    assert router.procedures.exclusive is None
    assert not router.procedures.waiting
    assert not router.books.settling


@pytest.mark.parametrize("dying", [0, 1])
@pytest.mark.parametrize("name", CALLS)
def test_a_shard_that_dies_in_the_midst_of_a_call(name: str, dying: int) -> None:
    async def story(turn: int) -> bool:
        engine, kept = await opened()
        call = asyncio.ensure_future(CALLS[name](engine, kept))
        for _ in range(turn):
            await asyncio.sleep(0)
        came_too_late = call.done()

        workers_of(engine)[dying].kill()
        async with asyncio.timeout(10):
            (outcome,) = await asyncio.gather(call, return_exceptions=True)
            if isinstance(outcome, Exception) and not came_too_late:
                errors = getattr(outcome, "exceptions", [outcome])
                # A bad commit fails as such where its shard lives.
                assert all(type(e) in {OutcomeUnknown, ShardDown, ValueError} for e in errors)
            if name != "close":
                await assert_half_alive(engine, 1 - dying)
            await engine.close()
        assert [shard.state for shard in engine.stats()] == ["closed", "closed"]
        return came_too_late

    for turn in itertools.count((dying + FIRST) % STEP, STEP):
        assert turn < MOST_TURNS
        if asyncio.run(story(turn)):
            break


@pytest.mark.parametrize("name", CALLS)
def test_a_second_death_while_the_first_one_is_handled(name: str) -> None:
    async def story(turn: int, later: int) -> bool:
        engine, kept = await opened()
        call = asyncio.ensure_future(CALLS[name](engine, kept))
        for _ in range(turn):
            await asyncio.sleep(0)
        came_too_late = call.done()

        workers_of(engine)[0].kill()
        for _ in range(later):
            await asyncio.sleep(0)
        workers_of(engine)[1].kill()
        async with asyncio.timeout(10):
            await asyncio.gather(call, return_exceptions=True)
            for number in (IN_SHARD_0, IN_SHARD_1):
                if name == "close":
                    with pytest.raises(EngineClosed):
                        await engine.execute_pre_trade(buy(number))
                else:
                    (reject,) = (await engine.execute_pre_trade(buy(number))).rejects
                    assert reject.details.endswith(KILLED)
            if name != "close":
                with pytest.raises((ShardDown, OutcomeUnknown)):
                    await engine.accounts().unblock_all()
                with pytest.raises(ShardDown):
                    await engine.accounts().unblock_all()
            await engine.close()
        return came_too_late

    for later in (0, 1, 2):
        for turn in itertools.count(0, 2):
            assert turn < MOST_TURNS
            if asyncio.run(story(turn, later)):
                break


# --- telling the host ----------------------------------------------------------------------------


def test_a_callback_may_go_on_trading_and_close_the_engine() -> None:
    told: list[Any] = []

    def on_shard_down(picture: Any) -> None:
        told.append((picture.shard, engine.execute_pre_trade(buy(IN_SHARD_1)).ok))
        engine.close()
        raise ValueError("the pager is off")

    engine = near(builder(on_shard_down=on_shard_down))
    workers_of(engine)[0].kill()

    assert not engine.execute_pre_trade(buy(IN_SHARD_0)).ok

    assert told == [(0, True)]
    assert [shard.state for shard in engine.stats()] == ["closed", "closed"]
    with pytest.raises(EngineClosed):
        engine.execute_pre_trade(buy(IN_SHARD_1))


def test_a_callback_of_asyncio_may_start_calls_and_close_the_engine() -> None:
    async def story() -> None:
        tasks: list[asyncio.Future[Any]] = []

        def on_shard_down(_: Any) -> None:
            tasks.append(asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_1))))
            tasks.append(asyncio.ensure_future(engine.close()))
            raise ValueError("the pager is off")

        engine: Any = await near_async(builder(on_shard_down=on_shard_down), 0, 3)
        in_flight = asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_0)))
        await asyncio.sleep(0)
        workers_of(engine)[0].kill()

        async with asyncio.timeout(10):
            assert not (await in_flight).ok
            result, _ = await asyncio.gather(*tasks)
        assert result.ok
        assert [shard.state for shard in engine.stats()] == ["closed", "closed"]

    asyncio.run(story())
