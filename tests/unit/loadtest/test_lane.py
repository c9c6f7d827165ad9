"""Lanes over engines in this process, and over one that notes what it is asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from openpit.errors import ShardDown
from openpit.faces.embedded import Engine
from openpit.loadtest.engine_objects import EngineObjects
from openpit.loadtest.flow import DEPOSIT, ORDER, REPORT, Event, Load, flow
from openpit.loadtest.lane import Lane, TimelineClock, rounds
from openpit.loadtest.recording import ACCEPTED, DENIED, MISSING, REJECTED, Recording
from openpit.loadtest.workload import load_workload
from openpit.pretrade import Lock
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    RateLimit,
    RateLimitBrokerBarrier,
    build_order_size_limit,
    build_order_validation,
    build_rate_limit,
)
from openpit.pretrade.rejects import AccountBlock, Reject

if TYPE_CHECKING:
    from collections.abc import Iterable


def order(number: int, account: int, quantity: str = "10", time: int = 0) -> Event:
    return (ORDER, number, time or number * 1_000, account, "S001", True, quantity, "100.00")


def cancel(number: int, account: int) -> Event:
    head = (REPORT, number, number * 1_000 + 1, account, True, "S001", True, "100.00")
    return (*head, None, "10", "0", "0")


def deposit(number: int, account: int) -> Event:
    return (DEPOSIT, number, number * 1_000, account, "5000")


# --- rounds --------------------------------------------------------------------------------------


def test_events_of_different_accounts_share_a_round() -> None:
    events = [order(1, 1), cancel(9, 2), order(2, 3), deposit(2, 4)]

    assert rounds(events) == [[events[1]], [events[0], events[2]], [events[3]]]


def test_an_accounts_events_keep_their_order() -> None:
    events = [order(1, 1), cancel(1, 1), order(2, 1), order(3, 1), deposit(3, 1), order(4, 1)]

    assert rounds(events) == [
        [],
        [events[0]],
        [],
        [events[1]],
        [events[2], events[3]],
        [events[4]],
        [],
        [events[5]],
    ]


def test_orders_of_all_accounts_keep_their_order_where_that_matters() -> None:
    events = [order(1, 1), cancel(1, 1), order(2, 1), order(3, 2)]

    assert rounds(events)[1] == [events[0], events[3]]
    assert rounds(events, in_order=True)[4] == [events[2], events[3]]


# --- an engine that notes what it is asked -------------------------------------------------------


class Reservation:
    def __init__(self, notes: list[Any], number: str) -> None:
        self.notes = notes
        self.number = number
        self.lock = Lock()

    def commit(self) -> None:
        self.notes.append(("commit", self.number))


class Result:
    def __init__(self, reservation: Reservation | None, rejects: list[Reject]) -> None:
        self.reservation = reservation
        self.rejects = rejects


class Reported:
    def __init__(self, account_blocks: list[AccountBlock]) -> None:
        self.account_blocks = account_blocks


class Noting:
    """Refuses an order of 13, denies one of 99, fails at 66; blocks accounts by their cancels."""

    def __init__(self, clock: TimelineClock) -> None:
        self.clock = clock
        self.notes: list[Any] = []
        self.blocks: list[AccountBlock] = []
        self.is_down = False

    def execute_pre_trade_many(self, orders: Iterable[Any]) -> list[Result]:
        taken = [(order.operation.trade_amount.as_quantity, self.clock.now) for order in orders]
        self.notes.append(("orders", [(str(quantity), time) for quantity, time in taken]))
        return [self._decide(str(quantity)) for quantity, _ in taken]

    def _decide(self, quantity: str) -> Result:
        if quantity == "66":
            raise ZeroDivisionError
        if quantity == "13":
            return Result(None, [Reject._of("Other", "unlucky", "13", "Luck", "account")])
        if quantity == "99":
            return Result(
                None, [Reject._of("SystemUnavailable", "down", "shard 0", "Router", "order")]
            )
        return Result(Reservation(self.notes, quantity), [])

    def commit_many(self, reservations: list[Reservation]) -> None:
        self.notes.append(("commits", [reservation.number for reservation in reservations]))
        if self.is_down:
            raise ExceptionGroup("commit_many", [ShardDown("down", 0), ShardDown("down", 0)])

    def apply_execution_report_many(self, reports: Iterable[Any]) -> list[Reported]:
        taken = [(report.operation.account_id.value, self.clock.now) for report in reports]
        self.notes.append(("reports", taken))
        return [Reported(self.blocks) for _ in taken]

    def apply_account_adjustment(self, account: Any, adjustments: list[Any]) -> None:
        balance = adjustments[0].amount.balance.as_delta
        self.notes.append(("deposit", account.value, str(balance), self.clock.now))
        if self.is_down:
            raise ShardDown("down", 0)


class Bench:
    """A lane over a noting engine, with a time that grows by one with every look."""

    def __init__(self, orders: int = 10, **options: Any) -> None:
        self.clock = TimelineClock()
        self.engine = Noting(self.clock)
        self.recording = Recording(orders)
        self.time = 0
        self.lane = Lane(
            0,
            self.engine,
            EngineObjects("USD"),
            self.clock,
            self.recording,
            now=self.now,
            **options,
        )

    def now(self) -> int:
        self.time += 1
        return self.time


def test_a_batch_is_one_call_and_each_order_has_its_own_time() -> None:
    bench = Bench()

    bench.lane.take([order(1, 1, "5"), order(2, 2, "6")])

    assert bench.engine.notes == [("orders", [("5", 1_000), ("6", 2_000)]), ("commits", ["5", "6"])]
    assert list(bench.recording.verdicts[1:3]) == [ACCEPTED, ACCEPTED]
    assert list(bench.recording.asked[1:3]) == [1, 1]
    assert list(bench.recording.decided[1:3]) == [2, 2]
    assert bench.recording.calls == [1]


def test_rejects_are_written_down_in_full_and_denials_apart() -> None:
    bench = Bench()

    bench.lane.take([order(1, 1, "13"), order(2, 2, "99")])

    assert list(bench.recording.verdicts[1:3]) == [REJECTED, DENIED]
    assert bench.recording.rejects[1] == [("Other", "unlucky", "13", "Luck", "account")]
    assert bench.engine.notes[1:] == []  # nothing to commit


def test_reports_of_refused_orders_are_left_out() -> None:
    bench = Bench()
    bench.lane.take([order(1, 1, "13"), order(2, 2, "5")])
    bench.engine.notes.clear()

    bench.lane.take([cancel(1, 1), cancel(2, 2), cancel(2, 2), cancel(7, 7)])

    assert bench.engine.notes == [("reports", [(2, 2_001)])]
    assert bench.recording.reports == [1]


def test_blocks_that_reports_raise_are_written_down() -> None:
    bench = Bench()
    bench.lane.take([order(2, 2)])
    bench.engine.blocks = [AccountBlock._of("Luck", "AccountBlocked", "lost", "all of it")]

    bench.lane.take([cancel(2, 2)])

    assert bench.recording.blocks == {(2, 2_001): [("AccountBlocked", "lost", "all of it", "Luck")]}


def test_deposits_reach_their_account() -> None:
    bench = Bench()

    bench.lane.take([deposit(3, 4)])

    assert bench.engine.notes == [("deposit", 4, "5000", 3_000)]
    assert bench.recording.deposits == [1]


def test_calls_that_raise_are_counted_by_type() -> None:
    bench = Bench()
    bench.engine.is_down = True

    bench.lane.take([order(1, 1), deposit(2, 2)])
    bench.lane.take([order(3, 1, "66"), order(4, 2)])

    assert bench.recording.failures == {"ShardDown": 3, "ZeroDivisionError": 1}
    assert list(bench.recording.verdicts[3:5]) == [MISSING, MISSING]


def test_an_order_of_a_blocked_account_ends_its_call_where_limits_span_accounts() -> None:
    bench = Bench(in_order=True)

    bench.lane.take([order(1, 1, "13")])
    bench.engine.notes.clear()
    bench.lane.take([order(2, 2, "5"), order(3, 1, "13"), order(4, 2, "6")])

    assert bench.engine.notes == [
        ("orders", [("5", 2_000), ("13", 3_000)]),
        ("commits", ["5"]),
        ("orders", [("6", 4_000)]),
        ("commits", ["6"]),
    ]


def test_an_order_that_may_block_its_account_ends_its_call_until_one_has_passed() -> None:
    bench = Bench(in_order=True, may_be_outside=lambda account: account == 1)

    bench.lane.take([order(1, 2, "1"), order(2, 1, "2"), order(3, 1, "3"), order(4, 1, "4")])

    assert [note for note in bench.engine.notes if note[0] == "orders"] == [
        ("orders", [("1", 1_000), ("2", 2_000)]),
        ("orders", [("3", 3_000), ("4", 4_000)]),
    ]


# --- the pipe ------------------------------------------------------------------------------------


def fed(events: list[Event]) -> int:
    read_end, write_end = os.pipe()
    os.write(write_end, b"".join(map(msgpack.packb, events)))
    os.close(write_end)
    return read_end


def test_what_the_pipe_holds_is_one_batch() -> None:
    bench = Bench()
    fd = fed([order(number, number, "5") for number in range(1, 6)])

    bench.lane.run(fd)
    os.close(fd)

    assert bench.recording.calls == [1]
    assert list(bench.recording.verdicts[1:6]) == [ACCEPTED] * 5


def test_a_closed_loop_takes_as_many_orders_as_are_to_be_under_way() -> None:
    bench = Bench()
    events = [order(number, number, str(number)) for number in range(1, 6)]
    events.insert(3, cancel(1, 1))
    fd = fed(events)

    bench.lane.run_closed(fd, in_flight=2)
    os.close(fd)

    calls = [note for note in bench.engine.notes if note[0] in {"orders", "reports"}]
    assert calls == [
        ("orders", [("1", 1_000), ("2", 2_000)]),
        ("reports", [(1, 1_001)]),
        ("orders", [("3", 3_000), ("4", 4_000)]),
        ("orders", [("5", 5_000)]),
    ]


@pytest.mark.parametrize("in_flight", [None, 2])
def test_a_lane_that_is_given_up_empties_its_pipe_and_asks_nothing_more(
    in_flight: int | None,
) -> None:
    bench = Bench()
    fd = fed([order(1, 1), cancel(1, 1), order(2, 2), order(3, 3), deposit(3, 3)])

    bench.lane.give_up()
    if in_flight is None:
        bench.lane.run(fd)
    else:
        bench.lane.run_closed(fd, in_flight)
    assert os.read(fd, 1) == b""
    os.close(fd)

    assert bench.engine.notes == []
    assert list(bench.recording.verdicts[1:4]) == [MISSING] * 3


# --- real engines --------------------------------------------------------------------------------


def engine_of(clock: TimelineClock) -> Any:
    size = build_order_size_limit().broker_barrier(
        OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="60"))
    )
    rate = build_rate_limit().broker_barrier(
        RateLimitBrokerBarrier(RateLimit(max_orders=3, window=_millisecond()))
    )
    stage = Engine.builder().clock(clock).no_sync().builtin(build_order_validation())
    return stage.builtin(size).builtin(rate).build()


def _millisecond() -> Any:
    from datetime import timedelta  # noqa: PLC0415 - for one value

    return timedelta(milliseconds=1)


def recorded(*, one_by_one: bool, batch: int) -> Recording:
    clock = TimelineClock()
    recording = Recording(400)
    lane = Lane(
        0,
        engine_of(clock),
        EngineObjects("USD"),
        clock,
        recording,
        one_by_one=one_by_one,
        in_order=True,
    )
    events = list(flow(Load(load_workload(accounts=20), seed=3, rate=2_500, orders=400)))
    for start in range(0, len(events), batch):
        lane.take(events[start : start + batch])
    return recording


@pytest.mark.parametrize("batch", [1, 7, 5_000])
def test_decisions_depend_neither_on_batches_nor_on_how_they_are_asked_for(batch: int) -> None:
    wanted = recorded(one_by_one=True, batch=1)

    found = recorded(one_by_one=False, batch=batch)

    assert found.verdicts == wanted.verdicts
    assert found.rejects == wanted.rejects
    assert sum(found.reports) == sum(wanted.reports) > 100
    codes = {rows[0][0] for rows in wanted.rejects.values()}
    assert codes >= {"RateLimitExceeded", "OrderQtyExceedsLimit"}
