"""Messages to actors through a server's switch: the same answers, and the same counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flow import account, buy
from gateways import Gateway, all_answered, answered, message
from makers import Clock, deposit
from switched import SwitchedDriver, SwitchedHost, link_switched

import openpit
from openpit.client.asking import all_asked_of
from openpit.errors import ActorScopeError, NotPermitted
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade import policies
from openpit.wire.roles import Role

BEYOND = "its message has declared no order more that may count"


def built(clock: Clock, shards: int = 2) -> Any:
    rate = policies.build_rate_limit().broker_barrier(
        policies.RateLimitBrokerBarrier(policies.RateLimit(5, timedelta(seconds=10)))
    )
    in_eur = policies.RateLimitAssetBarrier(policies.RateLimit(2, timedelta(seconds=10)), "EUR")
    stage = openpit.Engine.builder().clock(clock).sharded(shards=shards)
    stage = stage.builtin(policies.build_spot_funds()).builtin(rate.asset_barriers(in_eur))
    return stage.actor("gateway", Gateway)


def fund(engine: Any) -> Any:
    for number in range(1, 5):
        for asset in ("USD", "EUR"):
            engine.apply_account_adjustment(account(number), [deposit(asset, "10000")])
    return engine


def ask(engine: Any, number: int, *steps: Any, orders: Any = 0) -> Any:
    return answered(engine.ask("gateway", account(number), message(*steps), orders=orders))


def test_counts_are_as_exact_as_embedded() -> None:
    with fund(link_switched(built(Clock()))) as engine:
        assert BEYOND in ask(engine, 1, ["order", "1"])[0][0]
        assert ask(engine, 1, ["order", "1"], orders=4) == ["open"]
        euros = [["order", "1", 2, "EUR"]] * 3
        first, second, third = ask(engine, 2, *euros, orders={"EUR": 3})
        assert first == second == "open"
        assert "asset barrier" in third[0]
        result = engine.execute_pre_trade(buy(4))
        assert result.ok
        assert "submitted 6 orders" in ask(engine, 1, ["order", "1"], orders=1)[0][0]


def test_many_messages_and_the_time_of_each() -> None:
    clock = Clock()

    def items() -> Any:
        for number, seconds in ((1, 0), (2, 5), (1, 5), (2, 0), (1, 10)):
            clock.move(seconds)
            yield account(number), message(*[["order", "1"]] * 3), 3

    with fund(link_switched(built(clock))) as engine:
        found = all_answered(engine.ask_many("gateway", items()))
        assert [sum(one == "open" for one in answer) for answer in found] == [3, 2, 3, 2, 3]


def test_messages_that_come_back_are_numbered_anew() -> None:
    host = SwitchedHost(built(Clock()))
    other = fund(ShardedEngine._of(SwitchedDriver(host)))
    trading = SwitchedDriver(host)
    engine = ShardedEngine._of(trading)
    items = [(account(n), message(["order", "1", n, "EUR"])) for n in (1, 2, 3)]
    asked = all_asked_of(trading.client.actors, "gateway", items, {"EUR": 1})
    call = trading.client.ask_many(trading.clock(), asked, [trading.clock()] * 3)
    while call.feed():
        pass
    # They are with the client, and the settings change before they come to their shards.
    host.drivers.remove(trading)
    rate = policies.RateLimitBrokerBarrier(policies.RateLimit(3, timedelta(seconds=10)))
    other.configure().rate_limit("RateLimitPolicy", asset_barriers=[], broker=rate)
    host.drivers.append(trading)
    trading.finish(call)
    assert all_answered(call.result()) == [["open"]] * 3
    assert "submitted 4 orders" in ask(engine, 4, ["order", "1"], orders=1)[0][0]


@pytest.mark.parametrize("role", [Role.READER, Role.TRADER])
def test_a_message_is_for_those_who_may_trade(role: int) -> None:
    host = SwitchedHost(built(Clock()))
    fund(ShardedEngine._of(SwitchedDriver(host)))
    engine = ShardedEngine._of(SwitchedDriver(host, role=role))
    calls = (
        lambda: engine.ask("gateway", account(1), message(["commit", "1"]), orders=1),
        lambda: engine.ask_many("gateway", [(account(1), b"")]),
        lambda: engine.tell("gateway", account(1), b""),
    )
    for call in calls:
        if role == Role.TRADER:
            call()
        else:
            with pytest.raises(NotPermitted, match="'trader'"):
                call()


def test_what_an_actor_keeps_is_its_own_when_its_client_goes() -> None:
    host = SwitchedHost(built(Clock()))
    admin = fund(ShardedEngine._of(SwitchedDriver(host)))
    driver = SwitchedDriver(host)
    engine = ShardedEngine._of(driver)
    assert ask(engine, 1, ["keep", "a", "10"], orders=1) == ["kept"]
    held = engine.execute_pre_trade(buy(1, "10"))
    assert admin.account_state(account(1)).open.reservations == 2
    driver.leave()
    assert held.ok
    assert admin.account_state(account(1)).open.reservations == 1
    assert ask(admin, 1, ["end", "a", "commit"]) == ["commit"]
    with pytest.raises(ActorScopeError):
        ask(admin, 1, ["state", 2])
