from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from custom_policies import Acting, Reserving, Unloadable, Unusual
from flow import AAPL, IN_SHARD_0, IN_SHARD_1, account, buy, report
from processes import all_gone, descriptors

from openpit import Engine
from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.errors import EngineClosed, OutcomeUnknown, ShardDown, ShardOverloaded, ShardStartError
from openpit.marketdata import Quote, QuoteTtl
from openpit.param import AdjustmentAmount
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    build_order_size_limit,
    build_order_validation,
    build_spot_funds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.pretrade import Policy

Run = "Callable[[Coroutine[Any, Any, None]], None]"


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


async def sharded(*policies: Policy, shards: int = 2, **options: Any) -> AsyncShardedEngine:
    builder = Engine.builder().sharded(shards, **options).builtin(build_order_validation())
    for policy in policies:
        builder.pre_trade(policy)
    return await builder.build_async()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def test_the_whole_surface_is_awaited(run: Run) -> None:
    async def story() -> None:
        builder = Engine.builder().sharded(2)
        service = builder.market_data(QuoteTtl.infinite()).build()
        ready = builder.builtin(build_spot_funds().market_data(service, 0)).builtin(
            build_order_size_limit().broker_barrier(
                OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="100"))
            )
        )
        threads = threading.active_count()
        async with await ready.build_async() as engine:
            assert threading.active_count() == threads
            assert engine.shards == 2
            assert engine.shard_of(account(IN_SHARD_1)) == 1
            seed = Adjustment(
                operation=BalanceOperation(asset="USD"),
                amount=Amount(balance=AdjustmentAmount.absolute("1000")),
            )
            assert (await engine.apply_account_adjustment(account(1), [seed])).ok
            started = await engine.start_pre_trade(buy(1, "2", "50"))
            result = await started.request.execute()
            ((_, price),) = result.reservation.lock.entries()
            assert price.decimal == 50
            await result.reservation.rollback()
            with pytest.raises(RuntimeError, match="already been finalized"):
                await result.reservation.rollback()
            assert (await engine.execute_pre_trade_dry_run(buy(1, "20", "50"))).is_pass
            assert (await engine.start_pre_trade_dry_run(buy(1, "20", "50"))).is_pass
            service.push_by_instrument(AAPL, Quote(mark="100"), timedelta(0))
            market = await engine.execute_pre_trade(buy(1, "10", None))
            assert market.ok
            await market.reservation.commit()
            copied = await engine.apply_drop_copy(buy(1, "1", "50"))
            await copied.operation.commit()
            await engine.accounts().register_group([account(1), account(2)], 7)
            assert (await engine.accounts().group_of(account(2))).value == 7
            await engine.accounts().block_group(7, "closed")
            results = await engine.execute_pre_trade_many([buy(number) for number in range(4)])
            assert [r.rejects[0].reason for r in results[1:3]] == ["closed", "closed"]
            await engine.accounts().unblock_group(7)
            await engine.configure().order_size_limit(
                "OrderSizeLimitPolicy",
                broker=OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="1")),
            )
            refused = await engine.execute_pre_trade(buy(2, "2"))
            assert refused.rejects[0].code == "OrderQtyExceedsLimit"
            reports = await engine.apply_execution_report_many([report(1), report(2)])
            assert len(reports) == 2
            (block,) = (await engine.apply_execution_report(report(1))).account_blocks
            assert block.code == "MissingRequiredField"
        assert [shard.state for shard in engine.stats()] == ["closed", "closed"]

    run(story())


def test_nothing_is_left_after_closing(run: Run) -> None:
    async def story() -> None:
        before = descriptors()
        engine = await sharded(Reserving())
        pids = [shard.pid for shard in engine.stats()]
        result = await engine.execute_pre_trade(buy())
        await engine.close()
        await engine.close()
        assert all_gone(pids)
        assert descriptors() == before
        with pytest.raises(EngineClosed):
            await engine.execute_pre_trade(buy())
        with pytest.raises(EngineClosed):
            await result.reservation.commit()

    run(story())


def test_an_engine_that_nobody_holds_ends_its_workers(run: Run) -> None:
    async def story() -> None:
        engine = await sharded()
        pids = [shard.pid for shard in engine.stats()]
        del engine
        gc.collect()
        assert all_gone(pids)

    run(story())


