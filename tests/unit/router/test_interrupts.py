"""An exception comes at any step of a call, out of nowhere, as a signal's handler may raise it.

^C comes through while the call waits, or behind it, and leaves everything sound. Any other may come
in the midst of bookkeeping: then the shards are given up by name, and no order passes by mistake.
"""

from __future__ import annotations

import asyncio
import dis
import gc
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, account, buy, report
from near import near, near_async, workers_of

import openpit.router
from openpit import Engine
from openpit.errors import EngineClosed, ShardDown
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    build_order_size_limit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Call = Callable[["Desk"], Any]

ROUTER = str(Path(openpit.router.__file__).parent)

WHY = "a call was interrupted in the middle of its bookkeeping"

BREAKS = {
    number
    for name, number in dis.opmap.items()
    if name in {"RESUME", "CALL", "CALL_FUNCTION_EX"} or name.startswith("JUMP_BACKWARD")
} - {dis.opmap.get("JUMP_BACKWARD_NO_INTERRUPT")}
"""Behind these instructions the interpreter looks for signals, and nowhere else."""


class AtStep:
    """Does something at the n-th step of the router at which a signal's handler could run."""

    def __init__(self, step: int, deed: Callable[[], object]) -> None:
        self.was_there = False
        self._step = step
        self._deed = deed
        self._last: dict[FrameType, int] = {}

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._of_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)
        self._last.clear()

    def _of_call(self, frame: FrameType, _event: str, _arg: object) -> Any:
        # What is raised in a finaliser is printed and lost, by the language.
        if frame.f_code.co_filename.startswith(ROUTER) and frame.f_code.co_name != "__del__":
            frame.f_trace_lines = False
            frame.f_trace_opcodes = True
            return self._of_instruction
        return None

    def _of_instruction(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "opcode":
            last = self._last.get(frame)
            self._last[frame] = frame.f_lasti
            if last is not None and frame.f_code.co_code[last] in BREAKS:
                self._step -= 1
                if not self._step:
                    self.was_there = True
                    self._deed()
        elif event == "return":
            self._last.pop(frame, None)
        return self._of_instruction


def builder() -> Any:
    limit = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="1000"))
    stage = Engine.builder().sharded(2)
    ready = stage.builtin(build_order_size_limit().broker_barrier(limit))
    return ready.pre_trade(Reserving())


class Desk:
    """An engine of two shards and the handles that its caller holds."""

    def __init__(self) -> None:
        self.engine: Any = near(builder(), 0, 1)
        self.kept: list[Any] = []
        for number in (IN_SHARD_0, IN_SHARD_1, IN_SHARD_0):
            self.kept.append(self.engine.execute_pre_trade(buy(number)).reservation)

    def at_rest(self) -> None:
        """Let everything arrive that is on its way, what nobody holds any more included."""
        for _ in range(2):
            for number in (IN_SHARD_0, IN_SHARD_1):
                self.engine.accounts().group_of(account(number))
        assert not any(shard.in_flight or shard.waiting for shard in self.engine.stats())

    def dry(self, quantity: str) -> list[bool]:
        """Whether an order of each shard would pass."""
        return [
            self.engine.execute_pre_trade_dry_run(buy(number, quantity)).is_pass
            for number in (IN_SHARD_0, IN_SHARD_1)
        ]

    def assert_sound(self) -> None:
        self.at_rest()
        open_handles: list[set[int]] = [set(), set()]
        for handle in self.kept:
            if handle._open:
                open_handles[handle._link.number].add(handle._handle)
        assert [set(worker.open_handles) for worker in workers_of(self.engine)] == open_handles
        assert [shard.state for shard in self.engine.stats()] == ["up", "up"]
        groups = {self.engine.accounts().group_of(account(number)) for number in (1, 2)}
        assert len(groups) == 1
        assert self.dry("10") in ([True, True], [False, False])

    def assert_given_up(self) -> None:
        for number, shard in ((IN_SHARD_0, 0), (IN_SHARD_1, 1)):
            (reject,) = self.engine.execute_pre_trade(buy(number)).rejects
            assert (reject.code, reject.policy) == ("SystemUnavailable", "Router")
            assert reject.details == f"shard {shard}: {WHY}"
        with pytest.raises(ShardDown):
            self.engine.accounts().unblock_all()


# --- the calls -----------------------------------------------------------------------------------


def execute(desk: Desk) -> Any:
    return desk.engine.execute_pre_trade(buy(IN_SHARD_1))


def execute_without_account(desk: Desk) -> Any:
    return desk.engine.execute_pre_trade(buy(None))


def execute_many(desk: Desk) -> Any:
    return desk.engine.execute_pre_trade_many([buy(n) for n in (1, 2, None, 2, 1)])


def start_and_execute(desk: Desk) -> Any:
    desk.kept.append(desk.engine.start_pre_trade(buy(IN_SHARD_1)).request)
    return desk.kept[-1].execute()


def drop_copy(desk: Desk) -> Any:
    return desk.engine.apply_drop_copy(buy(IN_SHARD_1))


def commit(desk: Desk) -> Any:
    desk.kept[1].commit()


