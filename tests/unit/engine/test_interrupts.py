"""^C at every moment of a call: an order is held for its reservation, or not at all."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from interrupting import interrupted_everywhere
from makers import (
    Scripted,
    account,
    deposit,
    engine_with,
    holding,
    mutation,
    order,
    recorded,
    reject,
    reserved,
)

import openpit
from openpit import param
from openpit.pretrade import Lock, PolicyAccountAdjustmentResult, PolicyDecision, policies

if TYPE_CHECKING:
    from collections.abc import Callable

ASSETS = ("USD", "AAPL")


def state(engine: openpit.Engine) -> list[str]:
    """Available, held and incoming of each asset."""
    return [
        " ".join(str(figure) for figure in holding(engine, 1, asset) or "-") for asset in ASSETS
    ]


def desk(*custom: Scripted, sync: str = "no_sync") -> openpit.Engine:
    """An engine with spot funds between custom policies; account 1 has 1000 USD and 10 AAPL."""
    engine = engine_with(*custom[:1], policies.build_spot_funds(), *custom[1:], sync=sync)
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000"), deposit("AAPL", "10")])
    return engine


def keeping(name: str, trace: list[str]) -> Scripted:
    """A custom policy that accepts, with something to finalise."""
    return Scripted(name, main=PolicyDecision.accept(mutations=[mutation(trace, name)]))


def limited(engine: openpit.Engine, asset: str, limit: str) -> openpit.Engine:
    """Limit a position, which takes its orders off the plain way."""
    entry = policies.SpotFundsPositionLimitEntry(account(1), asset, param.Quantity(limit))
    engine.configure().spot_funds("SpotFundsPolicy", position_limits=[entry])
    return engine


BUY = order(quantity="4", price="50")
SELL = order(quantity="4", price="50", side=param.Side.SELL)
RUNS: dict[str, Callable[[], tuple[openpit.Engine, Callable[[], object]]]] = {}


def run(make: Callable[[], tuple[openpit.Engine, Callable[[], object]]]) -> Any:
    RUNS[make.__name__] = make
    return make


def executing(engine: openpit.Engine, checked: openpit.Order) -> Any:
    return engine, lambda: engine.execute_pre_trade(checked)


@run
def plain_buy() -> Any:
    return executing(desk(), BUY)


@run
def plain_sell_under_a_lock() -> Any:
    return executing(desk(sync="full_sync"), SELL)


@run
def buy_under_a_limit() -> Any:
    return executing(limited(desk(), "AAPL", "100"), BUY)


@run
def buy_whose_second_leg_is_refused() -> Any:
    return executing(limited(desk(), "AAPL", "12"), BUY)


@run
def buy_between_custom_policies() -> Any:
    return executing(desk(keeping("first", []), keeping("last", [])), BUY)


@run
def buy_that_another_policy_rejects() -> Any:
    rejecting = Scripted("last", main=PolicyDecision.reject(rejects=[reject("no")]))
    return executing(desk(keeping("first", []), rejecting), BUY)


@run
def request() -> Any:
    engine = desk()
    started = engine.start_pre_trade(BUY).request
    assert started is not None
    return engine, started.execute


@run
def dry_run() -> Any:
    engine = limited(desk(), "AAPL", "100")
    return engine, lambda: engine.execute_pre_trade_dry_run(BUY)


@run
def drop_copy() -> Any:
    engine = desk(keeping("first", []), keeping("last", []))
    return engine, lambda: engine.apply_drop_copy(BUY)


@run
def adjustments_that_are_refused() -> Any:
    engine = desk()
    bounded = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset="AAPL"),
        amount=openpit.AccountAdjustmentAmount(balance=param.AdjustmentAmount.absolute("5")),
        bounds=openpit.AccountAdjustmentBounds(balance_upper="1"),
    )
    batch = [deposit("USD", "5"), bounded]
    return engine, lambda: engine.apply_account_adjustment(account(1), batch)


@pytest.mark.parametrize("name", RUNS)
def test_nothing_stays_held(name: str) -> None:
    untouched = state(desk())

    for engine in interrupted_everywhere(RUNS[name]):
        assert state(engine) == untouched
        assert not engine.execute_pre_trade(BUY).rejects or "refused" in name or "rejects" in name


def test_an_adjustment_is_made_or_not() -> None:
    def prepare() -> Any:
        engine = desk()
        batch = [deposit("USD", "5"), deposit("AAPL", "1")]
        return engine, lambda: engine.apply_account_adjustment(account(1), batch)

    seen = {tuple(state(engine)) for engine in interrupted_everywhere(prepare)}

    assert seen == {("1000 0 0", "10 0 0"), ("1005 0 0", "11 0 0")}


def test_an_adjustment_and_its_callbacks_are_made_or_not() -> None:
    def prepare() -> Any:
        trace: list[str] = []

        def adjusting(name: str) -> Scripted:
            told = PolicyAccountAdjustmentResult(mutations=[mutation(trace, name)])
            return Scripted(name, adjustment=told)

        engine = desk(adjusting("first"), adjusting("last"))
        trace.clear()
        batch = [deposit("USD", "5")]
        return (engine, trace), lambda: engine.apply_account_adjustment(account(1), batch)

    made, undone = set(), set()
    for engine, trace in interrupted_everywhere(prepare):
        run = tuple(trace)
        (made if state(engine)[0] == "1005 0 0" else undone).add(run)

    assert made == {("commit first", "commit last")}
    assert undone == {(), ("rollback first",), ("rollback last", "rollback first")}


def test_a_commit_keeps_what_is_held_and_runs_each_callback_once() -> None:
    def prepare() -> Any:
        trace: list[str] = []
        engine = desk(keeping("first", trace), keeping("last", trace))
        return (engine, trace, held := reserved(engine, BUY)), held.commit

    for engine, trace, held in interrupted_everywhere(prepare):
        if not trace:
            held.commit()  # the interrupt came before anything
        assert trace == ["commit first", "commit last"]
        assert state(engine) == ["800 200 0", "10 0 4"]
        assert engine.execute_pre_trade(BUY).ok  # and no failure was put down to a callback


@pytest.mark.parametrize("sync", ["no_sync", "full_sync"])
@pytest.mark.parametrize("make", [reserved, recorded])
def test_a_rollback_gives_back_and_runs_each_callback_once(make: Any, sync: str) -> None:
    def prepare() -> Any:
        trace: list[str] = []
        engine = desk(keeping("first", trace), keeping("last", trace), sync=sync)
        return (engine, trace, held := make(engine, BUY)), held.rollback

    for engine, trace, held in interrupted_everywhere(prepare):
        if not trace:
            held.rollback()  # the interrupt came before anything
        assert trace == ["rollback last", "rollback first"]
        assert state(engine) == ["1000 0 0", "10 0 0"]
        assert engine.execute_pre_trade(BUY).ok


SYNCS = ["no_sync", "full_sync", "account_sync"]


@pytest.mark.parametrize("sync", SYNCS)
@pytest.mark.parametrize("verb", ["commit", "rollback"])
def test_a_callback_that_is_interrupted_itself_has_run_or_blocks_the_engine(
    verb: str, sync: str
) -> None:
    names = ["first", "second", "third"]

    def prepare() -> Any:
        trace: list[str] = []
        engine = engine_with(*(keeping(name, trace) for name in names), sync=sync)
        held = reserved(engine, BUY)
        return (engine, trace, held), getattr(held, verb)

    seen = set()
    for engine, trace, held in interrupted_everywhere(prepare, callbacks=True):
        ran = [line.removeprefix(f"{verb} ") for line in trace]
        if not ran and engine.execute_pre_trade(BUY).ok:
            getattr(held, verb)()  # the interrupt came before anything
            continue
        left = names[:] if verb == "commit" else names[::-1]
        assert ran == [name for name in left if name in ran]
        assert len(ran) >= 2, "the others have run"
        is_blocked = not engine.execute_pre_trade(BUY).ok
        assert is_blocked or len(ran) == 3
        seen.add((len(ran), is_blocked))
    assert {(3, False), (2, True)} <= seen


@pytest.mark.parametrize("sync", SYNCS)
def test_reservations_that_are_let_go_are_rolled_back_by_the_next_call(sync: str) -> None:
    def prepare() -> Any:
        trace: list[str] = []
        engine = desk(keeping("first", trace), keeping("last", trace), sync=sync)
        held = [reserved(engine, BUY)]
        engine._core.finisher.busy = True  # as within a call of another policy
        held.clear()
        engine._core.finisher.busy = False
        return (engine, trace), lambda: engine.execute_pre_trade(BUY)

    for engine, trace in interrupted_everywhere(prepare):
        engine.apply_account_adjustment(account(1), [])  # whose turn it is if it was too early
        assert trace[:2] == ["rollback last", "rollback first"]
        assert state(engine) == ["1000 0 0", "10 0 0"]


@pytest.mark.parametrize("sync", ["full_sync", "account_sync"])
def test_no_lock_stays_taken(sync: str) -> None:
    def prepare() -> Any:
        engine = desk(keeping("first", []), sync=sync)
        held = [reserved(engine, BUY)]
        engine._core.finisher.busy = True
        held.clear()
        engine._core.finisher.busy = False
        return engine, lambda: engine.execute_pre_trade(BUY)

    for engine in interrupted_everywhere(prepare):
        with ThreadPoolExecutor(1) as another_thread:
            assert another_thread.submit(engine.execute_pre_trade, BUY).result(30).ok


def test_many_commits_are_each_made_or_not() -> None:
    def prepare() -> Any:
        trace: list[str] = []
        engine = desk(keeping("first", trace), keeping("last", trace))
        held = [reserved(engine, BUY), reserved(engine, BUY)]
        return (engine, trace, held), lambda: engine.commit_many(held)

    for engine, trace, held in interrupted_everywhere(prepare):
        assert trace == ["commit first", "commit last"] * (len(trace) // 2)
        held.clear()  # rolls back what was not committed
        assert len(trace) == 4
        spent = 200 * trace.count("commit last")
        assert state(engine)[0] == f"{1000 - spent} {spent} 0"


def supervised_desk() -> openpit.Engine:
    """An account that two built-in policies follow; it may earn 5 USD."""
    engine = engine_with(
        policies.build_pnl_bounds_killswitch().broker_barriers(
            policies.PnlBoundsBrokerBarrier(settlement_asset="USD", upper_bound="5")
        ),
        policies.build_spot_funds(),
    )
    engine.accounts().set_currency(account(1), "USD")
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000"), deposit("AAPL", "10")])
    return engine


def traded(*, remaining: str) -> openpit.ExecutionReport:
    """One of four AAPL bought at 50, and a realized 3 USD."""
    return openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=openpit.Instrument("AAPL", "USD"),
            side=param.Side.BUY,
            account_id=account(1),
        ),
        financial_impact=openpit.FinancialImpact(pnl=param.Pnl("3"), fee=param.Fee("0")),
        fill=openpit.ExecutionReportFillDetails(
            last_trade=param.Trade(price=param.Price("50"), quantity=param.Quantity("1")),
            remaining_reserved_quantity=param.Quantity(remaining),
            lock=Lock([(0, "50")]),
            is_final=remaining != "0",
        ),
    )


@pytest.mark.parametrize(
    ("remaining", "after"),
    [("0", ["800 150 0", "11 0 3"]), ("3", ["950 0 0", "11 0 0"])],
    ids=["a fill", "a fill and a release"],
)
def test_a_report_is_applied_as_a_whole_and_once(remaining: str, after: list[str]) -> None:
    report = traded(remaining=remaining)

    def prepare() -> Any:
        engine = supervised_desk()
        reserved(engine, BUY).commit()
        return engine, lambda: engine.apply_execution_report(report)

    for engine in interrupted_everywhere(prepare):
        if state(engine) == ["800 200 0", "10 0 4"]:
            engine.apply_execution_report(report)  # the interrupt came before anything
        assert state(engine) == after
        assert engine.execute_pre_trade(BUY).ok  # 3 USD earned
        engine.apply_execution_report(report)
        assert not engine.execute_pre_trade(BUY).ok  # 6 USD


def test_what_other_threads_do_meanwhile_is_no_moment_of_the_call() -> None:
    is_over = False

    def chatter() -> int:
        rounds = 0
        while not is_over:
            os.sched_yield()
            rounds += 1
        return rounds

    interval = sys.getswitchinterval()
    with ThreadPoolExecutor(1) as others:
        chatting = others.submit(chatter)
        sys.setswitchinterval(1e-6)  # as a test runner's own thread may come at any time
        try:
            assert [*interrupted_everywhere(RUNS["plain_buy"])]
        finally:
            sys.setswitchinterval(interval)
            is_over = True
    assert chatting.result()