def test_commits_and_rollbacks_of_many(run: Run) -> None:
    async def story() -> None:
        async with await sharded(Reserving()) as engine:
            results = await engine.execute_pre_trade_many([buy(n, "10") for n in range(300)])
            reservations = [result.reservation for result in results]
            await engine.commit_many(reservations[:200])
            await engine.rollback_many(reservations[200:])
            with pytest.raises(ExceptionGroup, match="failed at index 0, 1"):
                await engine.commit_many(reservations[:2])
            bad = await engine.execute_pre_trade(buy(1, "201"))
            with pytest.raises(ExceptionGroup, match="commit_many failed at index 0") as group:
                await engine.commit_many([bad.reservation])
            assert str(group.value.exceptions[0]) == "commit failed"
            # A failed commit blocks the engine, in every shard.
            for number in (IN_SHARD_0, IN_SHARD_1):
                (reject,) = (await engine.execute_pre_trade(buy(number))).rejects
                assert reject.reason == "mutation finalizer failed"

    run(story())


def test_calls_of_one_turn_leave_as_one_frame_per_shard(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with await sharded() as engine:
            writes: list[int] = []
            write = os.write

            def counted(fd: int, data: Any) -> int:
                writes.append(fd)
                return write(fd, data)

            monkeypatch.setattr("openpit.faces.pipes.os.write", counted)
            results = await asyncio.gather(*[engine.execute_pre_trade(buy(n)) for n in range(256)])
            monkeypatch.undo()
            assert sum(result.ok for result in results) == 256
            assert len(writes) == 2

    run(story())


def test_a_cancelled_call_is_rolled_back(run: Run) -> None:
    async def story() -> None:
        async with await sharded(Acting(), Reserving()) as engine:
            call = asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_0, "106")))
            await until(lambda: engine.stats()[0].in_flight == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: engine.stats()[0].in_flight == 0)
            (reject,) = (await engine.execute_pre_trade(buy(IN_SHARD_0, "203"))).rejects
            assert reject.details == "0"

    run(story())


def test_a_cancelled_batch_is_rolled_back(run: Run) -> None:
    async def story() -> None:
        async with await sharded(Acting(), Reserving(), credits=2) as engine:
            orders = [buy(IN_SHARD_0, "106"), *[buy(IN_SHARD_0, "3")] * 9]
            call = asyncio.ensure_future(engine.execute_pre_trade_many(orders))
            await until(lambda: engine.stats()[0].in_flight == 2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: engine.stats()[0].in_flight == 0)
            assert engine.stats()[0].waiting == 0
            (reject,) = (await engine.execute_pre_trade(buy(IN_SHARD_0, "203"))).rejects
            assert reject.details == "0"

    run(story())


def test_waiting_for_credit_does_not_block_the_loop(run: Run) -> None:
    async def story() -> None:
        async with await sharded(Acting(), credits=1) as engine:
            slow = [
                asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_0, "106")))
                for _ in range(2)
            ]
            await until(lambda: engine.stats()[0].waiting == 1)
            quick = asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_1)))
            done, _ = await asyncio.wait([quick, *slow], return_when=asyncio.FIRST_COMPLETED)
            assert quick in done
            assert quick.result().ok
            results = await asyncio.gather(*slow)
            assert [result.ok for result in results] == [True, True]

    run(story())


def test_no_wait_for_credit_where_none_is_wanted(run: Run) -> None:
    async def story() -> None:
        async with await sharded(Acting(), credits=1, max_wait=0) as engine:
            slow = asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_0, "106")))
            await asyncio.sleep(0)
            with pytest.raises(ShardOverloaded):
                await engine.execute_pre_trade(buy(IN_SHARD_0))
            assert (await slow).ok

    run(story())


def test_a_killed_worker(run: Run) -> None:
    async def story() -> None:
        told: list[Any] = []
        async with await sharded(Acting(), on_shard_down=told.append) as engine:
            calls = [
                asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_0, "106"))),
                asyncio.ensure_future(engine.apply_execution_report(report(IN_SHARD_0))),
            ]
            await until(lambda: engine.stats()[0].in_flight == 2)
            os.kill(engine.stats()[0].pid, signal.SIGKILL)
            denied, unknown = await asyncio.gather(*calls, return_exceptions=True)
            assert denied.rejects[0].details == "shard 0: its worker was killed by signal 9"
            assert isinstance(unknown, OutcomeUnknown)
            with pytest.raises(ShardDown):
                await engine.apply_execution_report(report(IN_SHARD_0))
            assert (await engine.execute_pre_trade(buy(IN_SHARD_1))).ok
            assert [(shard.shard, shard.state) for shard in told] == [(0, "down")]

    run(story())


