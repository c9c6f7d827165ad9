from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Acting, Marked, Reserving, Unloadable, Untravelled, Unusual
from flow import AAPL, IN_SHARD_0, IN_SHARD_1, account, buy, operation, report
from processes import all_gone, children_of, descriptors, is_running, wait_until

from openpit import Engine
from openpit.errors import (
    EngineClosed,
    FrameTooLarge,
    LeftBehind,
    OutcomeUnknown,
    ShardDown,
    ShardOverloaded,
    ShardStalled,
    ShardStartError,
)
from openpit.marketdata import Quote, QuoteTtl
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.shards.process import PIPE_BYTES
from openpit.shards.spawning import widen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.pretrade import Policy


def sharded(*policies: Policy, shards: int = 2, **options: Any) -> ShardedEngine:
    builder = Engine.builder().sharded(shards, **options).builtin(build_order_validation())
    for policy in policies:
        builder.pre_trade(policy)
    return builder.build()


def pids(engine: ShardedEngine) -> list[int]:
    return [shard.pid for shard in engine.stats() if shard.pid is not None]


@pytest.fixture
def engine() -> Iterator[ShardedEngine]:
    with sharded() as engine:
        yield engine


def denied(result: Any) -> tuple[str, str, str]:
    (reject,) = result.rejects
    return reject.policy, reject.code, reject.details


# --- life of an engine -------------------------------------------------------------------------


def test_orders_are_checked_where_their_account_lives(engine: ShardedEngine) -> None:
    assert engine.shards == 2
    assert engine.shard_of(account(IN_SHARD_0)) == 0
    assert engine.shard_of(account(IN_SHARD_1)) == 1
    for number in (IN_SHARD_0, IN_SHARD_1):
        assert engine.execute_pre_trade(buy(number)).ok
        assert not engine.execute_pre_trade(buy(number, quantity="0")).ok
    assert [shard.answered for shard in engine.stats()] == [3, 3]  # the start, and two orders


def test_closing_ends_the_workers_and_everything_else() -> None:
    before = descriptors()
    engine = sharded()
    workers = pids(engine)
    result = engine.execute_pre_trade(buy())
    engine.close()
    engine.close()
    assert all_gone(workers)
    assert descriptors() == before
    with pytest.raises(EngineClosed):
        engine.execute_pre_trade(buy())
    with pytest.raises(EngineClosed):
        engine.apply_execution_report(report())
    with pytest.raises(EngineClosed):
        engine.accounts().unblock_all()
    with pytest.raises(EngineClosed):
        result.reservation.commit()
    assert [shard.state for shard in engine.stats()] == ["closed", "closed"]


def test_an_engine_that_nobody_holds_ends_its_workers() -> None:
    engine = sharded()
    workers = pids(engine)
    del engine
    gc.collect()
    assert all_gone(workers)


PROGRAM = """
import os, sys, time
sys.path[:0] = {path!r}
from openpit import Engine
from openpit.pretrade.policies import build_order_validation
from custom_policies import Acting
from flow import buy

if __name__ == "__main__":
    engine = (
        Engine.builder().sharded(2).builtin(build_order_validation()).pre_trade(Acting()).build()
    )
    print(*[shard.pid for shard in engine.stats()], flush=True)
    {then}
"""


def program(tmp_path: Any, then: str) -> subprocess.Popen[str]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.format(path=sys.path, then=then))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def test_the_end_of_the_interpreter_ends_the_workers(tmp_path: Any) -> None:
    with program(tmp_path, "sys.exit(0)") as process:
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert all_gone([int(pid) for pid in out.split()])


def test_a_killed_caller_leaves_no_worker(tmp_path: Any) -> None:
    with program(tmp_path, "time.sleep(60)") as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert all(is_running(pid) for pid in workers)
        process.kill()
    assert all_gone(workers)


def test_a_killed_caller_leaves_no_worker_with_a_policy_that_never_returns(tmp_path: Any) -> None:
    with program(tmp_path, "engine.execute_pre_trade(buy(1, '104'))") as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    assert all_gone(workers)


