"""No more than the credits is in flight to a shard: who waits for one, how long, who does not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import makers
import pytest
from fault_hosts import PATIENCE, PROMPT, an_order, on_every_loop
from fault_policies import Harmful
from fault_traces import eventually

from openpit.errors import ShardOverloaded
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from fault_hosts import Host
    from fault_policies import Gate, Journal

OVERLOADED = "shard 0 has had no credit in time: 4 commands are in flight"


@on_every_loop
def test_a_call_waits_for_credit(host: Host) -> None:
    host.build(build_order_validation(), credits=4)
    ours = host.account_of(0)
    host.stop(0)
    calls = [host.begin_execute(ours) for _ in range(10)]
    assert eventually(lambda: (host.stats(0).in_flight, host.stats(0).waiting) == (4, 6))

    host.go_on(0)

    assert all(call.result(PATIENCE) for call in calls)
    assert (host.stats(0).in_flight, host.stats(0).waiting) == (0, 0)


@on_every_loop
def test_waiting_for_credit_has_a_deadline(host: Host) -> None:
    host.build(build_order_validation(), credits=4, max_wait=0.2)
    ours = host.account_of(0)
    host.stop(0)
    calls = [host.begin_execute(ours) for _ in range(4)]
    host.in_flight(0, 4)

    since = time.monotonic()
    with pytest.raises(ShardOverloaded, match=OVERLOADED) as overloaded:
        host.execute(ours)
    assert 0.15 <= time.monotonic() - since < 0.2 + PROMPT
    assert overloaded.value.shard == 0
    # A report takes what orders cannot, and is the last one that does.
    reported = host.begin(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    host.in_flight(0, 5)
    with pytest.raises(ShardOverloaded, match="5 commands are in flight"):
        host.ask(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))

    # Nothing of them was sent, and nothing of them is left.
    assert (host.stats(0).in_flight, host.stats(0).waiting) == (5, 0)
    host.go_on(0)
    assert all(call.result(PATIENCE) for call in calls)
    assert reported.result(PATIENCE).account_blocks == []
    assert host.execute(ours)


@pytest.mark.one_python
@on_every_loop
def test_no_wait_at_all(host: Host) -> None:
    host.build(build_order_validation(), credits=4, max_wait=0)
    ours, other = host.account_of(0), host.account_of(1)
    host.stop(0)
    calls = [host.begin_execute(ours) for _ in range(4)]
    host.in_flight(0, 4)

    since = time.monotonic()
    for _ in range(20):
        with pytest.raises(ShardOverloaded, match=OVERLOADED):
            host.execute(ours)
    assert time.monotonic() - since < PROMPT  # twenty at once: none of them waits
    assert host.execute(other)

    host.go_on(0)
    assert all(call.result(PATIENCE) for call in calls)
    assert host.execute(ours)


@pytest.mark.one_python
@pytest.mark.parametrize("max_wait", [None, 0], ids=["waiting", "not waiting"])
def test_batches_of_any_size_work_within_the_credits(
    host: Host, journal: Journal, max_wait: float | None
) -> None:
    host.build(Harmful(journal=journal), credits=3, max_wait=max_wait)
    numbers = [host.account_of(place % 2, place % 7) for place in range(500)]

    orders = [an_order(number, "HOLD") for number in numbers]
    results = host.ask(lambda e: e.execute_pre_trade_many(orders))
    assert all(results)
    host.ask(lambda e: e.commit_many([result.reservation for result in results]))
    reports = [makers.pnl_report(number, "5") for number in numbers]
    assert len(host.ask(lambda e: e.apply_execution_report_many(reports))) == 500

    assert len(journal.lines()) == 500
    for shard in (0, 1):
        ours = [f"commit-{number}" for place, number in enumerate(numbers) if place % 2 == shard]
        assert [line for line in journal.lines() if line in set(ours)] == ours


@pytest.mark.one_python
def test_a_slow_shard_does_not_slow_the_others(host: Host, gate: Gate) -> None:
    host.build(Harmful(gate=gate), credits=2, timeout=PATIENCE)
    ours, other = host.account_of(0), host.account_of(1)
    slow = host.begin_execute(ours, "WAIT")
    held = gate.meet()
    waiting = [host.begin_execute(ours) for _ in range(5)]
    assert eventually(lambda: (host.stats(0).in_flight, host.stats(0).waiting) == (2, 4))

    for _ in range(100):
        assert host.execute(other)
    assert all(host.ask(lambda e: e.execute_pre_trade_many([an_order(other)] * 1000)))

    assert not slow.done()
    assert not any(call.done() for call in waiting)
    gate.let_go(held)
    assert slow.result(PATIENCE)
    assert all(call.result(PATIENCE) for call in waiting)


@pytest.mark.one_python
def test_waiting_calls_keep_their_order(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), credits=1)
    ours = [host.account_of(0, place) for place in range(8)]
    reservations = [host.execute(number, "HOLD").reservation for number in ours]
    host.stop(0)
    first = host.begin_execute(ours[0])
    host.in_flight(0, 1)
    commits = []
    for waiting, reservation in enumerate(reservations):  # the first takes the reserve
        commits.append(host.begin(lambda _, one=reservation: one.commit()))
        host.in_flight(0, 2)
        assert eventually(lambda count=waiting: host.stats(0).waiting == count)

    host.go_on(0)

    assert first.result(PATIENCE)
    for commit in commits:
        commit.result(PATIENCE)
    assert journal.lines() == [f"commit-{number}" for number in ours]


def test_calls_that_wait_for_credit_of_a_shard_that_dies(host: Host) -> None:
    host.build(build_order_validation(), credits=1)
    ours = host.account_of(0)
    host.stop(0)
    calls = [host.begin_execute(ours) for _ in range(3)]
    assert eventually(lambda: host.stats(0).waiting == 2)

    since = time.monotonic()
    host.kill(0)

    details = {call.result(PATIENCE).rejects[0].details for call in calls}
    assert time.monotonic() - since < PROMPT
    assert details == {"shard 0: its worker was killed by signal 9"}
    assert (host.stats(0).in_flight, host.stats(0).waiting) == (0, 0)
