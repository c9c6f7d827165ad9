"""Handles that nobody holds any more: rolled back in their shard, ahead of the next order."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from fault_hosts import PATIENCE, PROMPT, an_order, denial_of
from fault_policies import Harmful
from fault_traces import eventually

from openpit.errors import ShardOverloaded
from openpit.wire.limits import HANDLES_PER_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from fault_hosts import Host
    from fault_policies import Journal


def poll(host: Host, other: int) -> None:
    host.ask(lambda engine: engine.poll())


@pytest.mark.parametrize("host", ["blocking"], indirect=True)
@pytest.mark.parametrize("call", [lambda host, other: host.execute(other), poll])
def test_a_dropped_reservation_goes_with_the_next_call(
    host: Host, journal: Journal, call: Callable[[Host, int], object]
) -> None:
    host.build(Harmful(journal=journal))
    ours, other = host.account_of(0), host.account_of(1)
    reservation = host.execute(ours, "HOLD").reservation
    sent = host.stats(0).sent

    del reservation
    gc.collect()

    # A finaliser runs anywhere, also inside of a call, and there is no thread: it sends nothing.
    assert (host.stats(0).sent, journal.lines()) == (sent, [])
    # The next call does, of whichever account.
    call(host, other)
    assert eventually(lambda: journal.lines() == [f"rollback-{ours}"])


@pytest.mark.parametrize("host", ["asyncio", "uvloop"], indirect=True)
def test_an_event_loop_rolls_a_dropped_reservation_back_by_itself(
    host: Host, journal: Journal
) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    for count in (1, 2):
        result = host.execute(ours, "HOLD")

        del result
        gc.collect()

        assert eventually(lambda: len(journal.lines()) == count), journal.lines()  # noqa: B023 - now
    assert host.stats(0).in_flight == 0


@pytest.mark.parametrize("host", ["asyncio"], indirect=True)
def test_an_event_loop_rolls_back_what_comes_too_late(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), timeout=0.3)
    ours = host.account_of(0)
    host.stop(0)
    assert not host.execute(ours, "HOLD")

    host.go_on(0)

    assert eventually(lambda: journal.lines() == [f"rollback-{ours}"])


def test_a_dropped_result_request_and_drop_copy(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    host.execute(ours, "HOLD")
    host.ask(lambda e: e.start_pre_trade(order=an_order(ours, "HOLD")))
    host.ask(lambda e: e.apply_drop_copy(order=an_order(ours, "HOLD")))
    gc.collect()

    assert host.execute(ours)

    assert journal.lines() == [f"rollback-{ours}"] * 2  # the request had nothing reserved yet


def test_dropped_in_a_cycle_by_another_thread(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    ring: list[Any] = [host.execute(ours, "HOLD")]
    ring.append(ring)
    del ring

    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()

    assert host.execute(ours)
    assert journal.lines() == [f"rollback-{ours}"]


def test_more_than_one_command_can_list(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    count = HANDLES_PER_COMMAND + 10
    results = host.ask(lambda e: e.execute_pre_trade_many([an_order(ours, "HOLD")] * count))
    assert all(results)

    del results
    gc.collect()

    assert host.execute(ours)
    assert journal.lines() == [f"rollback-{ours}"] * count


def test_dropped_at_a_dead_shard(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours, other = host.account_of(0), host.account_of(1)
    kept = [host.execute(number, "HOLD").reservation for number in (ours, other)]
    host.kill(0)
    assert not host.execute(ours)

    kept.clear()
    gc.collect()

    assert host.execute(other)
    assert journal.lines() == [f"rollback-{other}"]


def test_finalised_ones_are_not_rolled_back(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    reservations = [host.execute(ours, "HOLD").reservation for _ in range(3)]
    host.ask(lambda _: reservations[0].commit())
    host.ask(lambda _: reservations[1].rollback())
    host.ask(lambda e: e.commit_many(reservations[2:]))

    reservations.clear()
    gc.collect()

    assert host.execute(ours)
    assert journal.lines() == [f"commit-{ours}", f"rollback-{ours}", f"commit-{ours}"]


def test_a_dropped_rollback_that_fails_blocks_the_very_next_order(host: Host) -> None:
    host.build(Harmful())
    ours, other = host.account_of(0), host.account_of(1)
    host.execute(ours, "HOLD-BADLY")
    gc.collect()

    (reject,) = host.execute(other).rejects

    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")


@pytest.mark.parametrize("host", ["blocking"], indirect=True)
def test_handles_outlive_their_engine(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    reservation = host.execute(ours, "HOLD").reservation
    accounts = host.engine.accounts()

    host.engine = None
    gc.collect()

    reservation.commit()
    assert journal.lines() == [f"commit-{ours}"]
    accounts.unblock_all()
    del reservation, accounts
    gc.collect()


SILENT = "no answer within 0.375 s"
"""Three quarters of the timeout, for a shard that all others wait for."""


def test_a_shard_that_does_not_roll_back_stops_the_others_for_the_timeout(
    host: Host, journal: Journal
) -> None:
    # Whether that rollback blocks the engine is not known: no order may pass meanwhile.
    host.build(Harmful(journal=journal), timeout=0.5)
    ours, other = host.account_of(0), host.account_of(1)
    kept = [host.execute(ours, "HOLD")]
    host.stop(0)

    since = time.monotonic()
    kept.clear()
    gc.collect()
    result = host.execute(other)

    # A shard cannot stand for all: it is stalled, and its accounts alone are denied.
    assert 0.5 * 0.7 < time.monotonic() - since < 0.5 + PROMPT
    assert result
    assert denial_of(host.execute(ours))[3] == f"shard 0: stalled: {SILENT}"
    assert journal.lines() == []

    host.go_on(0)
    assert eventually(lambda: host.stats(0).state == "up")
    assert host.execute(ours)
    assert journal.lines() == [f"rollback-{ours}"]
    assert host.down == []


def test_who_does_not_wait_that_long_is_told_which_shard_it_is(
    host: Host, journal: Journal
) -> None:
    host.build(Harmful(journal=journal), timeout=PATIENCE, max_wait=0.1)
    ours, other = host.account_of(0), host.account_of(1)
    kept = [host.execute(ours, "HOLD")]
    host.stop(0)
    kept.clear()
    gc.collect()

    for call in (
        lambda e: e.execute_pre_trade(order=an_order(other)),
        lambda e: e.accounts().unblock_all(),
    ):
        with pytest.raises(ShardOverloaded, match="shard 0 keeps all others waiting") as told:
            host.ask(call)
        assert told.value.shard == 0

    host.go_on(0)
    assert eventually(lambda: host.stats(0).in_flight == 0)
    assert host.execute(other)
    assert journal.lines() == [f"rollback-{ours}"]


def test_a_shard_that_does_not_hear_of_a_block_stops_the_others_for_the_timeout(
    host: Host,
) -> None:
    host.build(Harmful(), timeout=2.0)
    ours = host.account_of(0)
    kept = [host.execute(ours, "HOLD-BADLY")]
    host.stop(1)

    since = time.monotonic()
    kept.clear()
    gc.collect()
    (reject,) = host.execute(ours).rejects

    assert time.monotonic() - since < 2.0 + PROMPT
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")
    assert (host.stats(1).state, host.stats(1).why) == ("stalled", "no answer within 1.5 s")

    # It is told first when it answers again: its orders are never checked without the block.
    host.go_on(1)
    assert eventually(lambda: host.stats(1).state == "up")
    (reject,) = host.execute(host.account_of(1)).rejects
    assert (reject.code, reject.scope) == ("SystemUnavailable", "account")
    assert host.down == []
