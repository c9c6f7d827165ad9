"""A worker stands still: calls end at their deadline; what comes later is let go."""

from __future__ import annotations

import time
from concurrent.futures import wait
from typing import TYPE_CHECKING

import makers
import pytest
from fault_hosts import PATIENCE, an_order, denial_of, on_every_loop
from fault_policies import Harmful
from fault_traces import eventually, is_alive

from openpit.errors import OutcomeUnknown, ShardOverloaded, ShardStalled
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from fault_hosts import Host
    from fault_policies import Gate, Journal

TIMEOUT = 0.4
SLACK = 4.0
"""What a call may take over its deadline: asyncio looks eight times per timeout."""

LATE = "no answer within 0.4 s"
LESS_LATE = "no answer within 0.3 s"
"""Of a shard that a call to all shards waits for: it has three quarters of the timeout."""


@on_every_loop
def test_calls_end_at_their_deadline(host: Host) -> None:
    host.build(build_order_validation(), timeout=TIMEOUT)
    ours, pid = host.account_of(0), host.pid(0)
    host.stop(0)

    since = time.monotonic()
    check = host.begin_execute(ours)
    report = host.begin(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    block = host.begin(lambda e: e.accounts().block(makers.account(ours), "by the desk"))
    everywhere = host.begin(lambda e: e.accounts().unblock_all())
    assert not wait([check, report, block, everywhere], timeout=PATIENCE).not_done
    took = time.monotonic() - since

    # Three quarters at least: a call to all shards is among them.
    assert TIMEOUT * 0.75 <= took < TIMEOUT + SLACK
    assert denial_of(check.result()) == (
        "SystemUnavailable",
        "Router",
        "order",
        f"shard 0: {LATE}",
    )
    for call in (report, block, everywhere):
        error = call.exception()
        assert isinstance(error, OutcomeUnknown)
        assert error.shard == 0
        assert f"shard 0: {LATE}" in str(error)
    # It is not dead: it keeps its memory, and is asked again.
    assert (host.stats(0).state, is_alive(pid), host.down) == ("stalled", True, [])


@pytest.mark.one_python
@on_every_loop
@pytest.mark.parametrize("before", [0.2, 0.5, 0.95])
def test_no_deadline_is_early(host: Host, before: float) -> None:
    """A call comes while another shard has kept one waiting for a part of the timeout."""
    host.build(build_order_validation(), timeout=1.0)
    host.stop(0)
    host.stop(1)
    first = host.begin_execute(host.account_of(0))
    host.in_flight(0, 1)
    time.sleep(before)

    since = time.monotonic()
    denial = denial_of(host.execute(host.account_of(1)))
    took = time.monotonic() - since

    assert 1.0 <= took < 1.0 + SLACK
    assert denial[3] == "shard 1: no answer within 1 s"
    assert denial_of(first.result(PATIENCE))[3] == "shard 0: no answer within 1 s"


@on_every_loop
def test_waiting_for_credit_does_not_end_early(host: Host) -> None:
    host.build(build_order_validation(), timeout=PATIENCE, max_wait=0.5, credits=1)
    ours = host.account_of(0)
    host.stop(0)
    first = host.begin_execute(ours)
    host.in_flight(0, 1)

    since = time.monotonic()
    with pytest.raises(ShardOverloaded):
        host.execute(ours)
    took = time.monotonic() - since

    assert 0.5 <= took < 0.5 + SLACK
    host.go_on(0)
    assert first.result(PATIENCE)


@pytest.mark.one_python
def test_others_go_on(host: Host) -> None:
    host.build(build_order_validation(), timeout=TIMEOUT * 10)
    other = host.account_of(1)
    host.stop(0)
    stuck = host.begin_execute(host.account_of(0))
    host.in_flight(0, 1)

    for _ in range(100):
        assert host.execute(other)
    results = host.ask(lambda e: e.execute_pre_trade_many([an_order(other)] * 1000))

    assert all(results)
    assert not stuck.done()
    host.go_on(0)
    assert stuck.result(PATIENCE)


@on_every_loop
def test_late_reservations_are_rolled_back(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), timeout=TIMEOUT)
    ours = host.account_of(0)
    host.stop(0)
    assert denial_of(host.execute(ours, "HOLD"))[3] == f"shard 0: {LATE}"
    many = host.ask(lambda e: e.execute_pre_trade_many([an_order(ours, "HOLD")] * 3))
    assert [denial_of(result)[3] for result in many] == [f"shard 0: stalled: {LATE}"] * 3

    host.go_on(0)
    host.in_flight(0, 0)

    # What nobody received goes out ahead of the next order, of whichever account.
    assert host.execute(host.account_of(1))
    assert eventually(lambda: journal.lines() == [f"rollback-{ours}"])
    assert host.execute(ours)


