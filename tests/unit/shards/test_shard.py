from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from threading import RLock
from typing import Any

import pytest
from custom_policies import Acting, Marked, Reserving, Seeing
from flow import buy, operation, report

from openpit import Engine
from openpit.core import Mutation, Order
from openpit.core.order_terms import OrderPosition
from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.marketdata import InstrumentId, QuoteResolution, QuoteTtl
from openpit.pretrade import (
    AccountBlock,
    Policy,
    PolicyPreTradeResult,
    PolicyReject,
    PostTradeResult,
    RejectCode,
)
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    SpotFundsPnlBoundsBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.shards import shard as shard_core
from openpit.shards.copying import dump_policies
from openpit.shards.setup import start_shard
from openpit.shards.shard import ShardClock, ShardCore
from openpit.slots import slot_of, spread_slots
from openpit.wire import frames as wire
from openpit.wire import kinds
from openpit.wire.frames import FrameReader, frames, pack
from openpit.wire.values import decode, encode

NOW = 1_000


def shard(*policies: Policy) -> ShardCore:
    builder = Engine.builder().account_sync().builtin(build_order_validation())
    for policy in policies:
        builder.pre_trade(policy)
    clock = ShardClock()
    return ShardCore(3, build_core(builder._policies, clock, RLock()), clock)