def test_a_forked_copy_of_the_caller_hides_nothing(tmp_path: Any) -> None:
    then = "os.fork() or time.sleep(30); time.sleep(60)"
    with program(tmp_path, then) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert wait_until(lambda: len(children_of(process.pid)) == len(workers) + 1)
        (copy,) = set(children_of(process.pid)) - set(workers)
        process.kill()
        try:
            assert all_gone(workers)
            assert is_running(copy)
        finally:
            os.kill(copy, signal.SIGKILL)


def test_a_forked_copy_of_an_engine_is_closed(engine: ShardedEngine) -> None:
    copy = os.fork()
    if copy == 0:  # nothing of pytest may run in the copy
        code = 1
        try:
            engine.execute_pre_trade(buy())
        except EngineClosed:
            code = 42
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 42
    assert engine.execute_pre_trade(buy()).ok


def test_a_main_module_without_guard_is_named(tmp_path: Any) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from openpit import Engine\n"
        "from openpit.pretrade.policies import build_order_validation\n"
        "Engine.builder().sharded(1).builtin(build_order_validation()).build()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert 'if __name__ == "__main__":' in done.stderr.splitlines()[-1]


# --- a worker that dies ------------------------------------------------------------------------


def test_a_killed_worker_denies_its_accounts_and_no_other() -> None:
    told: list[Any] = []
    with sharded(on_shard_down=told.append) as engine:
        kept = engine.execute_pre_trade(buy(IN_SHARD_1)).reservation
        os.kill(pids(engine)[1], signal.SIGKILL)
        assert wait_until(lambda: engine.stats()[1].state == "down")
        assert denied(engine.execute_pre_trade(buy(IN_SHARD_1))) == (
            "Router",
            "SystemUnavailable",
            "shard 1: its worker was killed by signal 9",
        )
        assert engine.execute_pre_trade(buy(IN_SHARD_0)).ok
        assert not engine.start_pre_trade(buy(IN_SHARD_1)).ok
        assert not engine.execute_pre_trade_dry_run(buy(IN_SHARD_1)).is_pass
        assert not engine.apply_drop_copy(buy(IN_SHARD_1)).ok
        with pytest.raises(ShardDown) as down:
            engine.apply_execution_report(report(IN_SHARD_1))
        assert down.value.shard == 1
        with pytest.raises(ShardDown):
            kept.commit()
        with pytest.raises(RuntimeError, match="already been finalized"):
            kept.commit()
        results = engine.execute_pre_trade_many([buy(number) for number in range(8)])
        assert [result.ok for result in results] == [
            True,
            False,
            True,
            False,
            True,
            True,
            False,
            True,
        ]
        assert denied(results[3])[2] == "shard 1: its worker was killed by signal 9"
    assert [(shard.shard, shard.state) for shard in told] == [(1, "down")]


def test_a_worker_that_dies_in_a_call_denies_it() -> None:
    with sharded(Acting()) as engine:
        assert denied(engine.execute_pre_trade(buy(IN_SHARD_0, "103"))) == (
            "Router",
            "SystemUnavailable",
            "shard 0: its worker ended with exit code 7",
        )
        assert engine.execute_pre_trade(buy(IN_SHARD_1)).ok


def test_a_call_whose_shard_dies_is_of_unknown_outcome() -> None:
    with sharded(Acting()) as engine:
        (worker, _) = pids(engine)
        os.kill(worker, signal.SIGSTOP)
        killer = threading.Timer(0.1, os.kill, (worker, signal.SIGKILL))
        killer.start()
        with pytest.raises(OutcomeUnknown) as unknown:
            engine.apply_execution_report(report(IN_SHARD_0))
        killer.join()
        assert unknown.value.shard == 0


