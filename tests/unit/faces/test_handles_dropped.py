"""A handle that nobody holds is rolled back: at a safe point, in a thread that may."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    deposit,
    engine_with,
    in_another_thread,
    mutation,
    order,
    pnl_report,
    reasons,
    reserved,
    started,
)

from openpit.pretrade import PolicyAccountAdjustmentResult, Reservation, policies
from openpit.pretrade.policy_contract import BuiltinPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import openpit
    from openpit.pretrade import PolicyDecision
    from openpit.pretrade.policies.registration import PolicyRegistrar


@pytest.fixture(autouse=True)
def no_chance_collection() -> Iterator[None]:
    """Garbage is collected where a test says so, and nowhere else."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def undoing(trace: list[str]) -> Scripted:
    return Scripted(main=lambda ctx, order: accepting(mutation(trace, "order")))


def test_a_request_that_nobody_holds_leaves_no_trace() -> None:
    trace: list[str] = []
    engine = engine_with(undoing(trace))

    engine.start_pre_trade(order())

    assert trace == []


def test_a_reservation_that_nobody_holds_is_rolled_back() -> None:
    engine = engine_with(policies.build_spot_funds())
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    reservation = reserved(engine, order(1, "10", "100"))
    assert reasons(engine.execute_pre_trade(order(1, "1", "1"))) == ["spot funds insufficient"]

    del reservation

    assert engine.execute_pre_trade(order(1, "10", "100"))


def test_one_in_a_cycle_is_rolled_back_when_the_cycle_is_collected() -> None:
    class Owner:
        pass

    trace: list[str] = []
    owner = Owner()
    owner.itself = owner
    owner.held = reserved(engine_with(undoing(trace)))

    del owner
    assert trace == []
    gc.collect()

    assert trace == ["rollback order"]


def test_a_rollback_of_a_dropped_one_that_fails_is_silent_but_blocks_the_engine() -> None:
    engine = engine_with(
        Scripted(main=accepting(mutation([], "order", rollback=ValueError("disk"))))
    )

    assert engine.execute_pre_trade(order(1))

    assert reasons(engine.execute_pre_trade(order(2))) == ["mutation finalizer failed"]


class Interrupted(BuiltinPolicy):
    """A built-in policy in the midst of whose work a handle is dropped, as a collection might."""

    def __init__(self, held: list[Reservation], trace: list[str]) -> None:
        self.name = "Interrupted"
        self.group_id = 0
        self.undisturbed = 0
        self._held = held
        self._trace = trace

    def _build(self, registrar: PolicyRegistrar) -> None:
        registrar.add(self)

    def _work(self, *arguments: object) -> None:
        self._trace.append("work begins")
        if self.undisturbed:
            self.undisturbed -= 1
        else:
            self._held.clear()
        self._trace.append("work ends")

    check_start = check_main = peek_start = peek_main = check_drop_copy = _work
    apply_report = apply_adjustment = _work


@pytest.mark.parametrize("stage", ["start", "main"])
def test_one_dropped_in_the_midst_of_a_policys_work_waits_for_the_next_callback(stage: str) -> None:
    trace: list[str] = []
    held: list[Reservation] = []

    def callback(ctx: Any, order: openpit.Order) -> tuple[()]:
        trace.append("callback")
        return ()

    engine = engine_with(
        Scripted("Owner", main=lambda ctx, order: accepting(mutation(trace, "order"))),
        Interrupted(held, trace),
        Scripted("Next", **{stage: callback}),
    )
    held.append(reserved(engine))
    trace.clear()

    accepted = engine.execute_pre_trade(order())

    work = ["work begins", "work ends"]
    assert (
        trace
        == {
            "start": [*work, "rollback order", "callback", *work],
            "main": [*work, "rollback order", *work, "callback"],
        }[stage]
    )
    assert accepted


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.start_pre_trade(order()),
        lambda engine: engine.start_pre_trade_dry_run(order()),
        lambda engine: engine.apply_execution_report(pnl_report()),
        lambda engine: engine.apply_account_adjustment(account(1), [deposit("USD", "1")]),
    ],
    ids=["start", "dry run", "report", "adjustment"],
)
def test_one_dropped_in_the_midst_of_a_call_is_rolled_back_at_its_end(call: Any) -> None:
    trace: list[str] = []
    held: list[Reservation] = []
    engine = engine_with(
        Scripted("Owner", main=lambda ctx, order: accepting(mutation(trace, "order"))),
        Interrupted(held, trace),
    )
    held.append(reserved(engine))
    trace.clear()

    call(engine)

    assert trace == ["work begins", "work ends", "rollback order"]


@pytest.mark.parametrize(("call", "undisturbed"), [("execute", 0), ("drop copy", 1)])
def test_one_dropped_after_the_last_callback_is_rolled_back_at_the_end_as_well(
    call: str, undisturbed: int
) -> None:
    trace: list[str] = []
    held: list[Reservation] = []
    policy = Interrupted(held, trace)
    engine = engine_with(
        Scripted("Owner", main=lambda ctx, order: accepting(mutation(trace, "order"))), policy
    )
    request = started(engine)
    held.append(reserved(engine))
    trace.clear()
    policy.undisturbed = undisturbed

    kept = request.execute() if call == "execute" else engine.apply_drop_copy(order())

    assert trace[-2:] == ["work ends", "rollback order"]
    assert kept