def answers(core: ShardCore, *commands: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Send commands in one frame; return the replies, which all conform to the table."""
    first = core._next
    for command in commands:
        assert kinds.conforms(command, kinds.COMMANDS), command
    data = core.receive(frames(first, [(pack(command), 1) for command in commands]))
    ((number, replies),) = FrameReader().feed(data)
    assert number == first
    for reply in replies:
        assert kinds.conforms(reply, kinds.REPLIES), reply
    return list(replies)


def execute(number: int | None = 1, quantity: str = "10") -> tuple[Any, ...]:
    return (kinds.EXECUTE, number, NOW, "AAPL", "USD", "BUY", quantity, None, "185.5")


def whole(kind: int, order: Order) -> tuple[Any, ...]:
    return (kind, order._account_, NOW, encode(order), 0, 0)


def administer(method: str, *values: object) -> tuple[Any, ...]:
    return (kinds.ADMINISTER, None, NOW, method, encode(values))


# --- orders ------------------------------------------------------------------------------------


def test_orders_that_pass_without_a_trace_are_answered_by_runs() -> None:
    core = shard()
    refused = (
        "InvalidFieldValue",
        "order quantity must be non-zero",
        "requested quantity 0 is not allowed",
        "OrderValidationPolicy",
        "order",
        0,
    )
    assert answers(core, execute(), execute(), execute(quantity="0"), execute()) == [
        (kinds.ACCEPTED, 1, 2),
        (kinds.REJECTED, 3, (refused,)),
        (kinds.ACCEPTED, 4, 1),
    ]
    assert answers(core, execute(), administer("unblock_all"), execute()) == [
        (kinds.ACCEPTED, 5, 1),
        (kinds.DONE, 6, 1),
        (kinds.ACCEPTED, 7, 1),
    ]
    assert core.open_handles == frozenset()


def test_commands_may_arrive_in_any_portions_and_several_frames_at_once() -> None:
    core = shard()
    data = frames(1, [(pack(execute()), 1)]) + frames(2, [(pack(execute()), 1)])
    assert core.receive(data[:70]) == frames(1, [(pack((kinds.ACCEPTED, 1, 1)), 1)])
    assert core.receive(data[70:-1]) == b""
    assert core.receive(data[-1:]) == frames(2, [(pack((kinds.ACCEPTED, 2, 1)), 1)])


def test_a_shard_has_the_time_of_its_commands() -> None:
    clock = ShardClock(5)
    assert clock() == 5
    core = shard()
    answers(core, execute())
    assert core._clock() == NOW
    assert core.engine.clock() == NOW
    answers(core, (kinds.ADMINISTER, None, NOW + 5, "unblock_all", encode(())))
    assert core.engine.clock() == NOW + 5


def test_what_custom_policies_see_is_an_order_of_its_own() -> None:
    core = shard(Seeing())
    ((_, _, ((*_, plain_details, _, _, _),)),) = [answers(core, execute())[0]]
    assert plain_details == "('Order', None, None)"
    order = Marked(7, operation=operation(), position=OrderPosition(reduce_only=True))
    (reply,) = answers(core, whole(kinds.EXECUTE_WHOLE, order))
    assert reply[2][0][2].startswith("('Marked', 7, OrderPosition(")


def test_reservations_wait_in_the_shard_for_their_fate() -> None:
    core = shard(Reserving())
    one, _ = answers(core, execute(quantity="10"), execute(quantity="20"))
    assert one == (kinds.RESERVED, 1, True, (), ())
    assert core.open_handles == {1, 2}
    assert answers(core, (kinds.COMMIT, 1, NOW, 1), (kinds.ROLLBACK, 1, NOW, 2)) == [
        (kinds.DONE, 3, 2)
    ]
    assert core.open_handles == frozenset()
    (reply,) = answers(core, execute(quantity="203"))
    assert reply[2][0][2] == "10"


def test_an_unknown_handle_is_told() -> None:
    core = shard(Reserving())
    for command in (
        (kinds.COMMIT, 1, NOW, 99),
        (kinds.ROLLBACK, 1, NOW, 99),
        (kinds.EXECUTE_REQUEST, 1, NOW, 99),
    ):
        (reply,) = answers(core, command)
        assert (reply[0], reply[5]) == (kinds.RAISED, "shard 3 knows no handle 99")


def test_many_are_finished_each_and_told_together() -> None:
    core = shard(Reserving())
    answers(core, *[execute(quantity=str(n)) for n in (10, 201, 30, 40)])
    armed, failures = answers(core, (kinds.COMMIT_MANY, None, NOW, (1, 2, 9, 3)))
    assert armed == (kinds.ARMED, 5, (True, False))
    assert failures[:2] == (kinds.FAILURES, 5)
    assert [(place, text) for place, _, _, _, text, _ in failures[2]] == [
        (1, "commit failed"),
        (2, "shard 3 knows no handle 9"),
    ]
    assert answers(core, (kinds.ROLLBACK_MANY, None, NOW, (4,))) == [(kinds.DONE, 6, 1)]


def test_what_nobody_holds_is_rolled_back_and_failures_have_no_reader() -> None:
    core = shard(Reserving())
    answers(core, execute(quantity="10"), execute(quantity="202"), whole(kinds.START, buy()))
    assert core.open_handles == {1, 2, 3}
    assert answers(core, (kinds.DROP, None, NOW, (1, 2, 3, 4))) == [
        (kinds.ARMED, 4, (True, False)),
        (kinds.DONE, 4, 1),
    ]
    assert core.open_handles == frozenset()


def test_closing_rolls_back_what_is_open() -> None:
    core = shard(Reserving())
    answers(core, execute(quantity="10"), whole(kinds.START, buy()))
    released: list[int] = []
    effects = core._open[1]
    effects.mutations = [Mutation(lambda: None, lambda: released.append(1))]
    assert answers(core, (kinds.CLOSE, None, NOW)) == [(kinds.DONE, 3, 1)]
    assert core.closed
    assert released == [1]


def test_both_stages_apart() -> None:
    core = shard(Reserving())
    started, refused = answers(core, whole(kinds.START, buy()), whole(kinds.START, buy(1, "0")))
    assert started == (kinds.STARTED, 1)
    assert refused[0] == kinds.REJECTED
    assert answers(core, (kinds.EXECUTE_REQUEST, 1, NOW, 1)) == [(kinds.RESERVED, 3, True, (), ())]
    plain = shard()
    answers(plain, whole(kinds.START, buy()))
    assert answers(plain, (kinds.EXECUTE_REQUEST, 1, NOW, 1)) == [(kinds.ACCEPTED, 2, 1)]


def test_dry_runs_and_drop_copies() -> None:
    core = shard(Reserving())
    assert answers(
        core,
        whole(kinds.START_DRY_RUN, buy()),
        whole(kinds.EXECUTE_DRY_RUN, buy()),
        whole(kinds.DROP_COPY, buy()),
    ) == [
        (kinds.DRY, 1, None, (), (), None),
        (kinds.DRY, 2, None, (), (), None),
        (kinds.RECORDED, 3, True, (), (), None, False),
    ]
    (refused,) = answers(core, whole(kinds.DROP_COPY, buy(None)))
    assert refused[2][0][1] == "drop-copy requires a readable account ID"
    (dry,) = answers(core, whole(kinds.START_DRY_RUN, buy(1, "0")))
    assert dry[2][0][0] == "InvalidFieldValue"


class Blocking(Policy):
    """Blocks by whatever comes."""

    name = "Blocking"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        return [PolicyReject(RejectCode.CUSTOM, "r", "d", "account")] if order.margin else ()

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        block = AccountBlock(policy="Blocking", code="Other", reason="r", details="d")
        return PostTradeResult(account_blocks=[block])


def test_reports_that_change_nothing_are_answered_by_runs() -> None:
    core = shard()
    flat = (kinds.REPORT, 1, NOW, "AAPL", "USD", "BUY", "5", "0", None)
    assert answers(core, flat, flat, (kinds.REPORT_WHOLE, 1, NOW, encode(report()))) == [
        (kinds.DONE, 1, 3)
    ]
    blocking = shard(Blocking())
    row = ("Blocking", "Other", "r", "d", 0)
    assert answers(blocking, flat) == [(kinds.REPORTED, 1, (row,), (), ())]
    nobodys = (kinds.REPORT, None, NOW, None, None, None, None, None, None)
    assert answers(blocking, nobodys) == [
        (kinds.ARMED, 2, (False, True)),
        (kinds.REPORTED, 2, (row,), (), ()),
    ]


def test_adjustments_answer_even_when_they_change_nothing() -> None:
    assert answers(shard(), (kinds.ADJUST, 1, NOW, encode([]))) == [
        (kinds.ADJUSTED, 1, None, (), (), ())
    ]


# --- engine-wide -------------------------------------------------------------------------------


def test_the_engine_wide_block_is_armed_from_outside_without_an_echo() -> None:
    core = shard()
    assert answers(
        core, (kinds.ARM, None, NOW, (True, True)), (kinds.ARM, None, NOW, (False, False))
    ) == [(kinds.DONE, 1, 2)]
    (reply,) = answers(core, execute())
    assert reply[2][0][1] == "mutation finalizer failed"
    assert answers(core, administer("unblock_all"), execute()) == [
        (kinds.DONE, 4, 1),
        (kinds.ACCEPTED, 5, 1),
    ]


class Refusing(Policy):
    """Refuses every order, and fails to take back what it did for it."""

    name = "Refusing"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        def fail() -> None:
            raise ValueError("rollback failed")

        told = [PolicyReject(RejectCode.CUSTOM, "refused", "")]
        return PolicyPreTradeResult.reject(told, mutations=[Mutation(fail, fail)])


def test_an_order_that_arms_the_engine_wide_block_says_so_first() -> None:
    armed, raised, rejected = answers(shard(Refusing()), execute(), execute())
    assert armed == (kinds.ARMED, 1, (True, False))
    assert raised[:4] == (kinds.RAISED, 1, "builtins", "ValueError")
    assert (rejected[0], rejected[2][0][0]) == (kinds.REJECTED, "SystemUnavailable")


def test_counts_of_the_router_are_used_or_given_back() -> None:
    builder = (
        Engine.builder()
        .account_sync()
        .builtin(
            build_rate_limit().broker_barrier(
                RateLimitBrokerBarrier(RateLimit(2, timedelta(seconds=1)))
            )
        )
    )
    clock = ShardClock()
    core = ShardCore(0, build_core(builder._policies, clock, RLock()), clock)
    counted = (kinds.EXECUTE_COUNTED, *execute()[1:])
    accepted, refused = answers(core, (*counted, 2, 0), (*counted, 3, 0))
    assert accepted == (kinds.ACCEPTED, 1, 1)
    assert (refused[0], refused[2][0][0]) == (kinds.REJECTED, "RateLimitExceeded")
    answers(
        core, administer("block", 1, AccountBlock(policy="", code="Other", reason="", details=""))
    )
    (stopped,) = answers(core, (*counted, 4, 0))
    assert (stopped[0], stopped[2][0][0]) == (kinds.REJECTED_UNCOUNTED, "Other")
    for kind in (kinds.START, kinds.EXECUTE_WHOLE):
        for counts in ((5, 0), (0, 5)):
            (stopped,) = answers(core, (kind, 1, NOW, encode(buy()), *counts))
            assert stopped[0] == kinds.REJECTED_UNCOUNTED


def test_an_order_that_was_submitted_before_its_limit_counts_for_nothing() -> None:
    clock = ShardClock()
    ready = Engine.builder().account_sync().builtin(build_order_validation())
    rate = RateLimitBrokerBarrier(RateLimit(2, timedelta(seconds=1)))
    ready.builtin(build_rate_limit().broker_barrier(rate))
    core = ShardCore(0, build_core(ready._policies, clock, RLock()), clock)
    fewer = {
        "name": "RateLimitPolicy",
        "broker": RateLimitBrokerBarrier(RateLimit(1, timedelta(seconds=1))),
    }
    rejected, *others = answers(
        core,
        (kinds.EXECUTE_COUNTED, *execute()[1:], 3, 0),
        (kinds.CONFIGURE, None, NOW, "rate_limit", encode(fewer)),
        execute(),
    )
    assert rejected[:2] == (kinds.REJECTED, 1)
    assert others == [(kinds.DONE, 2, 1), (kinds.ACCEPTED, 3, 1)]


def test_administration_answers_what_the_registry_does() -> None:
    core = shard()
    assert answers(core, administer("register_group", [1, 2], 7), administer("group_of", 2)) == [
        (kinds.DONE, 1, 1),
        (kinds.ANSWER, 2, 7),
    ]
    assert answers(
        core, administer("can_register", [5, 2, 1], 8), administer("anything_blocked")
    ) == [
        (kinds.ANSWER, 3, (1, 1, "account is already registered in a different group")),
        (kinds.ANSWER, 4, False),
    ]
    (reply,) = answers(core, administer("replace_block_reason", 1, "x"))
    assert (reply[0], reply[3], reply[5]) == (
        kinds.RAISED,
        "AccountBlockError",
        "account is not blocked",
    )
    (reply,) = answers(
        core, (kinds.CONFIGURE, None, NOW, "order_size_limit", encode({"name": "no"}))
    )
    assert (reply[0], reply[5]) == (kinds.RAISED, "no configurable policy named no")


# --- exceptions and what does not fit ------------------------------------------------------------


def test_exceptions_of_policies_are_replies() -> None:
    core = shard(Acting())
    accepted, raised, again = answers(core, execute(), execute(quantity="101"), execute())
    assert (accepted, again) == ((kinds.ACCEPTED, 1, 1), (kinds.ACCEPTED, 3, 1))
    assert raised[:4] == (kinds.RAISED, 2, "custom_policies", "Unusual")


class Shouting(Policy):
    """Raises what no UTF-8 text can say."""

    name = "Shouting"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        raise ValueError(chr(0xD800))


def test_an_exception_without_a_utf_8_form_does_not_end_the_shard() -> None:
    raised, answer = answers(shard(Shouting()), execute(), administer("anything_blocked"))
    assert raised[:4] == (kinds.RAISED, 1, "builtins", "ValueError")
    assert raised[5] == "\\ud800"
    assert answer == (kinds.ANSWER, 2, False)


def test_an_order_of_an_unknown_class_ends_the_connection() -> None:
    unknown = (7, 21, "no.such", "Order", (), *[None] * 9)
    with pytest.raises(WireError, match=r"no\.such\.Order"):
        answers(shard(Acting()), (kinds.EXECUTE_WHOLE, 1, NOW, unknown, 0, 0))
    with pytest.raises(WireError, match="an order of the command's account was expected"):
        answers(shard(Acting()), (kinds.EXECUTE_WHOLE, 1, NOW, 5, 0, 0))


class Wordy(Policy):
    """Says too much; locks what its order reserves."""

    name = "Wordy"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        return [PolicyReject(RejectCode.CUSTOM, "x" * 7_000, "")] if order.margin is None else ()


def test_a_reply_too_large_is_told_and_the_others_get_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = shard(Wordy())
    monkeypatch.setattr(wire, "FRAME_BYTES", 6_000)
    answer, told = answers(core, administer("anything_blocked"), execute())
    assert answer == (kinds.ANSWER, 1, False)
    assert told[:4] == (kinds.RAISED, 2, "openpit.errors", "FrameTooLarge")


def test_settings_answer_with_the_blocks_that_follow() -> None:
    ready = Engine.builder().account_sync().builtin(build_spot_funds())
    clock = ShardClock()
    core = ShardCore(0, build_core(ready._policies, clock, RLock()), clock)
    (_, (kind, _, told)) = answers(
        core,
        administer("set_currency", 5, "USD"),
        (
            kinds.CONFIGURE,
            None,
            NOW,
            "spot_funds_pnl_bounds_killswitch",
            encode(
                {
                    "name": "SpotFundsPolicy",
                    "global_barrier": SpotFundsPnlBoundsBarrier("USD", lower_bound="1"),
                }
            ),
        ),
    )
    assert kind == kinds.ANSWER
    ((account, block),) = decode(told)
    assert (account, block.code) == (5, "PnlKillSwitchTriggered")


def test_a_reservation_whose_reply_cannot_be_sent_is_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = shard(Reserving())
    small_rows = shard_core._traces
    monkeypatch.setattr(shard_core, "_traces", lambda effects: ((2**70,), ()))
    reply, done = answers(core, execute(quantity="10"), administer("unblock_all"))
    assert (reply[0], reply[3]) == (kinds.RAISED, "OverflowError")
    assert done == (kinds.DONE, 2, 1)
    assert core.open_handles == frozenset()
    armed, reply = answers(core, execute(quantity="202"))  # whose rollback fails
    assert armed == (kinds.ARMED, 3, (True, False))
    assert (reply[0], reply[3]) == (kinds.RAISED, "OverflowError")
    answers(core, administer("unblock_all"))
    monkeypatch.setattr(shard_core, "_traces", small_rows)
    (reply,) = answers(core, execute(quantity="203"))
    assert reply[2][0][2] == "0"


@pytest.mark.parametrize(
    "commands",
    [[(99, 1, NOW)], [(kinds.COMMIT, 1, NOW)], [(kinds.EXECUTE, 1, NOW)], [(kinds.COMMIT,)]],
    ids=["kind", "fields", "row", "short"],
)
def test_what_is_no_command_ends_the_shard(commands: list[tuple[Any, ...]]) -> None:
    core = shard()
    with pytest.raises((WireError, ValueError)):
        core.receive(frames(1, [(pack(command), 1) for command in commands]))


def test_a_gap_in_the_numbers_ends_the_shard() -> None:
    with pytest.raises(WireError, match="command 5 where 1 was expected"):
        shard().receive(frames(5, [(pack(execute()), 1)]))


# --- how a shard comes to be -------------------------------------------------------------------


def test_a_shard_starts_from_its_first_command() -> None:
    policies = Engine.builder().account_sync().builtin(build_order_validation())._policies
    payload, services, _ = dump_policies(policies)
    assert services == []
    core, _ = start_shard((kinds.HELLO, None, NOW, 5, 8, payload), FrameReader())
    assert core.number == 5
    ours = next(number for number in range(100) if spread_slots(8)[slot_of(number)] == 5)
    assert answers(core, execute(ours)) == [(kinds.ACCEPTED, 1, 1)]


def test_a_connection_starts_with_hello() -> None:
    with pytest.raises(WireError, match="a connection starts with HELLO"):
        start_shard(execute(), FrameReader())


def test_services_become_replicas_that_follow_the_router() -> None:
    stage = Engine.builder().account_sync()
    one, other = (stage.market_data(QuoteTtl.infinite()).build() for _ in range(2))
    ready = stage.builtin(build_spot_funds().market_data(one, 0)).pre_trade(Quoting(one, other))
    payload, services, _ = dump_policies(ready._policies)
    assert services == [one, other]
    core, _ = start_shard((kinds.HELLO, None, NOW, 0, 1, payload), FrameReader())
    push = ("push", 0, *[Decimal(7)] * 3, NOW)
    register = ("register", 0, "AAPL", "USD", None)
    quotes = [(kinds.QUOTE, None, NOW, 1, encode(change)) for change in (register, push)]
    assert answers(core, *quotes) == [(kinds.DONE, 1, 2)]
    (reply,) = answers(core, execute())
    assert reply[2][0][1:3] == ("quotes", "None 7")


class Quoting(Policy):
    """Rejects every order, and says what two services know."""

    name = "Quoting"

    def __init__(self, *services: Any) -> None:
        self.services = services

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        resolution = QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT
        quotes = [
            service.get_optional(InstrumentId(0), order.operation.account_id, ctx, resolution)
            for service in self.services
        ]
        marks = [None if quote is None else quote.mark for quote in quotes]
        return [PolicyReject(RejectCode.CUSTOM, "quotes", " ".join(map(str, marks)))]


def test_a_volume_order_and_a_market_order() -> None:
    volume = (kinds.EXECUTE, 1, NOW, "AAPL", "USD", None, None, "100", None)
    assert answers(shard(), volume) == [(kinds.ACCEPTED, 1, 1)]


def test_an_order_that_only_reports_is_not_held() -> None:
    (reply,) = answers(shard(Locking()), execute())
    assert reply == (kinds.RESERVED, 1, False, ((0, "1.50"),), ())


class Locking(Policy):
    """Locks a price, and has nothing to commit."""

    name = "Locking"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return PolicyPreTradeResult.accept(lock_prices=["1.50"])