def test_a_batch_in_flight_at_a_dead_shard_is_denied_there_only() -> None:
    with sharded(Acting()) as engine:
        orders = [buy(number) for number in range(400)]
        orders[200] = buy(IN_SHARD_1, "103")
        results = engine.execute_pre_trade_many(orders)
        assert len(results) == 400
        for order, result in zip(orders, results, strict=True):
            in_living = engine.shard_of(order.operation.account_id) == 0
            assert result.ok or not in_living
            assert result.ok or denied(result)[1] == "SystemUnavailable"
        assert not results[200].ok


# --- a worker that stops -----------------------------------------------------------------------


def test_a_stopped_worker_costs_the_timeout_and_no_more() -> None:
    with sharded(timeout=0.2) as engine:
        worker = pids(engine)[0]
        os.kill(worker, signal.SIGSTOP)
        start = time.monotonic()
        assert denied(engine.execute_pre_trade(buy(IN_SHARD_0)))[2] == (
            "shard 0: no answer within 0.2 s"
        )
        # It is stalled by now: nothing more is sent to it, and nobody waits for it again.
        with pytest.raises(ShardStalled, match=r"shard 0 is stalled: no answer within 0\.2 s"):
            engine.apply_execution_report(report(IN_SHARD_0))
        assert time.monotonic() - start < 4.0  # the timeout, and time to be scheduled
        assert engine.execute_pre_trade(buy(IN_SHARD_1)).ok
        os.kill(worker, signal.SIGCONT)
        assert wait_until(lambda: engine.stats()[0].in_flight == 0)
        assert engine.execute_pre_trade(buy(IN_SHARD_0)).ok


def test_a_late_reservation_is_rolled_back() -> None:
    with sharded(Reserving(), timeout=0.2) as engine:
        worker = pids(engine)[0]
        os.kill(worker, signal.SIGSTOP)
        assert not engine.execute_pre_trade(buy(IN_SHARD_0, "40")).ok
        os.kill(worker, signal.SIGCONT)
        assert wait_until(lambda: engine.stats()[0].in_flight == 0)
        (reject,) = engine.execute_pre_trade(buy(IN_SHARD_0, "203")).rejects
        assert (reject.reason, reject.details) == ("reserved", "0")


def test_credits_bound_what_is_in_flight() -> None:
    with sharded(Acting(), credits=4, max_wait=0.0, timeout=0.5) as engine:
        worker = pids(engine)[0]
        os.kill(worker, signal.SIGSTOP)
        calls = [
            threading.Thread(target=engine.execute_pre_trade, args=(buy(IN_SHARD_0),))
            for _ in range(4)
        ]
        for call in calls:
            call.start()
        assert wait_until(lambda: engine.stats()[0].in_flight == 4)
        with pytest.raises(ShardOverloaded) as overloaded:
            engine.execute_pre_trade(buy(IN_SHARD_0))
        assert overloaded.value.shard == 0
        os.kill(worker, signal.SIGCONT)
        for call in calls:
            call.join()
        results = engine.execute_pre_trade_many([buy(number) for number in range(500)])
        assert all(result.ok for result in results)


def test_waiting_for_credit_has_an_end() -> None:
    with sharded(credits=1, max_wait=0.1, timeout=1.0) as engine:
        worker = pids(engine)[0]
        os.kill(worker, signal.SIGSTOP)
        call = threading.Thread(target=engine.execute_pre_trade, args=(buy(IN_SHARD_0),))
        call.start()
        assert wait_until(lambda: engine.stats()[0].in_flight == 1)
        with pytest.raises(ShardOverloaded):
            engine.execute_pre_trade(buy(IN_SHARD_0))
        os.kill(worker, signal.SIGCONT)
        call.join()


def test_a_full_pipe_blocks_nobody() -> None:
    # 60,000 orders are two megabytes: more than the pipe to a stopped worker holds.
    with sharded(timeout=2.0) as engine:
        worker = pids(engine)[0]
        os.kill(worker, signal.SIGSTOP)
        waker = threading.Timer(0.3, os.kill, (worker, signal.SIGCONT))
        waker.start()
        orders = [buy(IN_SHARD_0)] * 30_000 + [buy(IN_SHARD_1)] * 30_000
        results = engine.execute_pre_trade_many(orders)
        waker.join()
        assert all(result.ok for result in results)


