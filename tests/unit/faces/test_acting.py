"""What an actor may do with its engine, and what becomes of what it leaves open."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from gateways import Gateway, all_answered, answered, message
from link import link
from makers import Clock, deposit

import openpit
from openpit.errors import ActorScopeError, FrameTooLarge, SomeItemsFailed
from openpit.pretrade import policies
from openpit.wire.limits import MESSAGE_BYTES, MESSAGE_ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = 1_000_000_000
BROKER = policies.RateLimitBrokerBarrier(policies.RateLimit(5, timedelta(seconds=10)))
IN_EUR = policies.RateLimitAssetBarrier(policies.RateLimit(3, timedelta(seconds=10)), "EUR")


def funded(
    *rates: Any, shards: int = 2, clock: Any = None, actor: Any = Gateway, through: Any = link
) -> Any:
    """An engine whose accounts 1 to 8 have 10,000 USD and EUR each: 53 shares at 185.5."""
    builder = openpit.Engine.builder().clock(clock or Clock()).sharded(shards=shards)
    stage = builder.builtin(policies.build_spot_funds())
    for rate in rates:
        stage = stage.builtin(rate)
    engine = through(stage.actor("gateway", actor))
    for number in range(1, 9):
        engine.apply_account_adjustment(account(number), [deposit("USD", "10000")])
        engine.apply_account_adjustment(account(number), [deposit("EUR", "10000")])
    return engine


def ask(engine: Any, number: int, *steps: Any, orders: Any = 0) -> Any:
    return answered(engine.ask("gateway", account(number), message(*steps), orders=orders))


@pytest.fixture
def engine() -> Iterator[Any]:
    with funded() as made:
        yield made


def held(engine: Any, number: int = 1) -> list[Any]:
    state = engine.account_state(account(number))
    (policy,) = [one for one in state.policies if one.holdings]
    (usd,) = [one for one in policy.holdings if str(one.asset) == "USD"]
    return [float(usd.available), float(usd.held)]


def test_an_answer_and_none(engine: Any) -> None:
    assert ask(engine, IN_SHARD_0, ["self"]) == [[0, 1, ["started"]]]
    assert ask(engine, IN_SHARD_1, ["self"]) == [[1, 1, ["started"]]]
    assert engine.ask("gateway", account(IN_SHARD_0), b"") is None
    assert ask(engine, IN_SHARD_0, ["self"]) == [[0, 3, ["started"]]]


def test_what_is_committed_stays_and_what_is_left_open_is_rolled_back(engine: Any) -> None:
    assert ask(engine, 1, ["order", "20"], ["order", "20"], ["order", "20"])[:2] == ["open", "open"]
    assert held(engine) == [10000, 0]

    assert ask(engine, 1, ["commit", "50"], ["order", "3"], ["order", "1"])[:2] == [
        "committed",
        "open",
    ]
    assert held(engine) == [725, 9275]
    assert ask(engine, 1, ["state"], ["order", "1"], ["state"]) == [
        [725, 9275, 0],
        "open",
        [539.5, 9460.5, 1],
    ]


def test_a_reservation_that_is_dropped_holds_until_its_message_ends(engine: Any) -> None:
    answer = ask(engine, 1, ["hold", "a", "53"], ["drop", "a"], ["order", "53"])

    assert answer[:2] == ["held", "dropped"]
    assert "InsufficientFunds" in answer[2][0]
    assert held(engine) == [10000, 0]


def test_what_is_kept_outlives_its_message_and_ends_in_a_later_one(engine: Any) -> None:
    assert ask(engine, 1, ["keep", "a", "20"], ["keep", "b", "10"], ["order", "1"])
    assert held(engine) == [4435, 5565]
    assert engine.account_state(account(1)).open.reservations == 2

    assert ask(engine, 1, ["end", "a", "commit"], ["end", "b", "rollback"])
    assert held(engine) == [6290, 3710]
    assert engine.account_state(account(1)).open.reservations == 0
    with pytest.raises(RuntimeError, match="already been finalized"):
        ask(engine, 1, ["end", "b", "commit"])


def test_what_is_kept_and_dropped_is_not_rolled_back_by_the_collector(engine: Any) -> None:
    ask(engine, 1, ["keep", "a", "20"], ["drop", "a"])
    ask(engine, 1)
    assert held(engine) == [6290, 3710]


def test_a_handle_that_was_not_kept_is_void_in_a_later_message(engine: Any) -> None:
    ask(engine, 1, ["hold", "a", "20"])
    for how in ("commit", "rollback"):
        with pytest.raises(RuntimeError, match="reservation has already been finalized"):
            ask(engine, 1, ["end", "a", how])
    with pytest.raises(ActorScopeError, match="keep"):
        ask(engine, 1, ["keep_again", "a"])
    assert held(engine) == [10000, 0]


def test_a_kept_handle_is_its_accounts_own(engine: Any) -> None:
    ask(engine, IN_SHARD_0, ["keep", "a", "20"])
    for how in ("commit", "rollback"):
        with pytest.raises(ActorScopeError, match="it is of account 2, the message of account 4"):
            ask(engine, 4, ["end", "a", how])
    ask(engine, IN_SHARD_0, ["end", "a", "commit"])
    assert held(engine, IN_SHARD_0) == [6290, 3710]


def test_both_stages_and_a_request_that_is_kept(engine: Any) -> None:
    assert ask(engine, 1, ["start", "10"], ["start_only", "a", "10"]) == ["open", "started"]
    with pytest.raises(RuntimeError, match="request has already been executed"):
        ask(engine, 1, ["execute", "a"])
    ask(engine, 1, ["start_only", "a", "10"], ["keep_again", "a"])
    assert ask(engine, 1, ["execute", "a"], ["state"]) == ["open", [8145, 1855, 1]]
    assert held(engine) == [10000, 0]


def test_drop_copies_reports_and_adjustments(engine: Any) -> None:
    assert ask(engine, 1, ["drop_copy", "10"], ["drop_copy", "10", ""], ["state"])[2] == [
        6290,
        3710,
        0,
    ]
    assert held(engine) == [8145, 1855]
    assert ask(engine, 1, ["fill", "4", "6"], ["deposit", "1000"]) == [2, True]
    assert held(engine) == [9145, 1113]


def test_many_orders_of_one_message(engine: Any) -> None:
    first, second, third = ask(engine, 1, ["many", "20", "40", "30"])[0]
    assert first == third == []
    assert "InsufficientFunds" in second[0]
    assert held(engine) == [725, 9275]


STRANGERS = (
    "Actor: SystemUnavailable: order is not of its message's account: "
    "actor gateway: an order of account 2 in a message of account 1"
)
NOBODYS = STRANGERS.replace("account 2", "no account")


def test_orders_of_other_accounts_are_denied_by_name_at_every_number_of_shards() -> None:
    found = []
    for shards in (1, 2, 3):
        with funded(shards=shards) as engine:
            found.append(ask(engine, 1, ["order", "1", 2], ["order", "1", None], ["dry", "1", 2]))
    assert found[0] == [[STRANGERS], [NOBODYS], [[STRANGERS], [STRANGERS]]]
    assert found == [found[0]] * 3


@pytest.mark.parametrize(
    "step",
    [
        ["fill", "1", "1", 2],
        ["report", "1", 2],
        ["report", "1", None],
        ["deposit", "1", 2],
        ["block", "why", 2],
        ["unblock", 2],
        ["state", 2],
        ["call", "configure"],
        ["call", "halt", "why"],
        ["call", "resume"],
        ["call", "groups"],
        ["call", "accounts.unblock_all"],
        ["call", "accounts.register_group", [], 1],
        ["call", "accounts.unregister_group", [], 1],
        ["call", "accounts.block_group", 1, "why"],
        ["call", "accounts.unblock_group", 1],
        ["call", "accounts.replace_group_block_reason", 1, "why"],
        ["call", "accounts.set_group_currency", 1, "USD"],
        ["call", "accounts.clear_group_currency", 1],
    ],
    ids=str,
)
@pytest.mark.parametrize("shards", [1, 2])
def test_what_is_not_the_accounts_own_raises_by_name(shards: int, step: list[Any]) -> None:
    with funded(shards=shards) as engine:
        with pytest.raises(ActorScopeError) as raised:
            ask(engine, 1, ["keep", "a", "1"], step)
        assert raised.value.actor == "gateway"
        assert str(raised.value).startswith(f"actor gateway: {raised.value.what} is not for its")
        assert raised.value.__cause__ is not None
        assert [held(engine, number) for number in (1, 2)] == [[10000, 0]] * 2
        assert engine.execute_pre_trade(buy(2)).ok


def test_the_accounts_block_and_what_the_whole_engine_says(engine: Any) -> None:
    ask(engine, 1, ["block", "by its actor"])
    assert str(engine.execute_pre_trade(buy(1)).rejects[0].code) == "AccountBlocked"
    assert engine.execute_pre_trade(buy(2)).ok
    engine.halt("lunch")
    assert ask(engine, 1, ["unblock"], ["call", "halted"]) == [None, "'lunch'"]
    assert "lunch" in ask(engine, 1, ["order", "1"])[0][0]


def test_an_exception_is_the_callers_and_what_was_open_is_rolled_back(engine: Any) -> None:
    with pytest.raises(ZeroDivisionError, match="by its actor") as raised:
        ask(
            engine, 1, ["commit", "10"], ["keep", "a", "10"], ["order", "10"],
            ["fail", "ZeroDivisionError", "by its actor"],
        )  # fmt: skip
    assert "in do_fail" in str(raised.value.__cause__)
    assert held(engine) == [8145, 1855]
    assert ask(engine, 1, ["self"])[0][1] == 2
    with pytest.raises(RuntimeError, match="already been finalized"):
        ask(engine, 1, ["end", "a", "commit"])


def test_an_exit_is_an_exception_of_its_message(engine: Any) -> None:
    with pytest.raises(SystemExit):
        ask(engine, 1, ["order", "10"], ["fail", "SystemExit", "7"])
    assert held(engine) == [10000, 0]


def test_an_answer_over_the_limit_is_told_by_name_and_nothing_stays_open(engine: Any) -> None:
    room = MESSAGE_BYTES - len(b'["kept", ""]')
    with pytest.raises(FrameTooLarge, match=str(MESSAGE_BYTES)):
        ask(engine, 1, ["keep", "a", "1"], ["answer", room + 1])
    assert held(engine) == [10000, 0]
    answer = engine.ask("gateway", account(1), message(["order", "1"], ["answer", room]))
    assert len(answer) == MESSAGE_BYTES
    assert held(engine) == [10000, 0]


class Talker:
    """Answers what it may not."""

    def __init__(self, engine: Any, shard: int) -> None:
        self.engine = engine

    def receive(self, account_id: Any, message: bytes) -> Any:
        self.engine.execute_pre_trade(buy(account_id.value))
        return {b"text": "text", b"array": bytearray(b"array")}[message]


@pytest.mark.parametrize("answer", ["text", "array"])
def test_an_answer_is_bytes(answer: str) -> None:
    with funded(actor=Talker) as engine:
        with pytest.raises(TypeError, match=r"actor gateway answers \w+, not bytes or None"):
            engine.ask("gateway", account(1), answer.encode())
        assert held(engine) == [10000, 0]


def test_messages_are_bytes_up_to_the_limit(engine: Any) -> None:
    with pytest.raises(FrameTooLarge, match=str(MESSAGE_BYTES)):
        engine.ask("gateway", account(1), b" " * (MESSAGE_BYTES + 1))
    assert engine.ask("gateway", account(1), b"[" + b" " * (MESSAGE_BYTES - 2) + b"]") == b"[]"
    with pytest.raises(TypeError, match="bytes"):
        engine.ask("gateway", account(1), "text")
    with pytest.raises(TypeError, match="account_id"):
        engine.ask("gateway", 1, b"")
    with pytest.raises(LookupError, match="no actor is called 'gate'; there are: gateway"):
        engine.ask("gate", account(1), b"")


def test_what_is_told_is_counted_and_logged_where_it_fails(
    engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine.tell("gateway", account(IN_SHARD_0), message(["commit", "10"]))
    engine.tell("gateway", account(IN_SHARD_0), message(["order", "1"], ["fail", "KeyError", "x"]))
    assert held(engine, IN_SHARD_0) == [8145, 1855]
    assert [one.told_in_vain for one in engine.stats()] == [1, 0]
    assert "actor gateway has raised KeyError: 'x' (account 2, gateways:" in caplog.text
    assert "KeyError" in caplog.text


def test_many_messages_are_answered_in_their_order(engine: Any) -> None:
    items = [
        (account(number), message(["order", "1"], ["self"])) if number % 3 else (account(1), b"")
        for number in range(1, 8)
    ]
    found = all_answered(engine.ask_many("gateway", items))
    assert [None if one is None else one[1][0] for one in found] == [1, 0, None, 0, 0, None, 0]


def test_of_many_messages_some_fail_and_the_others_are_told(engine: Any) -> None:
    items = [
        (account(1), message(["commit", "1"])),
        (account(2), message(["order", "1"], ["fail", "ValueError", "second"])),
        (account(1), b""),
        (account(4), message(["state", 1])),
        (account(2), message(["commit", "2"])),
    ]
    with pytest.raises(SomeItemsFailed) as raised:
        engine.ask_many("gateway", items)
    assert raised.value.indexes == (1, 3)
    assert [type(one) for one in raised.value.exceptions] == [ValueError, ActorScopeError]
    assert all_answered(raised.value.results) == [["committed"], None, None, None, ["committed"]]
    assert held(engine, 2) == [9629, 371]


def test_nothing_is_sent_of_many_messages_of_which_one_is_none(engine: Any) -> None:
    good = (account(1), message(["commit", "1"]))
    for bad, error in (
        ((account(1), "text"), TypeError),
        ((1, b""), TypeError),
        ((account(1),), ValueError),
        ((account(1), b"", -1), ValueError),
        ((account(1), b"", 1.0), TypeError),
        ((account(1), b"", True), TypeError),
    ):
        with pytest.raises(error):
            engine.ask_many("gateway", [good, bad])
    assert held(engine) == [10000, 0]


# --- rates that span accounts --------------------------------------------------------------------


def limited(*more: Any, shards: int = 2, clock: Any = None, through: Any = link) -> Any:
    rate = policies.build_rate_limit().broker_barrier(BROKER)
    for barrier in more:
        rate = rate.asset_barriers(barrier)
    return funded(rate, shards=shards, clock=clock, through=through)


BEYOND = (
    "Actor: SystemUnavailable: order counts for more than its message may: actor gateway: "
    "its message has declared no order more that may count"
)


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_orders_count_as_far_as_was_declared_and_the_rest_is_given_back(shards: int) -> None:
    with limited(shards=shards) as engine:
        assert ask(engine, 1, ["order", "1"]) == [[BEYOND]]
        assert ask(engine, 1, ["order", "1"], ["order", "1"], orders=1) == ["open", [BEYOND]]
        assert ask(engine, 2, ["order", "1"], orders=4) == ["open"]
        assert (
            ask(engine, 3, ["order", "1"], ["order", "1"], ["order", "1"], orders=3) == ["open"] * 3
        )
        result = engine.execute_pre_trade(buy(4))
        assert result.rejects[0].details.startswith("submitted 6 orders in 10s window")
        assert "submitted 7 orders" in ask(engine, 5, ["order", "1"], orders=1)[0][0]


def test_many_messages_count_together_and_give_back_what_they_have_not_used() -> None:
    with limited() as engine:
        items = [(account(number), message(["order", "1"]), 1) for number in (1, 2, 1, 2)]
        assert all_answered(engine.ask_many("gateway", items)) == [["open"]] * 4
        engine.ask_many("gateway", [(account(number), b"", 5) for number in (1, 2, 1)])
        assert engine.execute_pre_trade(buy(4)).ok
        assert not engine.execute_pre_trade(buy(4)).ok


def test_of_an_asset_as_many_count_as_were_declared_of_it() -> None:
    with limited(IN_EUR) as engine:
        steps = [["order", "1", 1, "EUR"], ["order", "1", 1, "EUR"], ["order", "1"]]
        first, second, third = ask(engine, 1, *steps, orders=3)
        assert first == second != third == "open"
        assert first[0].endswith("no order more that is settled in EUR")
        assert ask(engine, 1, *steps, orders={"EUR": 2, "USD": 1}) == ["open"] * 3
        assert "submitted 5" not in str(ask(engine, 2, ["order", "1", 2, "EUR"], orders={"EUR": 1}))
        assert "broker barrier" in ask(engine, 2, ["order", "1"], orders=1)[0][0]


def test_a_dry_run_takes_nothing_of_what_was_declared() -> None:
    with limited() as engine:
        assert ask(engine, 1, ["dry", "1"], ["order", "1"], ["dry", "1"], orders=1) == [
            [[], []],
            "open",
            [[BEYOND], [BEYOND]],
        ]


def test_a_blocked_account_is_told_so_and_counts_for_nothing() -> None:
    with limited() as engine:
        engine.accounts().block(account(1), "why")
        for orders in (0, 3):
            (found,) = ask(engine, 1, ["order", "1"], orders=orders)
            assert "AccountBlocked" in found[0]
        assert ask(engine, 2, *[["order", "1"]] * 5, orders=5) == ["open"] * 5


def test_a_message_counts_in_its_own_window() -> None:
    clock = Clock()
    with limited(clock=clock) as engine:
        assert ask(engine, 1, *[["order", "1"]] * 5, orders=5) == ["open"] * 5
        clock.move(9)
        assert "barrier" in ask(engine, 2, ["order", "1"], orders=1)[0][0]
        clock.move(1)
        assert ask(engine, 2, ["order", "1"], orders=1) == ["open"]


def test_many_messages_count_each_in_the_window_of_its_time() -> None:
    clock = Clock()

    def items() -> Iterator[Any]:
        for number, seconds in ((1, 0), (2, 5), (1, 5), (2, 0), (1, 10)):
            clock.move(seconds)
            yield account(number), message(["order", "1"], ["order", "1"], ["order", "1"]), 3

    with limited(clock=clock) as engine:
        found = all_answered(engine.ask_many("gateway", items()))
        passed = [sum(one == "open" for one in answer) for answer in found]
        assert passed == [3, 2, 3, 2, 3]


def test_the_time_is_the_messages_and_goes_on_within_it() -> None:
    clock = Clock(5 * SECOND)
    with funded(clock=clock) as engine:
        assert ask(engine, 1, ["now"], ["at", 7 * SECOND], ["now"]) == [
            5 * SECOND,
            7 * SECOND,
            7 * SECOND,
        ]
        assert ask(engine, 1, ["now"]) == [5 * SECOND]
        with pytest.raises(ValueError, match="is before that of the message"):
            ask(engine, 1, ["at", 4 * SECOND])
        assert ask(engine, 1, ["now"]) == [5 * SECOND]


@pytest.mark.parametrize(
    ("orders", "error"),
    [
        (-1, ValueError),
        (MESSAGE_ORDERS + 1, ValueError),
        ({"USD": MESSAGE_ORDERS, "EUR": 1}, ValueError),
        ({"USD": -1}, ValueError),
        ({"": 1}, ValueError),
        ({"USD": "1"}, TypeError),
        ("1", TypeError),
        (None, TypeError),
    ],
    ids=str,
)
def test_what_is_declared_is_a_number_or_one_for_each_asset(
    engine: Any, orders: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(engine, 1, ["commit", "1"], orders=orders)
    assert held(engine) == [10000, 0]


def test_the_most_orders_that_may_be_declared() -> None:
    with limited(IN_EUR) as engine:
        assert ask(engine, 1, ["order", "1"], orders=MESSAGE_ORDERS) == ["open"]
        assert ask(engine, 2, *[["order", "1"]] * 4, orders={"EUR": 1, "USD": 4}) == ["open"] * 4
        assert not engine.execute_pre_trade(buy(1)).ok


# --- start and end -------------------------------------------------------------------------------


class Hasty:
    """Trades before there is a message."""

    def __init__(self, engine: Any, shard: int) -> None:
        engine.execute_pre_trade(buy(1))


class Failing(Gateway):
    def on_start(self) -> None:
        raise OSError("no table")


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        (Hasty, "ActorScopeError: actor gateway: .* there is no message in hand"),
        (Failing, "OSError: no table"),
        (lambda engine, shard: object(), "AttributeError: .*receive"),
    ],
)
def test_an_actor_that_cannot_be_made_is_told_by_its_name(actor: Any, text: str) -> None:
    with pytest.raises(RuntimeError, match=f"actor gateway cannot be made: {text}"):
        funded(actor=actor)


def test_the_end_of_the_engine_is_told_and_ends_what_was_kept() -> None:
    engine = funded()
    ask(engine, IN_SHARD_0, ["keep", "a", "10"])
    core = engine._driver.shards[0].core
    gateway = core.actors.made["gateway"].made
    engine.close()
    assert gateway.events == ["started", "closed"]
    assert core.engine.finisher.opened == {}


@pytest.mark.parametrize(
    ("name", "factory", "error"),
    [
        ("", Gateway, ValueError),
        ("x" * 65, Gateway, ValueError),
        ("\ud800", Gateway, ValueError),
        ("gateway", Gateway, ValueError),
        (1, Gateway, TypeError),
        ("other", object(), TypeError),
    ],
)
def test_names_and_factories(name: Any, factory: Any, error: type[Exception]) -> None:
    builder = openpit.Engine.builder().sharded(shards=1).builtin(policies.build_order_validation())
    builder.actor("gateway", Gateway).actor("x" * 64, Gateway)
    with pytest.raises(error):
        builder.actor(name, factory)


def test_what_cannot_be_copied_is_refused_with_the_actors_name() -> None:
    stage = openpit.Engine.builder().sharded(shards=1).builtin(policies.build_order_validation())
    stage.actor("gateway", partial(Gateway, Lock()))
    stage._actors["gateway"].args[0].acquire()
    with pytest.raises(
        openpit.ShardStartError, match="actor gateway cannot be copied into a worker"
    ):
        link(stage)