def test_late_requests_and_drop_copies_are_let_go(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), timeout=TIMEOUT)
    ours = host.account_of(0)
    host.stop(0)
    started = host.begin(lambda e: e.start_pre_trade(order=an_order(ours, "HOLD")))
    copied = host.begin(lambda e: e.apply_drop_copy(order=an_order(ours, "HOLD")))
    assert denial_of(started.result(PATIENCE))[3] == f"shard 0: {LATE}"
    assert denial_of(copied.result(PATIENCE))[3] == f"shard 0: {LATE}"

    host.go_on(0)
    host.in_flight(0, 0)

    assert host.execute(ours)
    assert journal.lines() == [f"rollback-{ours}"]  # the drop copy; a request has nothing yet


def test_a_late_commit_may_have_been_applied(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), timeout=TIMEOUT)
    ours = host.account_of(0)
    reservation = host.execute(ours, "HOLD").reservation
    host.stop(0)

    with pytest.raises(OutcomeUnknown, match="the call may or may not have been applied"):
        host.ask(lambda _: reservation.commit())

    assert journal.lines() == []
    host.go_on(0)
    assert eventually(lambda: journal.lines() == [f"commit-{ours}"])
    with pytest.raises(RuntimeError, match="reservation has already been finalized"):
        host.ask(lambda _: reservation.commit())


@pytest.mark.one_python
def test_a_full_pipe_blocks_nobody(host: Host) -> None:
    # 60,000 orders are some megabytes: more than the pipe to a stopped worker holds.
    host.build(build_order_validation(), timeout=PATIENCE)
    ours, other = an_order(host.account_of(0)), an_order(host.account_of(1))
    host.stop(0)
    both = host.begin(lambda e: e.execute_pre_trade_many([ours] * 30_000 + [other] * 30_000))
    assert eventually(lambda: host.stats(0).in_flight == 8192)
    assert not both.done()

    host.go_on(0)

    results = both.result(PATIENCE)
    assert len(results) == 60_000
    assert all(results)


def test_a_batch_that_makes_progress_outlives_the_timeout(host: Host, gate: Gate) -> None:
    host.build(Harmful(gate=gate), timeout=TIMEOUT, credits=1)
    ours = host.account_of(0)
    orders = [an_order(ours, "WAIT") for _ in range(4)]

    since = time.monotonic()
    call = host.begin(lambda e: e.execute_pre_trade_many(orders))
    for moment in (0.6, 1.2, 1.8, 2.4):  # each within the timeout after the one before
        held = gate.meet()
        assert eventually(lambda until=since + moment * TIMEOUT: time.monotonic() > until)
        gate.let_go(held)
    results = call.result(PATIENCE)

    assert time.monotonic() - since > 2 * TIMEOUT
    assert all(results)


@pytest.mark.one_python
def test_administration_waits_for_a_stopped_shard_and_recovers(host: Host) -> None:
    host.build(build_order_validation(), timeout=1.0, max_wait=1.0)
    ours, other = makers.account(host.account_of(0)), makers.account(host.account_of(1))
    host.stop(0)
    # It found out while all were still being asked whether they can: none has applied it.
    with pytest.raises(ShardStalled):
        host.ask(lambda e: e.accounts().register_group([ours, other], 7))
    with pytest.raises(ShardStalled):
        host.ask(lambda e: e.accounts().block_group(8, "by the desk"))
    assert host.ask(lambda e: e.accounts().group_of(other)) is None

    host.go_on(0)
    assert eventually(lambda: host.stats(0).state == "up")
    host.ask(lambda e: e.accounts().register_group([ours, other], 7))
    assert host.ask(lambda e: e.accounts().group_of(ours)).value == 7
    host.ask(lambda e: e.accounts().block_group(7, "by the desk"))
    assert [reject.reason for reject in host.execute(ours.value).rejects] == ["by the desk"]


def test_a_stopped_worker_that_is_killed(host: Host) -> None:
    host.build(build_order_validation(), timeout=PATIENCE)
    ours = host.account_of(0)
    host.stop(0)
    check = host.begin_execute(ours)
    host.in_flight(0, 1)

    since = time.monotonic()
    host.kill(0)

    assert denial_of(check.result(PATIENCE))[3] == "shard 0: its worker was killed by signal 9"
    assert time.monotonic() - since < SLACK