def test_a_shard_that_takes_no_quotes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openpit.faces.driver.MARKET_BACKLOG", 100)
    builder = Engine.builder().sharded(2, timeout=1.0)
    service = builder.market_data(QuoteTtl.infinite()).build()
    ready = builder.builtin(build_spot_funds().market_data(service, 0))
    with ready.build() as engine:
        for price in range(1, 1_000):
            service.push_by_instrument(AAPL, Quote(mark=price), timedelta(0))
        (reject,) = engine.execute_pre_trade(buy(IN_SHARD_0, "1", None)).rejects
        assert reject.details == "asset USD: available 0, requested 999"
        os.kill(pids(engine)[0], signal.SIGSTOP)
        for price in range(1, 400):
            service.push_by_instrument(AAPL, Quote(mark=price), timedelta(0))
        assert "quotes behind, and taking none" in str(engine.stats()[0].why)
        (reject,) = engine.execute_pre_trade(buy(IN_SHARD_1, "1", None)).rejects
        assert reject.details == "asset USD: available 0, requested 399"


# --- what comes on the pipe --------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 64, b"\x00\x00\x00\x05hello", b"\x00\x00\x00\x04\xdd\x00\x00\x00"],
    ids=["too-large", "no-frame", "truncated-array"],
)
def test_garbage_ends_the_shard(engine: ShardedEngine, garbage: bytes) -> None:
    port = engine._driver._ports[0]
    reader, writer = os.pipe()
    widen(reader, PIPE_BYTES)  # taken for the engine's own
    os.write(writer, garbage)
    os.set_blocking(reader, False)
    replaced = os.dup2(reader, port.reply_fd)
    try:
        result = engine.execute_pre_trade(buy(IN_SHARD_0))
        assert "shard 0: its worker sent what is no reply" in denied(result)[2]
        assert engine.execute_pre_trade(buy(IN_SHARD_1)).ok
    finally:
        for fd in (reader, writer, replaced):
            os.close(fd)


def test_garbage_ends_the_worker(engine: ShardedEngine) -> None:
    os.write(engine._driver._ports[0].command_fd, b"\x00\x00\x00\x05hello")
    result = engine.execute_pre_trade(buy(IN_SHARD_0))
    assert denied(result)[2] == (
        "shard 0: its worker ended with exit code 76: "
        "it was sent what is no command, see its stderr"
    )


# --- policies ----------------------------------------------------------------------------------


def test_a_policy_that_cannot_be_loaded_is_named_and_leaves_no_worker() -> None:
    before = descriptors()
    with pytest.raises(ShardStartError, match="RuntimeError: no such luck"):
        sharded(Unloadable())
    assert descriptors() == before


def test_a_policy_that_cannot_be_pickled_is_named() -> None:
    policy = Acting()
    policy.lock = select.poll()  # type: ignore[attr-defined]
    with pytest.raises(ShardStartError, match="cannot be copied into a worker"):
        sharded(policy)


def test_exceptions_of_policies_are_the_callers() -> None:
    with sharded(Acting()) as engine:
        with pytest.raises(Unusual, match="one hundred and one") as unusual:
            engine.execute_pre_trade(buy(1, "101"))
        assert unusual.value.code == 101
        assert "check_pre_trade_start" in str(unusual.value.__cause__)
        with pytest.raises(Untravelled, match="object object at") as callback:
            engine.execute_pre_trade(buy(IN_SHARD_1, "102"))
        assert isinstance(callback.value.args[0], LeftBehind)
        with pytest.raises(KeyboardInterrupt):
            engine.execute_pre_trade(buy(1, "105"))
        with pytest.raises(ExceptionGroup, match="failed at index 1, 2") as group:
            engine.execute_pre_trade_many([buy(1), buy(1, "101"), buy(2, "101"), buy(2)])
        assert [type(error) for error in group.value.exceptions] == [Unusual, Unusual]
        assert engine.execute_pre_trade(buy(1)).ok


