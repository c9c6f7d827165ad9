"""``full_sync``: one engine, many threads at once, and every figure exact."""

from __future__ import annotations

import datetime as dt
import gc
import queue
import random
import sys
import threading
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    deposit,
    engine_with,
    fill,
    holding,
    order,
    pnl_report,
    reasons,
)

import openpit
from openpit.pretrade import policies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 8


@pytest.fixture(autouse=True)
def switching_all_the_time() -> Iterator[None]:
    """Let threads change over after every few instructions."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def together(*works: Callable[[], object]) -> None:
    """Run all at once, each in a thread of its own; raise what any of them raised."""
    start = threading.Barrier(len(works))
    failures: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        start.wait(30)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]


class Open(Scripted):
    """Counts reservations without any lock of its own: the engine calls it one at a time."""

    def __init__(self) -> None:
        super().__init__("Open")
        self.fates: Counter[str] = Counter()
        self._running = 0

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        self._alone("checked")
        return accepting(
            openpit.Mutation(
                commit=lambda: self._alone("committed"),
                rollback=lambda: self._alone("rolled back"),
            )
        )

    def _alone(self, fate: str) -> None:
        self._running += 1
        assert self._running == 1
        self.fates[fate] += 1
        self._running -= 1


def test_a_rate_is_counted_exactly() -> None:
    limit = policies.RateLimit(1000, dt.timedelta(hours=1))
    engine = engine_with(
        policies.build_rate_limit().broker_barrier(policies.RateLimitBrokerBarrier(limit)),
        policies.build_order_validation(),
        sync="full_sync",
    )
    results: list[list[Any]] = [[] for _ in range(THREADS)]

    def trade(number: int) -> None:
        mine = order(number)
        for _ in range(400):
            results[number].append(engine.execute_pre_trade(mine))

    together(*[lambda number=number: trade(number) for number in range(THREADS)])

    every = [result for thread in results for result in thread]
    assert sum(result.ok for result in every) == 1000
    # Each rejected attempt was told a count that no other one was told.
    assert sorted(
        int(result.rejects[0].details.split()[1]) for result in every if not result
    ) == list(range(1001, 3201))


def test_funds_are_conserved_and_nothing_stays_reserved() -> None:
    book = Open()
    engine = engine_with(policies.build_spot_funds(), book, sync="full_sync")
    accounts = (1, 2, 3)
    for number in accounts:
        engine.apply_account_adjustment(account(number), [deposit("USD", "9000")])
    paid: list[Counter[int]] = [Counter() for _ in range(THREADS)]

    def trade(thread: int) -> None:
        chance = random.Random(thread)
        for _ in range(200):
            number = chance.choice(accounts)
            price = chance.randint(1, 40)
            reservation = engine.execute_pre_trade(order(number, "5", str(price))).reservation
            if reservation is None:
                continue
            fate = chance.choice(("fill", "cancel", "drop"))
            if fate == "cancel":
                reservation.rollback()
            elif fate == "fill":
                lock = reservation.lock
                reservation.commit()
                engine.apply_execution_report(fill(number, "2", str(price), "3", lock=lock))
                engine.apply_execution_report(fill(number, "3", str(price), "0", lock=lock))
                paid[thread][number] += 5 * price

    together(*[lambda thread=thread: trade(thread) for thread in range(THREADS)])

    total = sum(paid, Counter())
    bought = {number: total[number] for number in accounts}
    assert all(0 < cost <= 9000 for cost in bought.values())
    for number in accounts:
        assert holding(engine, number, "USD") == (Decimal(9000) - bought[number], 0, 0)
        assert holding(engine, number, "AAPL")[1:] == (0, 0)
    # The second policy is asked also where the funds do not suffice, and is rolled back then.
    fates = book.fates
    assert fates["committed"] + fates["rolled back"] == fates["checked"] == THREADS * 200
    assert sum(holding(engine, number, "AAPL")[0] for number in accounts) == 5 * fates["committed"]


def test_a_reservation_that_all_want_to_finalise_is_finalised_once() -> None:
    book = Open()
    engine = engine_with(book, sync="full_sync")
    reservations = [engine.execute_pre_trade(order(1)).reservation for _ in range(300)]
    outcomes: list[list[str]] = [[] for _ in range(THREADS)]

    def finalise(thread: int) -> None:
        for reservation in reservations:
            try:
                if thread % 2:
                    reservation.commit()
                else:
                    reservation.rollback()
            except RuntimeError as error:
                outcomes[thread].append(str(error))
            else:
                outcomes[thread].append("done")

    together(*[lambda thread=thread: finalise(thread) for thread in range(THREADS)])

    for answers in zip(*outcomes, strict=True):
        assert Counter(answers) == {
            "done": 1,
            "reservation has already been finalized": THREADS - 1,
        }
    assert book.fates["committed"] + book.fates["rolled back"] == 300


def test_requests_are_executed_once() -> None:
    book = Open()
    engine = engine_with(book, sync="full_sync")
    requests = [engine.start_pre_trade(order(1)).request for _ in range(100)]
    executed: list[int] = [0] * THREADS

    def execute(thread: int) -> None:
        for request in requests:
            try:
                request.execute()
            except RuntimeError:
                continue
            executed[thread] += 1

    together(*[lambda thread=thread: execute(thread) for thread in range(THREADS)])

    assert sum(executed) == 100
    # Nobody kept the results, so every reservation was rolled back, in whatever thread.
    assert book.fates == {"checked": 100, "rolled back": 100}


def test_handles_dropped_in_other_threads_are_rolled_back_without_another_call() -> None:
    book = Open()
    engine = engine_with(book, sync="full_sync")
    passed: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def make() -> None:
        for index in range(150):
            held = engine.execute_pre_trade(order(index % 7))
            # In a cycle, so that only a collection can free it, in whichever thread that runs.
            passed.put([held] if index % 2 else _in_a_cycle(held))
        passed.put(None)

    def drop() -> None:
        while passed.get(timeout=30) is not None:
            gc.collect(0)

    together(*[make] * 4, *[drop] * 4)
    gc.collect()

    assert book.fates == {"checked": 600, "rolled back": 600}


def _in_a_cycle(held: object) -> list[object]:
    cycle = [held]
    cycle.append(cycle)
    return cycle


def test_groups_blocks_and_settings_change_while_orders_run() -> None:
    generous = policies.RateLimitBrokerBarrier(policies.RateLimit(10**6, dt.timedelta(hours=1)))
    bounds = policies.PnlBoundsBrokerBarrier("USD", lower_bound=-(10**9))
    engine = engine_with(
        policies.build_rate_limit().broker_barrier(generous),
        policies.build_pnl_bounds_killswitch().broker_barriers(bounds),
        policies.build_spot_funds(),
        Scripted(),
        sync="full_sync",
    )
    accounts = engine.accounts()
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    seen: set[str] = set()

    def regroup() -> None:
        for _ in range(100):
            accounts.register_group([account(1)], 5)
            accounts.unregister_group([account(1)], 5)

    def block() -> None:
        for _ in range(100):
            accounts.block_group(5, "group")
            accounts.block(account(1), "own")
            accounts.unblock(account(1))
            accounts.unblock_group(5)
            accounts.unblock_all()

    def configure() -> None:
        for index in range(100):
            settings = engine.configure()
            settings.rate_limit(
                "RateLimitPolicy",
                asset_barriers=[
                    policies.RateLimitAssetBarrier(generous.limit, str(name))
                    for name in range(index % 5)
                ],
            )
            settings.pnl_bounds_killswitch("PnlBoundsKillSwitchPolicy", broker_barriers=[bounds])
            settings.spot_funds_pnl_bounds_killswitch(
                "SpotFundsPolicy",
                global_barrier=policies.SpotFundsPnlBoundsBarrier("USD", lower_bound=-index - 1),
            )
            accounts.set_currency(account(index), "USD")

    def trade() -> None:
        for _ in range(100):
            seen.update(reasons(engine.execute_pre_trade(order(1, "1", "1"))))
            engine.apply_execution_report(pnl_report(2, "-0.5"))
            engine.execute_pre_trade_dry_run(order(1, "1", "1"))

    together(regroup, block, configure, *[trade] * 3)

    assert seen <= {
        "own",
        "group",
        "account could not be verified as account ID is missing",
    }
    assert engine.execute_pre_trade(order(1, "10", "100"))
    assert accounts.group_of(account(1)) is None
    assert holding(engine, 1, "USD") == (1000, 0, 0)


def test_pnl_adds_up() -> None:
    engine = engine_with(
        policies.build_pnl_bounds_killswitch().broker_barriers(
            policies.PnlBoundsBrokerBarrier("USD", upper_bound="2399.5")
        ),
        sync="full_sync",
    )
    blocks: list[list[Any]] = [[] for _ in range(THREADS)]

    def report(thread: int) -> None:
        for _ in range(300):
            result = engine.apply_execution_report(pnl_report(1, "1.5", "0.5"))
            blocks[thread].extend(result.account_blocks)

    together(*[lambda thread=thread: report(thread) for thread in range(THREADS)])

    # 2400 reports of one dollar each: the last one, and only that, is outside.
    assert [block.details for thread in blocks for block in thread] == [
        "realized pnl 2400.0, settlement asset USD"
    ]
