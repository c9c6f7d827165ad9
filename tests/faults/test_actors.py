"""Actors in real workers: killed in a message, raising, never returning; the others go on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import makers
import pytest
from fault_hosts import PATIENCE, denial_of, on_every_loop
from fault_traces import eventually, is_alive
from gateways import Gateway, answered, message

from openpit.errors import (
    ActorScopeError,
    FrameTooLarge,
    OutcomeUnknown,
    ShardDown,
    ShardStalled,
    SomeItemsFailed,
)
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.wire.limits import MESSAGE_BYTES

if TYPE_CHECKING:
    from fault_hosts import Host

KILLED = "shard 0: its worker was killed by signal 9"
TIMEOUT = 1.0


def build(host: Host, **options: Any) -> tuple[int, int]:
    """An engine with an actor; return an account of each of its two shards, with 10,000 USD."""
    host.build(build_order_validation(), build_spot_funds(), actors={"gateway": Gateway}, **options)
    ours, other = host.account_of(0), host.account_of(1)
    for number in (ours, other):
        money = [makers.deposit("USD", "10000")]
        host.ask(lambda e, n=number, m=money: e.apply_account_adjustment(makers.account(n), m))
    return ours, other


def ask(host: Host, number: int, *steps: Any) -> Any:
    sent = message(*steps)
    return answered(host.ask(lambda e: e.ask("gateway", makers.account(number), sent)))


@on_every_loop
def test_killed_in_the_midst_of_a_message(host: Host) -> None:
    ours, other = build(host)
    items = [
        (makers.account(other), message(["commit", "1"])),
        (makers.account(ours), message(["commit", "1"], ["kill"])),
        (makers.account(ours), message(["commit", "1"])),
    ]
    with pytest.raises(SomeItemsFailed) as raised:
        host.ask(lambda e: e.ask_many("gateway", items))
    assert raised.value.indexes == (1, 2)
    assert [type(one) for one in raised.value.exceptions] == [OutcomeUnknown] * 2
    assert answered(raised.value.results[0]) == ["committed"]

    assert denial_of(host.execute(ours)) == ("SystemUnavailable", "Router", "order", KILLED)
    with pytest.raises(ShardDown, match="killed by signal 9"):
        ask(host, ours)
    with pytest.raises(ShardDown):
        host.ask(lambda e: e.tell("gateway", makers.account(ours), b""))
    with pytest.raises(SomeItemsFailed) as raised:
        host.ask(lambda e: e.ask_many("gateway", items))
    assert [type(one) for one in raised.value.exceptions] == [ShardDown] * 2
    assert ask(host, other, ["commit", "1"], ["state"]) == ["committed", [9443.5, 556.5, 0]]


@on_every_loop
def test_one_that_raises_costs_its_message_alone(host: Host) -> None:
    ours, other = build(host)
    room = MESSAGE_BYTES - len(b'["open", ""]') + 1
    for error, steps in (
        (ZeroDivisionError, [["order", "10"], ["fail", "ZeroDivisionError", "why"]]),
        (ActorScopeError, [["keep", "a", "10"], ["state", other]]),
        (ActorScopeError, [["order", "10"], ["deposit", "1", other]]),
        (FrameTooLarge, [["order", "1"], ["answer", room]]),
    ):
        with pytest.raises(error) as raised:
            ask(host, ours, *steps)
        assert "Traceback" in str(raised.value.__cause__)
    assert ask(host, ours, ["state"]) == [[10000, 0, 0]]
    assert host.execute(ours)
    assert host.stats(0).state == "up"


@on_every_loop
def test_one_that_never_returns_stalls_its_shard_and_is_ended(host: Host) -> None:
    ours, other = build(host, timeout=TIMEOUT, stall_timeout=0.5)
    pid = host.pid(0)
    since = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="no answer within 1 s"):
        ask(host, ours, ["order", "1"], ["sleep", 3600])
    assert time.monotonic() - since < TIMEOUT + PATIENCE
    with pytest.raises((ShardStalled, ShardDown)):
        ask(host, ours)
    assert ask(host, other, ["commit", "1"]) == ["committed"]

    def is_ended() -> bool:
        host.ask(lambda e: e.poll())
        return not is_alive(pid)

    assert eventually(is_ended)
    with pytest.raises(ShardDown):
        ask(host, ours)
    assert ask(host, other, ["commit", "1"]) == ["committed"]


def test_what_is_told_is_on_its_way_at_once_and_its_errors_are_counted(host: Host) -> None:
    ours, _ = build(host)
    since = time.monotonic()
    for steps in ([["sleep", 2.5]], [["commit", "1"]], [["fail", "ValueError", "told"]]):
        sent = message(*steps)
        host.ask(lambda e, m=sent: e.tell("gateway", makers.account(ours), m))
    assert time.monotonic() - since < 2.0  # nobody has waited for the first
    assert ask(host, ours, ["state"]) == [[9814.5, 185.5, 0]]
    assert host.stats(0).told_in_vain == 1
