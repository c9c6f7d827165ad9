"""Calls with keys, as a program has them: on shards of its own, and as a client of a server."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import Any

import pytest
from flow import IN_SHARD_0, account, buy, report
from link import link
from makers import deposit
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.errors import KeyConflict, NotPermitted, ShardDown
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.wire.roles import Role
from openpit.wire.shard_limits import KEY_BYTES

HOUR = timedelta(hours=1)


def builder(limit: int = 100, shards: int = 2, **options: Any) -> Any:
    stage = openpit.Engine.builder().clock(lambda: 10**12).sharded(shards, **options)
    rate = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(RateLimit(limit, HOUR)))
    return stage.builtin(build_order_validation()).builtin(rate).builtin(build_spot_funds())


def funded(engine: ShardedEngine) -> ShardedEngine:
    """With 10000 USD, of which an order for 50 takes 9275."""
    engine.apply_account_adjustment(account(1), [deposit("USD", "10000")])
    return engine


@pytest.fixture
def engine() -> ShardedEngine:
    return funded(link(builder()))


def held(engine: ShardedEngine) -> int:
    """How much of account 1's USD is held."""
    (policy,) = engine.account_state(account(1)).policies
    (held,) = (one.held for one in policy.holdings if str(one.asset) == "USD")
    return int(held.decimal)


def test_the_second_call_has_the_reservation_of_the_first_as_it_stands(
    engine: ShardedEngine,
) -> None:
    first = engine.execute_pre_trade(buy(1, "50"), key="order 1")
    again = engine.execute_pre_trade(buy(1, "50"), key=b"order 1")
    assert again.reservation is first.reservation
    assert held(engine) == 9275
    first.reservation.commit()
    with pytest.raises(RuntimeError, match="already been finalized"):
        again.reservation.commit()
    late = engine.execute_pre_trade(buy(1, "50"), key="order 1")
    assert late.ok
    with pytest.raises(RuntimeError, match="already been finalized"):
        late.reservation.rollback()
    assert held(engine) == 9275


def test_a_reservation_that_nobody_holds_is_rolled_back_and_the_next_call_is_told_so(
    engine: ShardedEngine,
) -> None:
    engine.execute_pre_trade(buy(1, "50"), key="order 1")
    gc.collect()
    again = engine.execute_pre_trade(buy(1, "50"), key="order 1")
    assert again.ok
    assert held(engine) == 0
    with pytest.raises(RuntimeError, match="already been finalized"):
        again.reservation.commit()
    assert engine.execute_pre_trade(buy(1, "50"), key="order 2").ok


def test_two_calls_that_are_under_way_together_have_one_reservation(engine: ShardedEngine) -> None:
    client, driver = engine._client, engine._driver
    one, other = (client.execute(1, buy(1, "50"), "k") for _ in range(2))
    driver.pump()  # type: ignore[attr-defined]
    kept = one.result().reservation
    assert other.result().reservation is kept
    assert held(engine) == 9275


def test_what_comes_too_late_for_one_caller_is_there_for_the_next(engine: ShardedEngine) -> None:
    client, driver = engine._client, engine._driver
    late = client.execute(1, buy(1, "50"), "k")
    late.expire("no answer within 1 s")  # denied: but the shard has it, or will have it
    again = client.execute(1, buy(1, "50"), "k")
    driver.pump()  # type: ignore[attr-defined]
    assert [str(one.code) for one in late.result().rejects] == ["SystemUnavailable"]
    again.result().reservation.commit()
    assert held(engine) == 9275


def test_a_request_is_started_once(engine: ShardedEngine) -> None:
    first = engine.start_pre_trade(buy(1, "50"), key="k")
    assert engine.start_pre_trade(buy(1, "50"), key="k").request is first.request
    reservation = first.request.execute().reservation
    again = engine.start_pre_trade(buy(1, "50"), key="k")
    with pytest.raises(RuntimeError, match="already been executed"):
        again.request.execute()
    reservation.rollback()


def test_reports_and_adjustments_are_applied_once(engine: ShardedEngine) -> None:
    for _ in range(2):
        answer = engine.apply_account_adjustment(account(1), [deposit("USD", "5")], key="paid in")
        assert answer.ok
        assert str(answer.outcomes[0].entry.balance.absolute.decimal) == "10005"
    blocks = [
        engine.apply_execution_report(report(1, "-5"), key="report").account_blocks
        for _ in range(2)
    ]
    assert [str(block) for block in blocks[0]] == [str(block) for block in blocks[1]] != []


def test_what_is_answered_again_counts_for_no_rate() -> None:
    engine = funded(link(builder(limit=2)))
    for _ in range(5):
        assert engine.execute_pre_trade(buy(1, "1"), key="1").ok
    assert engine.execute_pre_trade(buy(2, "0"), key="2").rejects
    assert "RateLimitExceeded" in [
        str(one.code) for one in engine.execute_pre_trade(buy(1, "1"), key="3").rejects
    ]


def test_another_call_with_the_key_is_a_conflict(engine: ShardedEngine) -> None:
    kept = engine.execute_pre_trade(buy(1, "50"), key="k").reservation
    for call in (
        lambda: engine.execute_pre_trade(buy(1, "49"), key="k"),
        lambda: engine.start_pre_trade(buy(1, "50"), key="k"),
        lambda: engine.apply_execution_report(report(1), key="k"),
        lambda: engine.apply_account_adjustment(account(1), [deposit("USD", "5")], key="k"),
    ):
        with pytest.raises(KeyConflict, match="another call of account 1 had the key b'k'") as info:
            call()
        assert info.value.shard == engine.shard_of(account(1))
    assert engine.execute_pre_trade(buy(IN_SHARD_0, "0"), key="k").rejects
    kept.rollback()
    assert held(engine) == 0


