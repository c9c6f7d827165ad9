"""The end of an engine: what is in flight ends, what is open is rolled back, nothing is left."""

from __future__ import annotations

import gc
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

import makers
import pytest
from fault_hosts import PATIENCE, PROMPT, an_order, denial_of, on_every_loop
from fault_policies import Harmful
from fault_traces import eventually, is_alive

from openpit.errors import EngineClosed, OutcomeUnknown
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from fault_hosts import Host
    from fault_policies import Gate, Journal
    from fault_traces import Traces

TIMEOUT = 0.5


def test_nothing_is_left_at_once(host: Host, nothing_left: Traces) -> None:
    host.build(build_order_validation())
    pids = [host.pid(shard) for shard in (0, 1)]
    assert host.execute(1)

    host.ask(lambda e: e.close())

    # While the engine is still held: closing it is enough.
    assert not any(is_alive(pid) for pid in pids)
    assert nothing_left.new_children() == {}
    assert [host.stats(shard).state for shard in (0, 1)] == ["closed", "closed"]
    assert host.down == []


@on_every_loop
def test_calls_in_flight_get_their_answers(host: Host, gate: Gate, journal: Journal) -> None:
    host.build(Harmful(gate, journal))
    ours = host.account_of(0)
    check = host.begin_execute(ours, "WAIT")
    held = gate.meet()
    report = host.begin(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    host.in_flight(0, 2)

    closing = host.begin(lambda e: e.close())
    assert eventually(lambda: host.engine._router.books.is_closed)
    with pytest.raises(EngineClosed):
        host.execute(ours)
    assert not closing.done()
    gate.let_go(held)

    closing.result(PATIENCE)
    assert check.result(PATIENCE)
    assert report.result(PATIENCE).account_blocks == []
    # Its reservation can be committed no more: the shard has rolled it back.
    with pytest.raises(EngineClosed):
        host.ask(lambda _: check.result().reservation.commit())
    assert journal.lines() == [f"rollback-{ours}"]


@pytest.mark.parametrize("how", ["stopped", "spinning"])
def test_a_shard_that_does_not_answer_is_ended(host: Host, how: str) -> None:
    host.build(Harmful(), timeout=TIMEOUT)
    ours, pid = host.account_of(0), host.pid(0)
    if how == "stopped":
        host.stop(0)
        check = host.begin_execute(ours)
    else:
        check = host.begin_execute(ours, "SPIN")
    report = host.begin(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    group = host.begin(lambda e: e.accounts().register_group([makers.account(ours)], 7))
    host.in_flight(0, 3)

    since = time.monotonic()
    host.ask(lambda e: e.close())

    assert time.monotonic() - since < TIMEOUT + PROMPT
    assert not is_alive(pid)
    assert denial_of(check.result(PATIENCE))[:2] == ("SystemUnavailable", "Router")
    assert isinstance(report.exception(PATIENCE), OutcomeUnknown)
    assert isinstance(group.exception(PATIENCE), (OutcomeUnknown, EngineClosed))


def test_idle_workers_that_stand_still_cost_one_timeout_together(host: Host) -> None:
    host.build(build_order_validation(), timeout=2.0)
    pids = [host.pid(shard) for shard in (0, 1)]
    host.stop(0)
    host.stop(1)

    since = time.monotonic()
    host.ask(lambda e: e.close())
    took = time.monotonic() - since

    assert 1.5 <= took < 2.0 + PROMPT
    assert not any(is_alive(pid) for pid in pids)


@on_every_loop
def test_a_worker_that_takes_its_time_to_end_is_seen_to_end(host: Host) -> None:
    # So impatient a caller has the face look at its shards all the time, at closing as well.
    host.build(build_order_validation(), timeout=PATIENCE, max_wait=0.01)
    assert host.execute(host.account_of(0))

    since = time.monotonic()
    host.ask(lambda e: e.close())

    assert time.monotonic() - since < PROMPT


def test_calls_that_wait_for_credit_were_never_made(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), credits=1)
    ours = host.account_of(0)
    host.stop(0)
    first = host.begin_execute(ours)
    host.in_flight(0, 1)
    check = host.begin_execute(ours, "HOLD")
    report = host.begin(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    batch = host.begin(lambda e: e.execute_pre_trade_many([an_order(ours, "HOLD")] * 3))
    assert eventually(lambda: host.stats(0).waiting == 5)

    closing = host.begin(lambda e: e.close())

    assert denial_of(check.result(PATIENCE))[:2] == ("SystemUnavailable", "Router")
    assert isinstance(report.exception(PATIENCE), EngineClosed)
    assert [denial_of(one)[1] for one in batch.result(PATIENCE)] == ["Router"] * 3
    host.go_on(0)
    assert first.result(PATIENCE)
    closing.result(PATIENCE)
    assert journal.lines() == []


@on_every_loop
def test_closing_while_many_callers_call(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    numbers = [host.account_of(shard, place) for shard in (0, 1) for place in range(4)]
    ends: list[BaseException] = []
    answered = 0

    def keep_asking(number: int) -> None:
        def done(future: Future[Any]) -> None:
            nonlocal answered
            error = future.exception()
            if error is not None:
                ends.append(error)
                return
            answered += bool(future.result())
            keep_asking(number)

        host.begin_execute(number, "HOLD").add_done_callback(done)

    for number in numbers:
        keep_asking(number)
    assert eventually(lambda: answered > 200)

    since = time.monotonic()
    host.ask(lambda e: e.close())

    assert time.monotonic() - since < 2 * PROMPT
    assert eventually(lambda: len(ends) == len(numbers))
    assert {type(error) for error in ends} == {EngineClosed}
    lines = journal.lines()
    assert all(line.startswith("rollback-") for line in lines)
    assert len(lines) >= answered  # one whose answer came too late may be among them


def test_closing_more_than_once_and_all_at_once(host: Host, gate: Gate) -> None:
    host.build(Harmful(gate))
    check = host.begin_execute(host.account_of(0), "WAIT")
    held = gate.meet()
    closings = [host.begin(lambda e: e.close()) for _ in range(4)]
    assert eventually(lambda: host.engine._router.books.is_closed)

    gate.let_go(held)

    assert not wait(closings, timeout=PATIENCE).not_done
    assert [closing.exception() for closing in closings] == [None] * 4
    assert check.result(PATIENCE)
    host.ask(lambda e: e.close())


AFTERWARDS: dict[str, Callable[[Any], Any]] = {
    "start": lambda e: e.start_pre_trade(order=an_order(1)),
    "start dry": lambda e: e.start_pre_trade_dry_run(order=an_order(1)),
    "execute": lambda e: e.execute_pre_trade(order=an_order(1)),
    "execute dry": lambda e: e.execute_pre_trade_dry_run(order=an_order(1)),
    "no account": lambda e: e.execute_pre_trade(order=makers.order(None)),
    "drop copy": lambda e: e.apply_drop_copy(order=an_order(1)),
    "report": lambda e: e.apply_execution_report(makers.pnl_report(1, "5")),
    "adjust": lambda e: e.apply_account_adjustment(makers.account(1), [makers.deposit("USD", "1")]),
    "execute many": lambda e: e.execute_pre_trade_many([an_order(1)]),
    "report many": lambda e: e.apply_execution_report_many([makers.pnl_report(1, "5")]),
    "block": lambda e: e.accounts().block(makers.account(1), "by the desk"),
    "unblock all": lambda e: e.accounts().unblock_all(),
    "register": lambda e: e.accounts().register_group([makers.account(1)], 7),
}


def test_every_call_afterwards(host: Host) -> None:
    host.build(build_order_validation())
    request = host.ask(lambda e: e.start_pre_trade(order=an_order(1))).request

    host.ask(lambda e: e.close())

    for name, call in AFTERWARDS.items():
        error = host.begin(call).exception(PATIENCE)
        assert isinstance(error, EngineClosed), name
        assert str(error) == "the engine is closed"
    with pytest.raises(EngineClosed):
        host.ask(lambda _: request.execute())
    assert host.ask(lambda e: e.shards) == 2
    assert host.ask(lambda e: e.shard_of(makers.account(1))) in {0, 1}


def test_what_is_open_is_rolled_back(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    numbers = [host.account_of(shard, place) for shard in (0, 1) for place in range(3)]
    kept = [host.execute(number, "HOLD").reservation for number in numbers]
    host.execute(numbers[0], "HOLD")  # dropped, and not sent yet
    host.ask(lambda _: kept[1].commit())

    host.ask(lambda e: e.close())

    lines = sorted(journal.lines())
    expected = [f"rollback-{number}" for number in [numbers[0], *numbers]]
    expected[2] = f"commit-{numbers[1]}"
    assert lines == sorted(expected)
    for place, reservation in enumerate(kept):
        error = RuntimeError if place == 1 else EngineClosed
        with pytest.raises(error):
            host.ask(lambda _, one=reservation: one.rollback())


def test_closing_after_a_shard_has_died(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    living = host.account_of(1)
    lost = host.execute(host.account_of(0), "HOLD").reservation
    reservation = host.execute(living, "HOLD").reservation
    host.kill(0)

    since = time.monotonic()
    host.ask(lambda e: e.close())

    assert time.monotonic() - since < 2 * PROMPT
    assert journal.lines() == [f"rollback-{living}"]
    for one in (lost, reservation):
        with pytest.raises(EngineClosed):
            host.ask(lambda _, one=one: one.commit())


def test_an_engine_that_nobody_holds_ends(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours, pids = host.account_of(0), [host.pid(shard) for shard in (0, 1)]
    reservation = host.execute(ours, "HOLD").reservation

    host.engine = None
    gc.collect()
    # What came from it keeps its worker in use.
    assert all(is_alive(pid) for pid in pids)
    del reservation
    gc.collect()

    # On asyncio the timer of its last call may hold it for a moment longer.
    assert eventually(lambda: gc.collect() >= 0 and not any(is_alive(pid) for pid in pids))
    assert journal.lines() == [f"rollback-{ours}"]
