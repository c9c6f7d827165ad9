"""An exception comes at any step of a call, out of nowhere, as a signal's handler may raise it.

^C comes through while the call waits, or behind it, and leaves everything sound. Any other may come
in the midst of bookkeeping: then the shards are given up by name, and no order passes by mistake.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, account, buy, report
from gateways import Gateway, message
from interrupting import interrupted_everywhere
from near import near, near_async, workers_of

from openpit import Engine
from openpit.errors import EngineClosed, ShardDown
from openpit.faces.blocking.shard_messages import ShardMessages
from openpit.faces.interrupts import shield
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    build_order_size_limit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[["Desk"], Any]

INTERRUPTS = shield.__code__.co_filename
WHY = "a call was interrupted in the middle of its bookkeeping"


def builder() -> Any:
    limit = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="1000"))
    stage = Engine.builder().sharded(2)
    ready = stage.builtin(build_order_size_limit().broker_barrier(limit))
    return ready.pre_trade(Reserving()).actor("gateway", Gateway)


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


SENT = message(["order", "10"], ["keep", "a", "10"], ["end", "a", "commit"])


def ask(desk: Desk) -> Any:
    desk.engine.ask("gateway", account(IN_SHARD_1), SENT)


def ask_many(desk: Desk) -> Any:
    desk.engine.ask_many("gateway", [(account(n), SENT) for n in (1, 2, 1)])


def tell(desk: Desk) -> Any:
    desk.engine.tell("gateway", account(IN_SHARD_1), SENT)


def several_in_flight(desk: Desk) -> Any:
    messages = ShardMessages(desk.engine, "gateway")
    sent = [messages.send(shard, SENT) for shard in (1, 0, 1)]
    for call in sent:
        messages.answer(call)


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
    ask,
    ask_many,
    tell,
    several_in_flight,
]

every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)


# --- at every step -------------------------------------------------------------------------------


# What is pending beside ^C is raised at once, whatever is held back.
STRIKE = {"number": signal.SIGUSR1, "handler": signal.default_int_handler}


MOMENTS = os.environ.get("OPENPIT_MOMENTS", "24")  # of each call; all with "all"
SEED = int(os.environ.get("OPENPIT_SEED", "0"))


def some(moments: list[Any]) -> list[Any]:
    """Choose moments, evenly over the call; which ones depends on the seed."""
    if MOMENTS == "all":
        return moments
    stride = -(-len(moments) // int(MOMENTS))
    return moments[(SEED + len(moments)) % stride :: stride]


def handing_over(moments: list[Any]) -> list[Any]:
    """Choose those in and around what takes over the handler of ^C or gives it back."""
    inside = [at for at, (code, _, _) in enumerate(moments) if code.co_filename == INTERRUPTS]
    around = {max(at + more, 0) for at in inside for more in range(-1, 2)}
    return [moment for at, moment in enumerate(moments) if at in around]


def calling(call: Call) -> Callable[[], tuple[Desk, Callable[[], object]]]:
    def prepare() -> tuple[Desk, Callable[[], object]]:
        desk = Desk()
        return desk, lambda: call(desk)

    return prepare


@every_call
def test_an_interrupt_at_any_moment_leaves_the_engine_sound(call: Call) -> None:
    for desk in interrupted_everywhere(calling(call), among=some):
        assert not desk.engine._router.books.is_torn
        desk.assert_sound()
        desk.engine.close()


@every_call
def test_what_comes_in_the_midst_of_bookkeeping_costs_the_shards_and_nothing_else(
    call: Call,
) -> None:
    for desk in interrupted_everywhere(calling(call), among=some, **STRIKE):
        if desk.engine._router.books.is_torn:
            desk.assert_given_up()
        else:
            desk.at_rest()
            assert desk.dry("10") in ([True, True], [False, False])
        desk.engine.close()
        assert not any(worker.is_running for worker in workers_of(desk.engine))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("call", [execute, commit, configure], ids=lambda call: call.__name__)
def test_an_interrupt_comes_through_after_whatever_another_exception_has_left(call: Call) -> None:
    """The other one may come just where a call takes over the handler of ^C, or gives it back."""
    was_left_behind = False
    desks = interrupted_everywhere(calling(call), among=handing_over, **STRIKE)
    for number, desk in enumerate(desks):
        was_left_behind |= signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        if number % 2:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        else:
            desk.engine.close()  # a call of its own
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        desk.engine.close()
    assert was_left_behind, "no moment was one at which the handler changes"


def test_whoever_reads_the_pipes_next_gives_up_the_shards() -> None:
    desk = Desk()
    desk.engine._router.books.is_torn = True  # what an exception in another thread has left behind

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
    engine._router.books.is_torn = True  # what the exception has left behind

    if comes_first == "a call":
        with pytest.raises(ShardDown):
            loop.run_until_complete(engine.apply_execution_report(report(IN_SHARD_0)))
    (reject,) = loop.run_until_complete(in_flight).rejects
    assert reject.details == f"shard 1: {WHY}"
    with pytest.raises(ShardDown):
        loop.run_until_complete(engine.accounts().unblock_all())
    loop.run_until_complete(engine.close())
    loop.close()


@pytest.mark.parametrize("what", [{}, STRIKE], ids=["an interrupt", "another"])
def test_closing_is_gone_on_with(what: Any) -> None:
    def prepare() -> tuple[Desk, Callable[[], object]]:
        desk = Desk()
        return desk, desk.engine.close

    for desk in interrupted_everywhere(prepare, among=some, **what):
        desk.engine.close()
        assert not any(worker.is_running for worker in workers_of(desk.engine))
        assert [shard.state for shard in desk.engine.stats()] == ["closed", "closed"]
        with pytest.raises(EngineClosed):
            desk.engine.execute_pre_trade(buy(IN_SHARD_0))
