"""What a shard's log says of policies and actors that raise: once a while, by whom and where."""

from __future__ import annotations

import gc
import json
import re
from threading import RLock
from typing import Any
from weakref import ref

import pytest
from batched import batch, replies_in
from gateways import Gateway, message

from openpit import Engine, PolicyConfigureError
from openpit.core.mutation import Mutation
from openpit.engine.builder import build_core
from openpit.faces.acting import new_actor_engine
from openpit.pretrade import Policy, PolicyPreTradeResult
from openpit.shards.clock import ShardClock
from openpit.shards.log_lines import JsonLines
from openpit.shards.raised_log import INTERVAL_SECONDS, KINDS, RaisedLog
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.frames import Flag, Op
from openpit.wire.roles import Role
from openpit.wire.values import encode

SESSION = 9


class Raising(Policy):
    """Raises at 13 shares; what it holds of 17 cannot be rolled back, of 19 not be committed."""

    name = "Raising"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        quantity = int(order.operation.trade_amount.as_quantity.decimal)
        if quantity == 13:
            raise LookupError("no price\nof today")
        return PolicyPreTradeResult(
            mutations=[
                Mutation(
                    commit=lambda: _never(quantity == 19), rollback=lambda: _never(quantity == 17)
                )
            ]
        )


def _never(is_so: bool) -> None:
    if is_so:
        raise ArithmeticError("cannot be")


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class WatchedError(Exception):
    """Tells whether it is still held."""


class Leaving(Raising):
    """Raises what a test can watch."""

    def __init__(self) -> None:
        self.raised: list[ref[WatchedError]] = []

    def __copy__(self) -> Leaving:
        return self

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        error = WatchedError("at once")
        self.raised.append(ref(error))
        try:
            raise error
        finally:
            del error


@pytest.mark.parametrize("kind", [kinds.EXECUTE, kinds.CONFIGURE])
def test_what_was_told_of_is_not_held(kind: int) -> None:
    policy = Leaving()
    policies = Engine.builder().account_sync().pre_trade(policy=policy)._policies
    clock = ShardClock()
    core = ShardCore(3, build_core(policies, clock, RLock()), clock)
    gc.disable()
    try:
        before = len([one for one in gc.get_objects() if type(one) is PolicyConfigureError])
        if kind == kinds.EXECUTE:
            ((answered, *_),) = say(core, order("1"))
            assert [held() for held in policy.raised] == [None]
        else:
            change = encode({"name": "None of these"}, bare=True)
            ((answered, *_),) = say(
                core, (kind, None, "rate_limit", change), flags=Flag.TURN, role=Role.ADMIN
            )
            left = [one for one in gc.get_objects() if type(one) is PolicyConfigureError]
            assert len(left) == before
        assert answered == kinds.RAISED
    finally:
        gc.enable()


@pytest.fixture
def core() -> ShardCore:
    policies = Engine.builder().account_sync().pre_trade(policy=Raising())._policies
    clock = ShardClock()
    made = ShardCore(3, build_core(policies, clock, RLock()), clock)
    made.actors.start(3, [("desk", Gateway)], new_actor_engine)
    return made


def say(core: ShardCore, *commands: Any, client: int = SESSION, **head: Any) -> list[Any]:
    sent = batch(3, core._next, *commands, client=client, **head)
    return replies_in(sent, core.receive(sent))[1]


def order(quantity: str, account: int = 1) -> Any:
    return (kinds.EXECUTE, account, "AAPL", "USD", "BUY", quantity, None, "185.5")