def test_an_order_too_large_for_a_frame_is_refused_before_it_is_sent() -> None:
    with sharded(Acting()) as engine:
        order = Marked(b"x" * 17 * 1024 * 1024, operation=operation(1))
        with pytest.raises(FrameTooLarge):
            engine.execute_pre_trade(order)
        with pytest.raises(ExceptionGroup, match="failed at index 1"):
            engine.execute_pre_trade_many([buy(1), order, buy(2)])
        assert engine.execute_pre_trade(buy(1)).ok


def test_an_attribute_that_cannot_travel_is_named() -> None:
    with sharded(Acting()) as engine:
        with pytest.raises(TypeError, match=r"attribute 'mark' of Marked: builtins\.object"):
            engine.execute_pre_trade(Marked(object(), operation=operation(1)))
        assert [shard.sent for shard in engine.stats()] == [1, 1]


# --- interrupts and threads --------------------------------------------------------------------


def test_an_interrupted_call_leaves_the_engine_sound() -> None:
    with sharded(Acting(), Reserving()) as engine:
        interrupt = threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,))
        interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            engine.execute_pre_trade(buy(IN_SHARD_0, "106"))
        interrupt.join()
        assert wait_until(lambda: engine.stats()[0].in_flight == 0)
        (reject,) = engine.execute_pre_trade(buy(IN_SHARD_0, "203")).rejects
        assert reject.details == "0"  # what nobody received is rolled back


def test_an_interrupt_between_two_steps_that_belong_together_gives_up_the_shards(
    engine: ShardedEngine,
) -> None:
    engine._router.books.is_torn = True  # what ^C leaves behind there
    workers = pids(engine)
    for number in (IN_SHARD_0, IN_SHARD_1):
        assert denied(engine.execute_pre_trade(buy(number)))[2].endswith(
            "a call was interrupted in the middle of its bookkeeping"
        )
    assert all_gone(workers)


def test_many_threads_call_at_once() -> None:
    with sharded(Reserving()) as engine:
        failures: list[BaseException] = []

        def trade(number: int) -> None:
            try:
                for _ in range(200):
                    result = engine.execute_pre_trade(buy(number))
                    result.reservation.commit()
                    with pytest.raises(RuntimeError):
                        result.reservation.commit()
            except BaseException as error:  # noqa: BLE001 - told by the thread that can
                failures.append(error)

        threads = [threading.Thread(target=trade, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sum(shard.answered for shard in engine.stats()) == 2 + 8 * 200 * 2


def test_a_slow_shard_does_not_slow_the_others() -> None:
    with sharded(Acting()) as engine:
        slow = threading.Thread(target=engine.execute_pre_trade, args=(buy(IN_SHARD_0, "106"),))
        slow.start()
        assert wait_until(lambda: engine.stats()[0].in_flight == 1)
        for _ in range(50):
            assert engine.execute_pre_trade(buy(IN_SHARD_1)).ok
        assert engine.stats()[0].in_flight == 1
        slow.join()


def test_closing_lets_calls_in_flight_end() -> None:
    engine = sharded(Acting())
    results: list[Any] = []
    call = threading.Thread(
        target=lambda: results.append(engine.execute_pre_trade(buy(IN_SHARD_0, "106")))
    )
    call.start()
    assert wait_until(lambda: engine.stats()[0].in_flight == 1)
    engine.close()
    call.join()
    assert [result.ok for result in results] == [True]


def test_closing_ends_a_stopped_worker() -> None:
    engine = sharded(timeout=0.3)
    workers = pids(engine)
    os.kill(workers[0], signal.SIGSTOP)
    engine.close()
    assert all_gone(workers)
    assert [shard.state for shard in engine.stats()] == ["closed", "closed"]
