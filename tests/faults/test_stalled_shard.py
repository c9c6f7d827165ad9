"""A shard answers nothing: it costs its own accounts one timeout, and nobody else anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import makers
import pytest
from custom_policies import Reserving
from fault_hosts import PATIENCE, an_order, denial_of, on_every_loop
from fault_policies import Harmful
from fault_traces import eventually, is_alive

from openpit.errors import ShardStalled
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from fault_hosts import Host
    from fault_policies import Journal

TIMEOUT = 2.0
AT_ONCE = 1.6  # less than the timeout, by as much as a machine under load may need
STALLED = "shard 0: stalled: no answer within 2 s"


def stall(host: Host) -> None:
    """Stop shard 0, and have one order find out."""
    host.stop(0)
    since = time.monotonic()
    assert denial_of(host.execute(host.account_of(0)))[3] == "shard 0: no answer within 2 s"
    assert time.monotonic() - since < TIMEOUT + PATIENCE
    assert host.stats(0).state == "stalled"


@on_every_loop
def test_it_is_denied_at_once_until_it_answers_again(host: Host) -> None:
    host.build(build_order_validation(), timeout=TIMEOUT)
    ours, other = host.account_of(0), host.account_of(1)
    stall(host)

    since = time.monotonic()
    orders = [an_order(other), an_order(ours), an_order(other)]
    results = host.ask(lambda e: e.execute_pre_trade_many(orders))
    assert denial_of(host.execute(ours)) == ("SystemUnavailable", "Router", "order", STALLED)
    assert [bool(result) for result in results] == [True, False, True]
    for call in (
        lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")),
        lambda e: e.accounts().block(makers.account(ours), "by the desk"),
        lambda e: e.accounts().block_group(7, "by the desk"),
        lambda e: e.accounts().register_group([makers.account(ours), makers.account(other)], 7),
    ):
        with pytest.raises(ShardStalled, match="shard 0 is stalled: no answer within 2 s") as told:
            host.ask(call)
        assert told.value.shard == 0
    assert time.monotonic() - since < AT_ONCE * 5
    # Nothing of it was applied anywhere.
    assert host.ask(lambda e: e.accounts().group_of(makers.account(other))) is None

    host.go_on(0)
    assert eventually(lambda: host.stats(0).state == "up")
    assert host.execute(ours)
    assert host.down == []


@pytest.mark.one_python
@on_every_loop
def test_one_that_stays_so_is_ended_and_told(host: Host) -> None:
    host.build(build_order_validation(), timeout=TIMEOUT, stall_timeout=0.5)
    pid = host.pid(0)
    stall(host)

    assert eventually(lambda: host.stats(0).state == "down")

    assert not is_alive(pid)
    assert [(told.shard, told.why) for told in host.down] == [(0, "stalled for 0.5 s")]
    assert denial_of(host.execute(host.account_of(0)))[3] == "shard 0: stalled for 0.5 s"
    assert host.execute(host.account_of(1))


def test_a_reservation_stays_open_and_can_be_committed_later(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), timeout=TIMEOUT)
    ours = host.account_of(0)
    reservation = host.execute(ours, "HOLD").reservation
    stall(host)

    with pytest.raises(ShardStalled):
        host.ask(lambda _: reservation.commit())
    with pytest.raises(ExceptionGroup, match="commit_many"):
        host.ask(lambda e: e.commit_many([reservation]))
    host.go_on(0)
    assert eventually(lambda: host.stats(0).state == "up")

    host.ask(lambda _: reservation.commit())
    assert journal.lines() == [f"commit-{ours}"]


def test_what_is_dropped_meanwhile_is_rolled_back_when_it_answers(
    host: Host, journal: Journal
) -> None:
    host.build(Harmful(journal=journal), timeout=TIMEOUT)
    ours, other = host.account_of(0), host.account_of(1)
    result = host.execute(ours, "HOLD")
    stall(host)
    since = time.monotonic()
    del result
    assert host.execute(other)  # waits for no rollback of a shard that is stalled
    assert time.monotonic() - since < AT_ONCE
    assert journal.lines() == []

    host.go_on(0)
    assert eventually(lambda: host.stats(0).state == "up")
    assert host.execute(other)
    assert eventually(lambda: journal.lines() == [f"rollback-{ours}"])


@pytest.mark.one_python
def test_an_engine_wide_block_does_not_wait_for_it_and_is_owed(host: Host) -> None:
    host.build(Reserving(), timeout=TIMEOUT)
    ours, other = host.account_of(0), host.account_of(1)
    stall(host)

    since = time.monotonic()
    order = makers.order(other, quantity="202")  # the policy's rollback of it fails
    host.ask(lambda e: e.execute_pre_trade(order=order))
    (reject,) = host.execute(other).rejects
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")
    assert time.monotonic() - since < AT_ONCE * 2

    host.go_on(0)
    assert eventually(lambda: host.stats(0).state == "up")
    (reject,) = host.execute(ours).rejects
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")


@pytest.mark.one_python
def test_closing_does_not_wait_for_it_again(host: Host) -> None:
    host.build(build_order_validation(), timeout=3.0)
    host.stop(0)
    assert denial_of(host.execute(host.account_of(0)))[3] == "shard 0: no answer within 3 s"
    since = time.monotonic()
    host.ask(lambda e: e.close())
    assert time.monotonic() - since < 2.5
