"""What a client asks of a call whose answer was lost, and what it makes of what it is told."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from link import link
from makers import account, deposit, order
from played import NOW, Bench, JournaledBench
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.errors import KeyConflict, OutcomeUnknown, ShardDown, SomeItemsFailed
from openpit.faces.blocking.engine import ShardedEngine
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.wire import kinds
from openpit.wire.failures import failure_row
from openpit.wire.fates import Fate

DONE = (kinds.DONE, 1)
LATER = 7 * NOW


def error_of(call: Any) -> OutcomeUnknown:
    with pytest.raises(OutcomeUnknown) as raised:
        call.result()
    return raised.value


def told(lost: object, *reply: Any) -> Any:
    """Ask the next engine of a journal, and have it answer."""
    bench = JournaledBench(begins=100)
    call = bench.client.outcome(LATER, lost)
    bench.sent(0)
    bench.reply(0, (kinds.OUTCOME, *reply))
    return call.result()


def test_a_call_is_asked_for_by_its_number() -> None:
    bench = JournaledBench()
    bench.client.report(NOW, report(IN_SHARD_0))
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.lost()
    error = pickle.loads(pickle.dumps(error_of(call)))

    again = JournaledBench(begins=100)
    asked = again.client.outcome(LATER, error)
    assert again.sent(0) == [(kinds.ASK_OUTCOME, IN_SHARD_0, 2, b"", LATER - NOW)]
    again.reply(0, (kinds.OUTCOME, Fate.APPLIED, 2, False, DONE))

    outcome = asked.result()
    assert outcome.was_applied
    assert outcome.result.account_blocks == []
    assert repr(outcome).startswith("CallOutcome(applied: ")


def test_a_call_that_was_not_made_has_no_result() -> None:
    bench = JournaledBench()
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.lost()

    outcome = told(error_of(call), Fate.NEVER, 0, False, DONE)

    assert not outcome.was_applied
    assert repr(outcome) == "CallOutcome(not applied)"
    with pytest.raises(LookupError):
        _ = outcome.result


def test_each_item_of_a_call_over_many_has_a_number_of_its_own() -> None:
    bench = JournaledBench()
    many = bench.client.report_many(NOW, [report(IN_SHARD_0)] * 3)
    assert not many.feed()
    bench.lost()

    with pytest.raises(SomeItemsFailed) as failed:
        many.result()

    calls = [error.call for error in failed.value.exceptions]  # type: ignore[attr-defined]
    assert [call.number for call in calls] == [1, 2, 3]


def test_an_order_that_was_denied_on_its_way_is_asked_for_by_its_denial() -> None:
    bench = JournaledBench()
    many = bench.client.execute_many(NOW, [buy(IN_SHARD_0)] * 2, [NOW] * 2)
    assert not many.feed()
    one = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.lost()
    denied = [*many.result(), one.result()]
    assert [result.rejects[0].policy for result in denied] == ["Router"] * 3

    reserved = (kinds.RESERVED, True, (), ())
    for number, result in enumerate(denied, 1):
        outcome = told(result, Fate.APPLIED, number, True, reserved)
        assert outcome.result.reservation._handle == number
        assert outcome.result.reservation._open
    ended = told(denied[0], Fate.APPLIED, 1, False, reserved)
    assert not ended.result.reservation._open
    rejected = told(denied[0], Fate.APPLIED, 1, False, (kinds.REJECTED, ()))
    assert not rejected.result


def test_the_end_of_many_reservations_is_told_for_each() -> None:
    bench = JournaledBench()
    opened = bench.client.execute_many(NOW, [buy(IN_SHARD_0)] * 2, [NOW] * 2)
    assert not opened.feed()
    bench.sent(0)
    bench.reply(0, *[(kinds.RESERVED, True, (), ())] * 2)
    held = [result.reservation for result in opened.result()]
    many = bench.client.commit_many(NOW, held)
    assert not many.feed()
    bench.lost()
    with pytest.raises(SomeItemsFailed) as failed:
        many.result()
    first, second = failed.value.exceptions

    failure = (1, *failure_row(RuntimeError("no such handle")))
    failures = (kinds.FAILURES, (failure,))
    assert told(first, Fate.APPLIED, 3, False, failures).result is None
    outcome = told(second, Fate.APPLIED, 3, False, failures)
    assert outcome.was_applied
    with pytest.raises(RuntimeError):
        _ = outcome.result
    assert told(second, Fate.APPLIED, 3, False, DONE).result is None


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fate.TOO_OLD, "it is too long ago: its answer is not kept any more"),
        (Fate.NOT_KEPT, "there is no journal, and the call had no key"),
    ],
)
def test_what_is_not_known_any_more_is_said_by_name(fate: int, why: str) -> None:
    bench = JournaledBench()
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.lost()
    error = error_of(call)

    with pytest.raises(OutcomeUnknown) as again:
        told(error, fate, 0, False, DONE)

    assert str(again.value) == f"shard 0: {why}"
    assert again.value.call == error.call


def test_what_is_under_way_still_has_no_outcome_yet() -> None:
    bench = JournaledBench()
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.sent(0)
    call.expire("no answer within 5 s")
    error = error_of(call)

    with pytest.raises(OutcomeUnknown, match="it has no answer yet"):
        bench.client.outcome(LATER, error)
    bench.reply(0, DONE)
    asked = bench.client.outcome(LATER, error)
    bench.sent(0)
    bench.reply(0, (kinds.OUTCOME, Fate.APPLIED, 1, False, DONE))
    assert asked.result().was_applied


def test_what_nobody_can_ask_for_is_refused() -> None:
    bench = Bench()  # without a journal
    call = bench.client.report(NOW, report(IN_SHARD_0))
    many = bench.client.procedure(NOW, lambda _: iter([(NOW, [])]))
    assert many.done
    bench.sent(0)
    bench.router.lose(bench.router.links[0], "killed")
    with pytest.raises(OutcomeUnknown, match="there is no journal, and the call had no key"):
        JournaledBench(begins=100).client.outcome(LATER, error_of(call))

    wide = OutcomeUnknown("shard 1: a change of several shards", 1)
    with pytest.raises(OutcomeUnknown, match="it spans shards"):
        JournaledBench().client.outcome(LATER, wide)
    with pytest.raises(TypeError, match="not ShardDown"):
        JournaledBench().client.outcome(LATER, ShardDown("shard 1", 1))
    fresh = JournaledBench()
    one = fresh.client.execute(NOW, buy(IN_SHARD_1))
    fresh.sent(1)
    fresh.reply(1, (kinds.REJECTED, ()))
    with pytest.raises(ValueError, match="the call has its answer"):
        fresh.client.outcome(LATER, one.result())


def test_a_call_of_another_engine_is_refused() -> None:
    bench = JournaledBench()
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.lost()
    error = error_of(call)
    assert error.call is not None

    for changed in ({"shard": 5}, {"account": IN_SHARD_1}, {"number": 2**62}):
        error.call = error.call._replace(**changed)
        with pytest.raises(ValueError, match="of another engine"):
            JournaledBench(begins=100).client.outcome(LATER, error)


# --- the loopback, and a server ------------------------------------------------------------------


def funded() -> Any:
    return openpit.Engine.builder().clock(lambda: NOW).sharded(2).builtin(build_spot_funds())


def test_a_call_with_a_key_is_known_to_another_session() -> None:
    host = SwitchedHost(funded())
    first = SwitchedDriver(host)
    paid = [deposit("USD", "100")]
    call = first.client.adjust(NOW, 1, paid, "paid")
    unsent = first.client.adjust(NOW, 1, paid, "unsent")
    # The first is in its shard when the session is lost; what it is answered, nobody gets.
    host.switch.receive(first.session, first.remote.take())
    host.drivers.remove(first)
    host.pump()
    first.remote.lose("the server has gone")
    host.switch.leave(first.session, NOW)
    errors = [error_of(call), error_of(unsent)]
    never = SwitchedDriver(host)
    call = never.client.adjust(NOW, 1, paid, "never")
    never.remote.take()  # and it comes to nobody
    never.remote.lose("the server has gone")

    engine = ShardedEngine._of(SwitchedDriver(host))
    for error in errors:
        (outcome,) = engine.outcome(error).result.outcomes
        assert outcome.entry.balance.absolute.decimal in {100, 200}
    assert not engine.outcome(error_of(call)).was_applied
    assert engine.account_state(account(1)).policies[0].holdings[0].available.decimal == 200


def test_an_order_with_a_key_has_its_reservation_as_it_stands() -> None:
    engine = link(funded())
    engine.apply_account_adjustment(account(1), [deposit("USD", "100")])
    kept = engine.execute_pre_trade(order(1, "1", "10"), key="kept")
    driver: Any = engine._driver
    driver.silent.add(engine.shard_of(account(1)))
    denied = engine.execute_pre_trade(order(1, "1", "10"), key="kept")  # and given up
    driver.silent.clear()
    driver.pump()
    assert denied.rejects[0].policy == "Router"

    again = engine.outcome(denied).result

    assert again.reservation is kept.reservation
    kept.reservation.commit()
    with pytest.raises(RuntimeError):
        engine.outcome(denied).result.reservation.commit()


def test_a_key_that_is_another_calls_is_told_so() -> None:
    engine = link(funded())
    engine.apply_account_adjustment(account(1), [deposit("USD", "100")], key="one")
    driver: Any = engine._driver
    driver.silent.add(engine.shard_of(account(1)))
    denied = engine.execute_pre_trade(order(1, "1", "10"), key="one")
    driver.silent.clear()
    driver.pump()

    with pytest.raises(KeyConflict, match="another call has had the key b'one'"):
        engine.outcome(denied)


def test_a_call_without_a_key_is_not_known_where_there_is_no_journal() -> None:
    engine = link(
        openpit.Engine.builder().clock(lambda: NOW).sharded(1).builtin(build_order_validation())
    )
    driver: Any = engine._driver
    driver.silent.add(0)
    denied = engine.execute_pre_trade(order(1, "1", "10"))
    driver.silent.clear()
    driver.pump()

    with pytest.raises(OutcomeUnknown, match="there is no journal, and the call had no key"):
        engine.outcome(denied)