def rollback(desk: Desk) -> Any:
    desk.kept[1].rollback()


def commit_many(desk: Desk) -> Any:
    desk.engine.commit_many(desk.kept)


def let_go(desk: Desk) -> Any:
    desk.kept.clear()
    return desk.engine.execute_pre_trade(buy(IN_SHARD_0))


def reports(desk: Desk) -> Any:
    desk.engine.apply_execution_report_many([report(n) for n in (1, 2, 1)])


def adjust(desk: Desk) -> Any:
    desk.engine.apply_account_adjustment(account(IN_SHARD_1), [])


def register(desk: Desk) -> Any:
    desk.engine.accounts().register_group([account(IN_SHARD_0), account(IN_SHARD_1)], 7)


def configure(desk: Desk) -> Any:
    smaller = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="5"))
    desk.engine.configure().order_size_limit("OrderSizeLimitPolicy", broker=smaller)


CALLS: list[Call] = [
    execute,
    execute_without_account,
    execute_many,
    start_and_execute,
    drop_copy,
    commit,
    rollback,
    commit_many,
    let_go,
    reports,
    adjust,
    register,
    configure,
]

every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)


# --- at every step -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Have ^C raise as usual, and everything that is let go be let go by its last reference."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGINT, handler)


def after(step: int) -> int:
    """The step to look at next: a call's own ones are its first, later ones come over and over."""
    return step + 1 + step // 20


def outcome_at(step: int, deed: Callable[[], object], call: Callable[[], Any]) -> str:
    """Make a call and do something at a step of it; tell what became of the call."""
    at = AtStep(step, deed)
    try:
        with at:
            next(apart(call))
    except KeyboardInterrupt:
        return "interrupted"
    return "went on" if at.was_there else "over before"


def apart(call: Callable[[], Any]) -> Iterator[Any]:
    """Make a call where it can leave no trace of an exception that it was handling.

    The interpreter goes on with that one when a tracer raises in an ``except`` clause; what a
    generator handles ends with it.
    """
    yield call()


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def strike() -> None:
    raise KeyboardInterrupt


@every_call
def test_an_interrupt_at_any_step_leaves_the_engine_sound(call: Call) -> None:
    step = 1
    while True:
        desk = Desk()
        outcome = outcome_at(step, press, lambda: call(desk))  # noqa: B023 - called at once
        assert not desk.engine._core.is_torn
        desk.assert_sound()
        desk.engine.close()
        if outcome == "over before":
            break
        assert outcome == "interrupted", "no interrupt is lost"
        step = after(step)
    assert step > 10


# A handle that was being made is gone before it is whole, and its finaliser says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@every_call
def test_what_comes_in_the_midst_of_bookkeeping_costs_the_shards_and_nothing_else(
    call: Call,
) -> None:
    step = 1
    while True:
        desk = Desk()
        outcome = outcome_at(step, strike, lambda: call(desk))  # noqa: B023 - called at once
        if outcome == "over before":
            break
        if desk.engine._core.is_torn:
            desk.assert_given_up()
        else:
            desk.at_rest()
            assert desk.dry("10") in ([True, True], [False, False])
        desk.engine.close()
        assert not any(worker.is_running for worker in workers_of(desk.engine))
        step = after(step)
    assert step > 10


def test_whoever_reads_the_pipes_next_gives_up_the_shards() -> None:
    desk = Desk()
    desk.engine._core.is_torn = True  # what an exception in another thread has left behind

    assert [shard.state for shard in desk.engine.stats()] == ["down", "down"]

    desk.assert_given_up()
    desk.engine.close()


@pytest.mark.parametrize("comes_first", ["a call", "a reply"])
def test_a_loop_that_an_exception_has_ended_and_that_runs_again(comes_first: str) -> None:
    loop = asyncio.new_event_loop()
    engine: Any = loop.run_until_complete(near_async(builder(), 0, 3))
    in_flight = loop.create_task(engine.execute_pre_trade(buy(IN_SHARD_1)))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    engine._core.is_torn = True  # what the exception has left behind

    if comes_first == "a call":
        with pytest.raises(ShardDown):
            loop.run_until_complete(engine.apply_execution_report(report(IN_SHARD_0)))
    (reject,) = loop.run_until_complete(in_flight).rejects
    assert reject.details == f"shard 1: {WHY}"
    with pytest.raises(ShardDown):
        loop.run_until_complete(engine.accounts().unblock_all())
    loop.run_until_complete(engine.close())
    loop.close()


@pytest.mark.parametrize("deed", [press, strike])
def test_closing_is_gone_on_with(deed: Callable[[], object]) -> None:
    step = 1
    while True:
        desk = Desk()
        outcome = outcome_at(step, deed, desk.engine.close)
        desk.engine.close()
        assert not any(worker.is_running for worker in workers_of(desk.engine))
        assert [shard.state for shard in desk.engine.stats()] == ["closed", "closed"]
        with pytest.raises(EngineClosed):
            desk.engine.execute_pre_trade(buy(IN_SHARD_0))
        if outcome == "over before":
            break
        step = after(step)
    assert step > 10