def test_one_dropped_by_a_callback_is_rolled_back_there() -> None:
    trace: list[str] = []
    held: list[Reservation] = []

    def drop(ctx: Any, order: openpit.Order) -> PolicyDecision:
        held.clear()
        trace.append("callback")
        return accepting(mutation(trace, "order"))

    engine = engine_with(policies.build_spot_funds(), Scripted(main=drop))
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    held.append(reserved(engine, order(1, "10", "100")))
    # All the funds are held, so the order is rejected before the callback drops what holds them.
    trace.clear()

    refused = engine.execute_pre_trade(order(1, "10", "100"))

    assert reasons(refused) == ["spot funds insufficient"]
    assert trace == ["rollback order", "callback", "rollback order"]
    assert engine.execute_pre_trade(order(1, "10", "100"))


def test_an_exception_that_was_handled_keeps_no_handle_alive() -> None:
    trace: list[str] = []

    def main(ctx: Any, order: openpit.Order) -> PolicyDecision:
        if order.operation.account_id == account(2):
            raise ValueError("broken")
        return accepting(mutation(trace, "order"))

    def strategy() -> None:
        kept = reserved(engine, order(1))
        engine.execute_pre_trade(order(2))
        kept.commit()

    engine = engine_with(Scripted(main=main))

    try:
        strategy()
    except ValueError:
        trace.append("handled")

    # No garbage is collected here: the exception itself must not be in a cycle.
    assert trace == ["handled", "rollback order"]


def test_nor_does_one_about_an_adjustment_that_could_not_be_read() -> None:
    trace: list[str] = []

    def strategy() -> None:
        kept = reserved(engine, order(1))
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
        kept.commit()

    unreadable = PolicyAccountAdjustmentResult(mutations=[mutation(trace, "adjustment"), None])
    engine = engine_with(Scripted(main=accepting(mutation(trace, "order")), adjustment=unreadable))

    try:
        strategy()
    except AttributeError:
        trace.append("handled")

    assert trace == ["rollback adjustment", "handled", "rollback order"]


# --- threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("sync", "seen"), [("no_sync", []), ("full_sync", ["rollback order"])])
def test_garbage_of_another_thread_is_rolled_back_where_it_may_be(
    sync: str, seen: list[str]
) -> None:
    trace: list[str] = []
    engine = engine_with(undoing(trace), sync=sync)
    held = [reserved(engine)]

    in_another_thread(held.clear)

    # Without synchronisation only this thread may touch the engine: its next call does it.
    assert trace == seen
    engine.start_pre_trade(order())
    assert trace == ["rollback order"]


@pytest.mark.parametrize(
    "call",
    [
        lambda engine, request: engine.start_pre_trade(order()),
        lambda engine, request: engine.start_pre_trade_dry_run(order()),
        lambda engine, request: engine.execute_pre_trade(order()),
        lambda engine, request: request.execute(),
        lambda engine, request: engine.apply_drop_copy(order()),
        lambda engine, request: engine.apply_execution_report(pnl_report()),
        lambda engine, request: engine.apply_account_adjustment(account(1), []),
        lambda engine, request: engine.accounts().unblock_all(),
    ],
    ids=["start", "dry run", "execute", "request", "drop copy", "report", "adjust", "administer"],
)
def test_whatever_call_comes_next_first_rolls_back_what_another_thread_dropped(call: Any) -> None:
    trace: list[str] = []

    def note(*arguments: object, **keywords: object) -> None:
        trace.append("callback")

    engine = engine_with(
        Scripted("Owner", main=lambda ctx, order: accepting(mutation(trace, "order"))),
        Scripted("Next", start=note, main=note, report=note),
    )
    request = started(engine)
    held = [reserved(engine)]
    in_another_thread(held.clear)
    trace.clear()

    call(engine, request)

    assert trace[0] == "rollback order"


def test_a_handle_dropped_while_another_thread_is_inside_is_rolled_back_when_that_leaves() -> None:
    trace: list[str] = []
    inside, dropped = threading.Event(), threading.Event()

    def main(ctx: Any, order: openpit.Order) -> PolicyDecision | None:
        if order.operation.account_id == account(2):
            inside.set()
            assert dropped.wait(30)
            trace.append("callback ends")
            return None
        return accepting(mutation(trace, "order"))

    engine = engine_with(Scripted(main=main), sync="full_sync")
    held = [reserved(engine, order(1))]
    visitor = threading.Thread(target=engine.execute_pre_trade, args=[order(2)])
    visitor.start()
    assert inside.wait(30)

    held.clear()
    assert trace == []
    dropped.set()
    visitor.join()

    assert trace == ["callback ends", "rollback order"]
