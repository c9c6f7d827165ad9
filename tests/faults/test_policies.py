"""Policies that raise, and policies that never return."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import makers
import pytest
from fault_hosts import PATIENCE, PROMPT, an_order, denial_of
from fault_policies import Harmful, UntravelledError, UnusualError
from fault_traces import eventually, is_alive

from openpit.errors import LeftBehind, OutcomeUnknown, ShardStalled, SomeItemsFailed
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from fault_hosts import Host
    from fault_policies import Gate


def test_an_exception_is_the_callers(host: Host) -> None:
    host.build(Harmful())
    ours = host.account_of(0)

    with pytest.raises(UnusualError) as raised:
        host.execute(ours, "RAISE")

    assert type(raised.value) is UnusualError
    assert (raised.value.args, raised.value.code) == (("the desk is closed", 42), 42)
    worker_traceback = str(raised.value.__cause__)
    assert "in check_pre_trade_start" in worker_traceback
    assert 'raise UnusualError("the desk is closed", 42)' in worker_traceback
    # The worker is none the worse for it.
    assert host.stats(0).state == "up"
    assert host.execute(ours)


def test_an_exception_that_cannot_travel(host: Host) -> None:
    host.build(Harmful())
    ours = host.account_of(1)

    with pytest.raises(UntravelledError, match="the book is open") as raised:
        host.execute(ours, "RAISE-UNTRAVELLED")

    assert isinstance(raised.value.args[1], LeftBehind)
    assert raised.value.__notes__ == ["left in the worker: args[1] (builtins.object)"]
    assert "in check_pre_trade_start" in str(raised.value.__cause__)
    assert host.execute(ours)


@pytest.mark.parametrize("host", ["blocking"], indirect=True)  # on asyncio it ends the loop, too
def test_what_ends_a_program_ends_the_caller_and_not_the_worker(host: Host) -> None:
    host.build(Harmful())
    ours = host.account_of(0)

    with pytest.raises(SystemExit, match="enough"):
        host.execute(ours, "RAISE-EXIT")

    assert host.execute(ours)


def test_exceptions_in_a_batch_are_told_together(host: Host) -> None:
    host.build(Harmful())
    ours, other = host.account_of(0), host.account_of(1)
    orders = [
        an_order(ours),
        an_order(ours, "RAISE"),
        an_order(other, "RAISE-UNTRAVELLED"),
        an_order(other),
    ]

    with pytest.raises(
        SomeItemsFailed, match="execute_pre_trade_many failed at index 1, 2"
    ) as group:
        host.ask(lambda e: e.execute_pre_trade_many(orders))

    assert [type(error) for error in group.value.exceptions] == [UnusualError, UntravelledError]
    assert [bool(result) for result in group.value.results] == [True, False, False, True]
    assert host.execute(ours)
    assert host.execute(other)


@pytest.mark.parametrize("harm", ["SPIN", "SLEEP"])
def test_a_policy_that_never_returns(host: Host, harm: str) -> None:
    host.build(Harmful(), timeout=0.4)
    ours, pid = host.account_of(0), host.pid(0)

    since = time.monotonic()
    assert denial_of(host.execute(ours, harm))[3] == "shard 0: no answer within 0.4 s"
    # Who comes later does not wait for it any more.
    assert denial_of(host.execute(ours))[3] == "shard 0: stalled: no answer within 0.4 s"
    with pytest.raises(ShardStalled, match=r"shard 0 is stalled: no answer within 0\.4 s"):
        host.ask(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    assert time.monotonic() - since < 0.4 + PROMPT

    for _ in range(10):
        assert host.execute(host.account_of(1))
    # Closing ends it without asking.
    since = time.monotonic()
    host.ask(lambda e: e.close())
    assert time.monotonic() - since < PROMPT
    assert not is_alive(pid)


def test_a_policy_that_never_returns_ends_with_a_signal(host: Host) -> None:
    host.build(Harmful(), timeout=PATIENCE)
    ours = host.account_of(0)
    stuck = host.begin_execute(ours, "SPIN")
    host.in_flight(0, 1)

    since = time.monotonic()
    host.kill(0)  # the operator's way out: the shard's accounts are denied from now on

    assert denial_of(stuck.result(PATIENCE))[3] == "shard 0: its worker was killed by signal 9"
    assert time.monotonic() - since < PROMPT
    assert host.execute(host.account_of(1))


@pytest.mark.parametrize("what", ["report", "adjustment"])
def test_a_policy_that_is_slow_with_what_comes_back(host: Host, gate: Gate, what: str) -> None:
    host.build(Harmful(gate=gate), timeout=0.4)
    ours = host.account_of(0)
    calls: dict[str, Any] = {
        "report": lambda e: e.apply_execution_report(
            makers.pnl_report(ours, "5", instrument=("WAIT", "USD"))
        ),
        "adjustment": lambda e: e.apply_account_adjustment(
            makers.account(ours), [makers.deposit("WAIT", "100")]
        ),
    }
    call = host.begin(calls[what])
    held = gate.meet()

    with pytest.raises(OutcomeUnknown, match="the call may or may not have been applied"):
        call.result(PATIENCE)

    gate.let_go(held)
    host.in_flight(0, 0)
    assert host.execute(ours)
    assert host.stats(0).state == "up"


def test_a_rollback_that_fails_blocks_every_account(host: Host) -> None:
    host.build(Harmful(), build_order_validation())
    ours, other = host.account_of(0), host.account_of(1)
    reservation = host.execute(ours, "HOLD-BADLY").reservation

    with pytest.raises(UnusualError):
        host.ask(lambda _: reservation.rollback())

    for number in (ours, other):
        (reject,) = host.execute(number).rejects
        assert reject.code == "SystemUnavailable"
        assert reject.policy != "Router"
    assert eventually(lambda: host.stats(0).in_flight == 0)