NO_KEYS: dict[str, tuple[Any, type[Exception], str]] = {
    "a number": (7, TypeError, "a key is a str or bytes, not int"),
    "empty": ("", ValueError, "a key has 1 to 128 bytes, not 0"),
    "too long": ("é" * 65, ValueError, "a key has 1 to 128 bytes, not 130"),
    "no UTF-8": ("\udc00", ValueError, "surrogates not allowed"),
}


@pytest.mark.parametrize(("key", "kind", "text"), NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key(engine: ShardedEngine, key: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        engine.execute_pre_trade(buy(1), key=key)
    assert KEY_BYTES == 128


def test_a_call_of_no_account_has_no_key(engine: ShardedEngine) -> None:
    for call in (engine.execute_pre_trade, engine.start_pre_trade):
        with pytest.raises(ValueError, match="it has to have its id"):
            call(buy(None), key="k")
    with pytest.raises(ValueError, match="it has to have its id"):
        engine.apply_execution_report(report(None), key="k")
    with pytest.raises(TypeError, match="must inherit"):
        engine.execute_pre_trade("order", key="k")  # type: ignore[arg-type]


def test_a_shard_that_is_down_denies_and_counts_nothing(engine: ShardedEngine) -> None:
    engine._driver.kill(engine.shard_of(account(1)))  # type: ignore[attr-defined]
    (reject,) = engine.execute_pre_trade(buy(1), key="k").rejects
    assert (str(reject.code), reject.policy) == ("SystemUnavailable", "Router")
    with pytest.raises(ShardDown):
        engine.apply_execution_report(report(1), key="k")


def test_so_many_keys_and_no_more() -> None:
    engine = funded(link(builder(keys=1, shards=1)))
    kept = engine.execute_pre_trade(buy(1, "1"), key="1").reservation
    (reject,) = engine.execute_pre_trade(buy(1, "1"), key="2").rejects
    assert (str(reject.code), reject.reason) == ("SystemUnavailable", "too many keys are kept")
    with pytest.raises(openpit.ShardOverloaded, match="1 keys are kept, and no more can be"):
        engine.apply_execution_report(report(1), key="2")
    assert engine.execute_pre_trade(buy(1, "1"), key="1").reservation is kept


# --- through a server --------------------------------------------------------------------------


def session(its: SwitchedHost, role: int = Role.ADMIN) -> ShardedEngine:
    return ShardedEngine._of(SwitchedDriver(its, role=role))


def test_the_session_that_asks_has_the_reservation_and_the_others_object_is_void() -> None:
    its = SwitchedHost(builder())
    one, other = funded(session(its)), session(its)
    mine = one.execute_pre_trade(buy(1, "50"), key="k").reservation
    taken = other.execute_pre_trade(buy(1, "50"), key="k").reservation
    assert taken is not mine
    with pytest.raises(RuntimeError, match="knows no handle"):
        mine.commit()
    assert held(other) == 9275
    taken.rollback()
    assert held(other) == 0
    assert one.execute_pre_trade(buy(1, "1")).ok  # the session of the void object goes on


def test_a_void_object_that_is_dropped_rolls_nothing_back() -> None:
    its = SwitchedHost(builder())
    one, other = funded(session(its)), session(its)
    mine = one.execute_pre_trade(buy(1, "50"), key="k")
    taken = other.execute_pre_trade(buy(1, "50"), key="k").reservation
    del mine
    gc.collect()
    one._driver.poll()
    assert held(other) == 9275
    taken.commit()


def test_what_a_program_that_died_had_open_is_told_as_rolled_back() -> None:
    its = SwitchedHost(builder())
    dying, other = funded(session(its)), session(its)
    kept = dying.execute_pre_trade(buy(1, "50"), key="k")
    dying._driver.leave()  # type: ignore[attr-defined]
    again = other.execute_pre_trade(buy(1, "50"), key="k")
    assert again.ok
    assert held(other) == 0
    with pytest.raises(RuntimeError, match="already been finalized"):
        again.reservation.commit()
    assert kept.ok


def test_a_key_gives_no_role_more() -> None:
    its = SwitchedHost(builder())
    admin, trader, reader = (session(its, role) for role in (Role.ADMIN, Role.TRADER, Role.READER))
    funded(admin)
    kept = trader.execute_pre_trade(buy(1, "50"), key="k").reservation
    with pytest.raises(NotPermitted, match="account adjustments"):
        trader.apply_account_adjustment(account(1), [deposit("USD", "5")], key="m")
    with pytest.raises(NotPermitted, match="execute"):
        reader.execute_pre_trade(buy(1, "50"), key="k")
    kept.commit()


def test_what_comes_back_for_other_settings_goes_out_again_with_its_key() -> None:
    its = SwitchedHost(builder(limit=3))
    admin, other = funded(session(its)), session(its)
    driver = other._driver
    sent = [other._client.execute(10**12, buy(1, "1"), key) for key in "aab"]
    packed = driver.remote.take()  # type: ignore[attr-defined]
    settings = admin.configure()
    settings.rate_limit("RateLimitPolicy", broker=RateLimitBrokerBarrier(RateLimit(2, HOUR)))
    its.switch.receive(driver.session, packed)  # type: ignore[attr-defined]
    its.pump()
    results = [call.result() for call in sent]
    assert [result.ok for result in results] == [True, True, True]
    assert results[0].reservation is results[1].reservation
    assert other.execute_pre_trade(buy(1, "1"), key="c").rejects