def ask(*steps: Any, kind: int = kinds.ASK_ACTOR) -> Any:
    return (kind, 1, "desk", message(*steps), 0, 0, ())


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The logger and text of each line, since the last time, without the number of the line."""
    lines = [
        (one.name, re.sub(r"[\w.]*(test_\w+):\d+ in", r"\1 in", one.getMessage()))
        for one in caplog.records
    ]
    assert {one.levelname for one in caplog.records} <= {"WARNING"}
    caplog.clear()
    return lines


def test_who_raised_is_told_once_with_account_and_place(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    replies = say(core, order("13", 7), order("13", 8), order("12"), order("13"))
    assert [reply[0] for reply in replies] == [
        kinds.RAISED, kinds.RAISED, kinds.RESERVED, kinds.RAISED,
    ]  # fmt: skip
    place = "(account 7, test_raised_log in Raising.perform_pre_trade_check)"
    line = f"shard 3: policy Raising has raised LookupError: no price of today {place}"
    assert told(caplog) == [("openpit.policies", line)]
    core.raised.end()
    assert told(caplog) == [("openpit.policies", "shard 3: policy Raising: LookupError: 2 more")]


def test_what_machines_read_of_it_has_all_fields(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    say(core, order("13", 7))
    [record] = caplog.records
    fields = json.loads(JsonLines().format(record))
    assert fields.items() >= {
        "event": "raised", "level": "warning", "shard": 3, "account": 7, "session": SESSION,
        "policy": "Raising", "error": "LookupError", "text": "no price of today", "more": 0,
    }.items()  # fmt: skip
    assert "no price\nof today" in fields["traceback"]


def test_the_program_that_has_the_engine_gets_the_exception_and_no_line(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    [reply] = say(core, order("13"), client=0)
    assert reply[0] == kinds.RAISED
    assert told(caplog) == []


def test_what_a_caller_has_done_wrong_is_no_fault_of_a_policy(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    say(core, order("12"))
    assert say(core, (kinds.COMMIT, 1, 1)) == [(kinds.DONE, 1)]
    unknown = (kinds.EXECUTE_REQUEST, 1, 1)
    assert [reply[0] for reply in say(core, (kinds.COMMIT, 1, 1), unknown)] == [kinds.RAISED] * 2
    assert told(caplog) == []


def test_a_commit_that_raises_is_told_by_its_place_and_so_is_each_of_many(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    say(core, order("19"), order("19"), order("19"), order("12"))
    assert say(core, (kinds.COMMIT, 1, 1))[0][0] == kinds.RAISED
    place = "(account 1, test_raised_log in _never)"
    line = f"shard 3: a callback of a policy has raised ArithmeticError: cannot be {place}"
    assert told(caplog) == [("openpit.policies", line)]
    assert say(core, (kinds.COMMIT_MANY, None, (2, 3, 4)))[0][0] == kinds.FAILURES
    core.raised.end()
    assert [text for _, text in told(caplog)] == [
        "shard 3: a callback of a policy: ArithmeticError: 2 more"
    ]


@pytest.mark.parametrize(
    "gone", [{"op": Op.END, "count": 1, "client": SESSION}, {}], ids=["session", "handle"]
)
@pytest.mark.parametrize("client", [0, SESSION])
def test_a_rollback_that_nobody_waits_for_is_told_whoever_has_opened_it(
    core: ShardCore, caplog: pytest.LogCaptureFixture, gone: dict[str, Any], client: int
) -> None:
    say(core, order("17"), client=client)
    if gone:
        say(core, **gone | {"client": client})
    else:
        say(core, (kinds.DROP, None, (1,)), client=client)
    assert core.engine.registry.finalizer_failed
    place = "(account 1, test_raised_log in _never)"
    line = f"shard 3: a callback of a policy has raised ArithmeticError: cannot be {place}"
    assert told(caplog) == [("openpit.policies", line)]


def test_an_actor_is_told_of_by_its_name_and_a_policy_that_it_has_asked_by_the_policys(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    say(core, ask(["fail", "KeyError", "x"]))
    say(core, ask(["order", "13"]))
    assert [(name, text[:49]) for name, text in told(caplog)] == [
        ("openpit.actors", "shard 3: actor desk has raised KeyError: 'x' (acc"),
        ("openpit.policies", "shard 3: policy Raising has raised LookupError: n"),
    ]


def test_what_an_actor_raises_at_what_it_was_told_has_its_traceback_nowhere_else(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    say(core, ask(["fail", "KeyError", "x"], kind=kinds.TELL_ACTOR), client=0)
    say(core, ask(["fail", "KeyError", "x"], kind=kinds.TELL_ACTOR), client=0)
    assert caplog.text.count("Traceback (most recent call last)") == 1
    assert len(told(caplog)) == 1


def test_a_replay_tells_nothing(core: ShardCore, caplog: pytest.LogCaptureFixture) -> None:
    core.engine.registry.is_replaying = True
    say(core, order("13"), ask(["fail", "KeyError", "x"], kind=kinds.TELL_ACTOR), order("17"))
    say(core, (kinds.DROP, None, (3,)))
    assert core.engine.registry.finalizer_failed
    assert told(caplog) == []


def test_a_kind_is_told_of_again_after_a_while_with_how_many_there_were(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = Seconds()
    log = RaisedLog(3, core.engine.registry, seconds)
    log.unheard(KeyError("a"), 1)
    log.unheard(KeyError("b"), 1)
    seconds.now = INTERVAL_SECONDS - 0.5
    log.unheard(KeyError("c"), 1)
    assert len(told(caplog)) == 1
    seconds.now = INTERVAL_SECONDS
    log.unheard(KeyError("d"), 1)
    [(_, text)] = told(caplog)
    assert "'d'" in text
    assert text.endswith("; 2 more like it since the last line")
    log.end()
    assert told(caplog) == []


def test_classes_without_end_are_one_kind_beyond_so_many(
    core: ShardCore, caplog: pytest.LogCaptureFixture
) -> None:
    log = RaisedLog(3, core.engine.registry, Seconds())
    for number in range(KINDS + 5):
        log.unheard(type(f"Odd{number}", (Exception,), {})("x"), 1)
    assert len(told(caplog)) == KINDS + 1
    log.end()
    assert [text for _, text in told(caplog)] == ["shard 3: others: others: 4 more"]