def test_a_stopped_worker_costs_the_timeout(run: Run) -> None:
    async def story() -> None:
        async with await sharded(timeout=0.4) as engine:
            pid = engine.stats()[0].pid
            os.kill(pid, signal.SIGSTOP)
            denied, unknown = await asyncio.gather(
                engine.execute_pre_trade(buy(IN_SHARD_0)),
                engine.apply_execution_report(report(IN_SHARD_0)),
                return_exceptions=True,
            )
            assert denied.rejects[0].details == "shard 0: no answer within 0.4 s"
            assert isinstance(unknown, OutcomeUnknown)
            os.kill(pid, signal.SIGCONT)
            await until(lambda: engine.stats()[0].in_flight == 0)
            assert (await engine.execute_pre_trade(buy(IN_SHARD_0))).ok

    run(story())


def test_exceptions_of_policies_are_the_callers(run: Run) -> None:
    async def story() -> None:
        async with await sharded(Acting()) as engine:
            with pytest.raises(Unusual):
                await engine.execute_pre_trade(buy(1, "101"))

    run(story())


def test_a_policy_that_cannot_be_loaded_leaves_no_worker(run: Run) -> None:
    async def story() -> None:
        before = descriptors()
        with pytest.raises(ShardStartError, match="no such luck"):
            await sharded(Unloadable())
        assert descriptors() == before

    run(story())


def test_closing_lets_calls_in_flight_end(run: Run) -> None:
    async def story() -> None:
        engine = await sharded(Acting())
        call = asyncio.ensure_future(engine.execute_pre_trade(buy(IN_SHARD_0, "106")))
        await until(lambda: engine.stats()[0].in_flight == 1)
        await engine.close()
        assert (await call).ok

    run(story())


def test_quotes_of_other_threads_reach_the_shards(run: Run) -> None:
    async def story() -> None:
        builder = Engine.builder().sharded(2)
        service = builder.market_data(QuoteTtl.infinite()).build()
        ready = builder.builtin(build_spot_funds().market_data(service, 0))
        async with await ready.build_async() as engine:
            producer = threading.Thread(
                target=service.push_by_instrument, args=(AAPL, Quote(mark="7"), timedelta(0))
            )
            producer.start()
            producer.join()
            await asyncio.sleep(0)
            (reject,) = (await engine.execute_pre_trade(buy(1, "10", None))).rejects
            assert reject.details == "asset USD: available 0, requested 70"

    run(story())


def test_a_shard_that_takes_no_quotes_is_given_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openpit.faces.driver.MARKET_BACKLOG", 100)

    async def story() -> None:
        builder = Engine.builder().sharded(2, timeout=1.0)
        service = builder.market_data(QuoteTtl.infinite()).build()
        ready = builder.builtin(build_spot_funds().market_data(service, 0))
        async with await ready.build_async() as engine:
            for price in range(1, 1_000):
                service.push_by_instrument(AAPL, Quote(mark=price), timedelta(0))
            (reject,) = (await engine.execute_pre_trade(buy(1, "1", None))).rejects
            assert reject.details == "asset USD: available 0, requested 999"
            os.kill(engine.stats()[0].pid, signal.SIGSTOP)
            for price in range(1, 400):
                service.push_by_instrument(AAPL, Quote(mark=price), timedelta(0))
            assert "quotes behind, and taking none" in engine.stats()[0].why
            (reject,) = (await engine.execute_pre_trade(buy(IN_SHARD_1, "1", None))).rejects
            assert reject.details == "asset USD: available 0, requested 399"

    run(story())


def test_closing_ends_a_stopped_worker(run: Run) -> None:
    async def story() -> None:
        engine = await sharded(timeout=0.3)
        workers = [shard.pid for shard in engine.stats()]
        os.kill(workers[0], signal.SIGSTOP)
        await engine.close()
        assert all_gone(workers)

    run(story())
