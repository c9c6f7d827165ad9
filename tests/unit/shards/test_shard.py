from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from threading import RLock
from typing import Any

import pytest
from batched import NOW, batch, replies_in, replies_to
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
from openpit.shards import answering
from openpit.shards.clock import ShardClock
from openpit.shards.copying import dump_policies
from openpit.shards.setup import read_hello, start_shard
from openpit.shards.shard import ShardCore
from openpit.slots import slot_of, spread_slots
from openpit.wire import frames as wire
from openpit.wire import kinds
from openpit.wire.frames import CAUSES, Flag, FrameReader, Op, pack
from openpit.wire.values import decode, encode


def shard(*policies: Policy) -> ShardCore:
    builder = Engine.builder().account_sync().builtin(build_order_validation())
    for policy in policies:
        builder.pre_trade(policy)
    clock = ShardClock()
    return ShardCore(3, build_core(builder._policies, clock, RLock()), clock)


def told(
    core: ShardCore, *commands: tuple[Any, ...], **head: Any
) -> tuple[int, list[tuple[Any, ...]]]:
    """Send commands in one batch; return the flags and the replies, which all conform."""
    for command in commands:
        assert kinds.conforms(command, kinds.COMMANDS), command
    sent = batch(3, core._next, *commands, **head)
    flags, replies = replies_in(sent, core.receive(sent))
    for reply in replies:
        assert kinds.conforms(reply, kinds.REPLIES), reply
    return flags, replies


def answers(core: ShardCore, *commands: tuple[Any, ...], **head: Any) -> list[tuple[Any, ...]]:
    """Send commands that do not arm the engine-wide block; return the replies."""
    flags, replies = told(core, *commands, **head)
    assert flags == 0
    return replies


def execute(number: int | None = 1, quantity: str = "10") -> tuple[Any, ...]:
    return (kinds.EXECUTE, number, "AAPL", "USD", "BUY", quantity, None, "185.5")


def whole(kind: int, order: Order) -> tuple[Any, ...]:
    return (kind, order._account_, encode(order), 0, 0)


def administer(method: str, *values: object) -> tuple[Any, ...]:
    return (kinds.ADMINISTER, None, method, encode(values))


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
        (kinds.ACCEPTED, 2),
        (kinds.REJECTED, (refused,)),
        (kinds.ACCEPTED, 1),
    ]
    assert answers(core, execute(), administer("unblock_all"), execute()) == [
        (kinds.ACCEPTED, 1),
        (kinds.DONE, 1),
        (kinds.ACCEPTED, 1),
    ]
    assert core.open_handles == frozenset()


def test_commands_may_arrive_in_any_portions_and_several_frames_at_once() -> None:
    core = shard()
    one, two = batch(3, 1, execute()), batch(3, 2, execute(), execute())
    three = batch(3, 4, execute(quantity="7"))
    data = one + two + three
    assert core.receive(data[:90]) == replies_to(one, (kinds.ACCEPTED, 1))
    assert core.receive(data[90:100]) == b""
    assert core.receive(data[100:-1]) == replies_to(two, (kinds.ACCEPTED, 2))
    assert core.receive(data[-1:]) == replies_to(three, (kinds.ACCEPTED, 1))


def test_a_shard_has_the_time_of_its_commands() -> None:
    clock = ShardClock(5)
    assert clock() == 5
    core = shard()
    answers(core, execute())
    assert core.clock() == NOW
    assert core.engine.clock() == NOW
    answers(core, administer("unblock_all"), time=NOW + 5)
    assert core.engine.clock() == NOW + 5


class Timing(Policy):
    """Says at what time it sees an order."""

    name = "Timing"

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.seen: list[int] = []

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        self.seen.append(self.clock())
        return ()


def timing() -> tuple[ShardCore, list[int]]:
    core = shard(policy := Timing(ShardClock()))
    policy.clock = core.engine.clock
    return core, policy.seen


def test_each_command_of_a_batch_may_have_a_time_of_its_own() -> None:
    core, seen = timing()
    times = (5_000, 3, -1, 5_000)
    answers(core, *[execute()] * 2, whole(kinds.START, buy()), execute(), times=times)
    assert seen == [5_000, 3, -1, 5_000]
    assert core.engine.clock() == 5_000


def test_one_time_may_be_that_of_a_whole_batch() -> None:
    core, seen = timing()
    answers(core, *[execute()] * 2, whole(kinds.START, buy()), execute(), time=7)
    answers(core, execute(), time=6)
    assert seen == [7, 7, 7, 7, 6]


def test_what_custom_policies_see_is_an_order_of_its_own() -> None:
    core = shard(Seeing())
    ((_, ((*_, plain_details, _, _, _),)),) = [answers(core, execute())[0]]
    assert plain_details == "('Order', None, None)"
    order = Marked(7, operation=operation(), position=OrderPosition(reduce_only=True))
    (reply,) = answers(core, whole(kinds.EXECUTE_WHOLE, order))
    assert reply[1][0][2].startswith("('Marked', 7, OrderPosition(")


def test_reservations_wait_in_the_shard_for_their_fate() -> None:
    core = shard(Reserving())
    one, _ = answers(core, execute(quantity="10"), execute(quantity="20"))
    assert one == (kinds.RESERVED, True, (), ())
    assert core.open_handles == {1, 2}
    assert answers(core, (kinds.COMMIT, 1, 1), (kinds.ROLLBACK, 1, 2)) == [(kinds.DONE, 2)]
    assert core.open_handles == frozenset()
    (reply,) = answers(core, execute(quantity="203"))
    assert reply[1][0][2] == "10"


def test_an_unknown_handle_is_told() -> None:
    core = shard(Reserving())
    for command in (
        (kinds.COMMIT, 1, 99),
        (kinds.ROLLBACK, 1, 99),
        (kinds.EXECUTE_REQUEST, 1, 99),
    ):
        (reply,) = answers(core, command)
        assert (reply[0], reply[4]) == (kinds.RAISED, "shard 3 knows no handle 99")


def test_a_handle_of_another_kind_is_unknown_and_stays() -> None:
    core = shard(Reserving())
    answers(core, execute(), whole(kinds.START, buy()))
    reservation, request = 1, 2
    wrong = ((kinds.EXECUTE_REQUEST, 1, reservation), (kinds.COMMIT, 1, request))
    for command in wrong:
        (reply,) = answers(core, command)
        assert reply[4] == f"shard 3 knows no handle {command[2]}"
    assert core.open_handles == {reservation, request}
    assert answers(core, (kinds.ROLLBACK, 1, reservation)) == [(kinds.DONE, 1)]
    assert answers(core, (kinds.EXECUTE_REQUEST, 1, request))[0][0] == kinds.RESERVED


def test_many_are_finished_each_and_told_together() -> None:
    core = shard(Reserving())
    answers(core, *[execute(quantity=str(n)) for n in (10, 201, 30, 40)])
    flags, ((kind, failures),) = told(core, (kinds.COMMIT_MANY, None, (1, 2, 9, 3)))
    assert (flags, kind) == (Flag.FINALIZER_FAILED, kinds.FAILURES)
    assert [(place, text) for place, _, _, _, text, _ in failures] == [
        (1, "commit failed"),
        (2, "shard 3 knows no handle 9"),
    ]
    assert answers(core, (kinds.ROLLBACK_MANY, None, (4,))) == [(kinds.DONE, 1)]


def test_what_nobody_holds_is_rolled_back_and_failures_have_no_reader() -> None:
    core = shard(Reserving())
    answers(core, execute(quantity="10"), execute(quantity="202"), whole(kinds.START, buy()))
    assert core.open_handles == {1, 2, 3}
    assert told(core, (kinds.DROP, None, (1, 2, 3, 4))) == (
        Flag.FINALIZER_FAILED,
        [(kinds.DONE, 1)],
    )
    assert core.open_handles == frozenset()


def test_closing_rolls_back_what_is_open() -> None:
    core = shard(Reserving())
    answers(core, execute(quantity="10"), whole(kinds.START, buy()))
    released: list[int] = []
    effects = core._open[1]
    effects.mutations = [Mutation(lambda: None, lambda: released.append(1))]
    close = batch(3, 3, op=Op.CLOSE, count=1, time=NOW + 9)
    assert core.receive(close) == replies_to(close)
    assert core.closed
    assert released == [1]
    assert core.engine.clock() == NOW + 9
    assert core.open_handles == frozenset()


def test_both_stages_apart() -> None:
    core = shard(Reserving())
    started, refused = answers(core, whole(kinds.START, buy()), whole(kinds.START, buy(1, "0")))
    assert started == (kinds.STARTED,)
    assert refused[0] == kinds.REJECTED
    assert answers(core, (kinds.EXECUTE_REQUEST, 1, 1)) == [(kinds.RESERVED, True, (), ())]
    plain = shard()
    answers(plain, whole(kinds.START, buy()))
    assert answers(plain, (kinds.EXECUTE_REQUEST, 1, 1)) == [(kinds.ACCEPTED, 1)]


def test_dry_runs_and_drop_copies() -> None:
    core = shard(Reserving())
    assert answers(
        core,
        whole(kinds.START_DRY_RUN, buy()),
        whole(kinds.EXECUTE_DRY_RUN, buy()),
        whole(kinds.DROP_COPY, buy()),
    ) == [
        (kinds.DRY, None, (), (), None),
        (kinds.DRY, None, (), (), None),
        (kinds.RECORDED, True, (), (), None, False),
    ]
    (refused,) = answers(core, whole(kinds.DROP_COPY, buy(None)))
    assert refused[1][0][1] == "drop-copy requires a readable account ID"
    (dry,) = answers(core, whole(kinds.START_DRY_RUN, buy(1, "0")))
    assert dry[1][0][0] == "InvalidFieldValue"


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
    flat = (kinds.REPORT, 1, "AAPL", "USD", "BUY", "5", "0", None)
    assert answers(core, flat, flat, (kinds.REPORT_WHOLE, 1, encode(report()))) == [(kinds.DONE, 3)]
    blocking = shard(Blocking())
    row = ("Blocking", "Other", "r", "d", 0)
    assert answers(blocking, flat) == [(kinds.REPORTED, (row,), (), ())]
    nobodys = (kinds.REPORT, None, None, None, None, None, None, None)
    assert told(blocking, nobodys, flat) == (
        Flag.UNATTRIBUTED_REPORT,
        [(kinds.REPORTED, (row,), (), ())] * 2,
    )
    assert answers(blocking, nobodys) == [(kinds.REPORTED, (row,), (), ())]


def test_adjustments_answer_even_when_they_change_nothing() -> None:
    assert answers(shard(), (kinds.ADJUST, 1, encode([]))) == [(kinds.ADJUSTED, None, (), (), ())]


# --- engine-wide -------------------------------------------------------------------------------


@pytest.mark.parametrize("causes", [1, 2, 3])
def test_the_engine_wide_block_is_armed_by_the_router_without_an_echo(causes: int) -> None:
    core = shard()
    for first in (1, 2):
        arm = batch(3, first, op=Op.ARM, count=1, flags=causes)
        assert core.receive(arm) == replies_to(arm)
    registry = core.engine.registry
    assert registry.finalizer_failed is bool(causes & Flag.FINALIZER_FAILED)
    assert registry.unattributed_report is bool(causes & Flag.UNATTRIBUTED_REPORT)
    (reply,) = answers(core, execute())
    assert (reply[0], reply[1][0][0]) == (
        kinds.REJECTED,
        "AccountBlocked" if causes == Flag.UNATTRIBUTED_REPORT else "SystemUnavailable",
    )
    assert answers(core, administer("unblock_all"), execute()) == [
        (kinds.DONE, 1),
        (kinds.ACCEPTED, 1),
    ]


def test_what_the_router_says_stands_in_its_place_among_the_batches() -> None:
    core = shard()
    before, arm = batch(3, 1, execute()), batch(3, 2, op=Op.ARM, count=1, flags=CAUSES)
    behind, close = batch(3, 3, execute()), batch(3, 4, op=Op.CLOSE, count=1)
    data = core.receive(before + arm + behind + close)
    one, two, three, four = FrameReader().feed(data)
    assert (one, two, four) == (
        replies_to(before, (kinds.ACCEPTED, 1)),
        replies_to(arm),
        replies_to(close),
    )
    flags, ((kind, _),) = replies_in(behind, three)
    assert (flags, kind) == (0, kinds.REJECTED)


class Refusing(Policy):
    """Refuses every order, and fails to take back what it did for it."""

    name = "Refusing"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        def fail() -> None:
            raise ValueError("rollback failed")

        told = [PolicyReject(RejectCode.CUSTOM, "refused", "")]
        return PolicyPreTradeResult.reject(told, mutations=[Mutation(fail, fail)])


def test_the_head_of_the_replies_says_that_an_order_armed_the_engine_wide_block() -> None:
    core = shard(Refusing())
    flags, (raised, rejected) = told(core, execute(), execute())
    assert flags == Flag.FINALIZER_FAILED
    assert raised[:3] == (kinds.RAISED, "builtins", "ValueError")
    assert (rejected[0], rejected[1][0][0]) == (kinds.REJECTED, "SystemUnavailable")
    assert answers(core, execute()) == [rejected]  # told once


def test_an_order_that_was_submitted_before_its_limit_counts_for_nothing() -> None:
    clock = ShardClock()
    ready = Engine.builder().account_sync().builtin(build_order_validation())
    rate = RateLimitBrokerBarrier(RateLimit(2, timedelta(seconds=1)))
    ready.builtin(build_rate_limit().broker_barrier(rate))
    core = ShardCore(3, build_core(ready._policies, clock, RLock()), clock)
    fewer = {
        "name": "RateLimitPolicy",
        "broker": RateLimitBrokerBarrier(RateLimit(1, timedelta(seconds=1))),
    }
    rejected, *others = answers(
        core,
        (kinds.EXECUTE_COUNTED, *execute()[1:], 3, 0),
        (kinds.CONFIGURE, None, "rate_limit", encode(fewer)),
        execute(),
        axes=[(0, 0, 0)],
    )
    assert rejected[0] == kinds.REJECTED
    assert others == [(kinds.DONE, 1), (kinds.ACCEPTED, 1)]


def test_administration_answers_what_the_registry_does() -> None:
    core = shard()
    assert answers(core, administer("register_group", [1, 2], 7), administer("group_of", 2)) == [
        (kinds.DONE, 1),
        (kinds.ANSWER, 7),
    ]
    assert answers(
        core, administer("can_register", [5, 2, 1], 8), administer("anything_blocked")
    ) == [
        (kinds.ANSWER, (1, 1, "account is already registered in a different group")),
        (kinds.ANSWER, False),
    ]
    (reply,) = answers(core, administer("replace_block_reason", 1, "x"))
    assert (reply[0], reply[2], reply[4]) == (
        kinds.RAISED,
        "AccountBlockError",
        "account is not blocked",
    )
    (reply,) = answers(core, (kinds.CONFIGURE, None, "order_size_limit", encode({"name": "no"})))
    assert (reply[0], reply[4]) == (kinds.RAISED, "no configurable policy named no")


# --- exceptions and what does not fit ------------------------------------------------------------


def test_exceptions_of_policies_are_replies() -> None:
    core = shard(Acting())
    accepted, raised, again = answers(core, execute(), execute(quantity="101"), execute())
    assert (accepted, again) == ((kinds.ACCEPTED, 1), (kinds.ACCEPTED, 1))
    assert raised[:3] == (kinds.RAISED, "custom_policies", "Unusual")


class Shouting(Policy):
    """Raises what no UTF-8 text can say."""

    name = "Shouting"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        raise ValueError(chr(0xD800))


def test_an_exception_without_a_utf_8_form_does_not_end_the_shard() -> None:
    raised, answer = answers(shard(Shouting()), execute(), administer("anything_blocked"))
    assert raised[:3] == (kinds.RAISED, "builtins", "ValueError")
    assert raised[4] == "\\ud800"
    assert answer == (kinds.ANSWER, False)


def test_an_order_of_an_unknown_class_ends_the_connection() -> None:
    unknown = (7, 21, "no.such", "Order", (), *[None] * 9)
    with pytest.raises(WireError, match=r"no\.such\.Order"):
        answers(shard(Acting()), (kinds.EXECUTE_WHOLE, 1, unknown, 0, 0))
    with pytest.raises(WireError, match="an order of the command's account was expected"):
        answers(shard(Acting()), (kinds.EXECUTE_WHOLE, 1, 5, 0, 0))


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
    assert answer == (kinds.ANSWER, False)
    assert told[:3] == (kinds.RAISED, "openpit.errors", "FrameTooLarge")


def test_settings_answer_with_the_blocks_that_follow() -> None:
    ready = Engine.builder().account_sync().builtin(build_spot_funds())
    clock = ShardClock()
    core = ShardCore(3, build_core(ready._policies, clock, RLock()), clock)
    (_, (kind, blocks)) = answers(
        core,
        administer("set_currency", 5, "USD"),
        (
            kinds.CONFIGURE,
            None,
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
    ((account, block),) = decode(blocks)
    assert (account, block.code) == (5, "PnlKillSwitchTriggered")


def test_a_reservation_whose_reply_cannot_be_sent_is_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = shard(Reserving())
    small_rows = answering._traces
    monkeypatch.setattr(answering, "_traces", lambda effects: ((2**70,), ()))
    reply, done = answers(core, execute(quantity="10"), administer("unblock_all"))
    assert (reply[0], reply[2]) == (kinds.RAISED, "OverflowError")
    assert done == (kinds.DONE, 1)
    assert core.open_handles == frozenset()
    flags, (reply,) = told(core, execute(quantity="202"))  # whose rollback fails
    assert flags == Flag.FINALIZER_FAILED
    assert (reply[0], reply[2]) == (kinds.RAISED, "OverflowError")
    answers(core, administer("unblock_all"))
    monkeypatch.setattr(answering, "_traces", small_rows)
    (reply,) = answers(core, execute(quantity="203"))
    assert reply[1][0][2] == "0"


def test_replies_that_have_no_room_beside_the_others_are_told_and_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = shard(Reserving())
    rows = ((0, "X" * 1_000, ";;;;", None),)
    monkeypatch.setattr(answering, "_traces", lambda effects: ((), rows))
    monkeypatch.setattr(wire, "FRAME_BYTES", 2_000)
    monkeypatch.setattr(answering, "REPLY_BYTES", 6_000)
    orders = [execute(quantity=str(quantity)) for quantity in range(1, 9)]
    sent = batch(3, 1, *orders[:2], administer("unblock_all"), *orders[2:], execute(quantity="0"))

    data = core.receive(sent)

    assert len(data) <= 6_004
    flags, replies = replies_in(sent, data)
    assert flags == 0
    room = [place for place, reply in enumerate(replies) if reply[0] == kinds.RESERVED]
    assert room == [0, 1, 3]
    assert core.open_handles == {1, 2, 4}
    assert replies[2] == (kinds.DONE, 1)
    for reply in replies[4:-1]:
        assert (reply[0], reply[2], reply[4]) == (
            kinds.RAISED,
            "FrameTooLarge",
            "the replies to a batch are over the limit of 6000 bytes",
        )
    assert replies[-1][0] == kinds.REJECTED  # it is no longer than that
    (reply,) = answers(core, execute(quantity="203"))
    assert reply[1][0][2] == "6"  # 1, 2 and 3 are still reserved


def test_replies_that_fit_together_travel_though_no_frame_of_commands_would_hold_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = shard(Reserving())
    rows = ((0, "X" * 1_000, ";;;;", None),)
    monkeypatch.setattr(answering, "_traces", lambda effects: ((), rows))
    monkeypatch.setattr(wire, "FRAME_BYTES", 2_000)
    replies = answers(core, *[execute(quantity="10")] * 20)
    assert replies == [(kinds.RESERVED, True, (), rows)] * 20
    assert len(core.open_handles) == 20


@pytest.mark.parametrize(
    "commands",
    [[(99, 1)], [(kinds.COMMIT, 1)], [(kinds.EXECUTE, 1)], [(kinds.COMMIT,)]],
    ids=["kind", "fields", "row", "short"],
)
def test_what_is_no_command_ends_the_shard(commands: list[tuple[Any, ...]]) -> None:
    core = shard()
    with pytest.raises(WireError):
        core.receive(batch(3, 1, *commands))


def test_a_gap_in_the_numbers_ends_the_shard() -> None:
    with pytest.raises(WireError, match="command 5 where 1 was expected"):
        shard().receive(batch(3, 5, execute()))
    core = shard()
    core.receive(batch(3, 1, execute(), execute()))
    with pytest.raises(WireError, match="command 2 where 3 was expected"):
        core.receive(batch(3, 2, op=Op.CLOSE, count=1))


TWO = batch(3, 1, execute(), execute())[46:]
HEADS: dict[str, tuple[bytes, str]] = {
    "more than told": (batch(3, 1, body=TWO, count=1), "2 commands where 1 were told"),
    "less than told": (batch(3, 1, body=TWO, count=3), "2 commands where 3 were told"),
    "none told": (batch(3, 1, body=TWO, count=0), "not a frame: op 0, flags 0, 0 commands"),
    "times for one": (
        batch(3, 1, body=TWO, count=1, times=(5,)),
        "2 commands where 1 were told",
    ),
    "times for three": (batch(3, 1, body=TWO, count=3, times=(1, 2, 3)), "2 commands where 3"),
    "times too short": (batch(3, 1, body=b"", count=2, times=(5,)), "no room for 2 times"),
    "times that reach into the body": (batch(3, 1, body=TWO, count=2, times=(5,)), "not a body"),
    "times without the flag": (batch(3, 1, body=bytes(16) + TWO, count=2), "not a body"),
    "no times for the flag": (batch(3, 1, body=TWO, count=2, flags=4), "not a body"),
    "no body": (batch(3, 1, count=1), "not a body"),
    "a body that is no array": (batch(3, 1, body=pack(1), count=1), "no array of messages"),
    "an array of no arrays": (batch(3, 1, body=pack((1, 2)), count=2), "a message is no array"),
    "bytes behind the array": (batch(3, 1, body=TWO + b"\x90", count=2), "not a body: ExtraData"),
    "half an array": (batch(3, 1, body=TWO[:-1], count=2), "not a body"),
    "causes with messages": (batch(3, 1, body=TWO, count=2, flags=1), "flags 1"),
    "an unknown flag": (batch(3, 1, body=TWO, count=2, flags=8), "flags 8"),
    "an unknown op": (batch(3, 1, body=TWO, count=2, op=4), "op 4"),
    "messages as the router's": (batch(3, 1, body=TWO, count=2, op=1, flags=1), "not a word"),
    "a body to arm": (batch(3, 1, execute(), op=1, flags=1), "not a word of the router"),
    "nothing to arm for": (batch(3, 1, op=1, count=1), "not a word of the router: op 1, flags 0"),
    "to arm twice": (batch(3, 1, op=1, count=2, flags=1), "not a word of the router"),
    "to arm with a time for each": (batch(3, 1, op=1, count=1, flags=1, times=(5,)), "flags 5"),
    "a body to close": (batch(3, 1, execute(), op=2), "not a word of the router"),
    "causes to close": (batch(3, 1, op=2, count=1, flags=1), "not a word of the router: op 2"),
    "to close with a time for each": (batch(3, 1, op=2, count=1, times=(5,)), "flags 4"),
    "another shard": (batch(2, 1, execute()), "a batch for another shard"),
    "another life": (batch(3, 1, execute(), epoch=1), "a batch for another shard"),
    "another life's number": (batch(3, 2**48 + 1, execute()), "1 was expected"),
    "a body to end a client": (batch(3, 1, execute(), op=3), "not a word of the router"),
    "causes to end a client": (batch(3, 1, op=3, count=1, flags=2), "not a word of the router"),
    "another's close": (batch(2, 1, op=2, count=1), "a batch for another shard"),
}


@pytest.mark.parametrize(("data", "text"), HEADS.values(), ids=HEADS)
def test_a_head_that_is_wrong_ends_the_shard_with_nothing_applied(data: bytes, text: str) -> None:
    core, seen = timing()
    core.clock.now = 5
    with pytest.raises(WireError, match=text):
        core.receive(data)
    assert seen == []
    assert not core.closed
    assert not core.engine.registry.anything_blocked
    assert core.engine.clock() == 5
    # As if it had never been there: the same number is taken.
    core._reader = FrameReader()
    assert answers(core, execute()) == [(kinds.ACCEPTED, 1)]


def test_what_stands_in_front_of_a_wrong_batch_in_the_same_bytes_has_been_done() -> None:
    core, seen = timing()
    with pytest.raises(WireError, match="op 3"):
        core.receive(batch(3, 1, execute(), time=7) + batch(3, 2, execute(), time=8, op=3))
    assert seen == [7]


# --- how a shard comes to be -------------------------------------------------------------------


def test_a_shard_starts_from_its_first_command() -> None:
    policies = Engine.builder().account_sync().builtin(build_order_validation())._policies
    payload, services, _ = dump_policies(policies)
    assert services == []
    hello = read_hello(batch(5, 0, (kinds.HELLO, 8, LIMITS, payload)))
    assert hello == (5, 0, 1, 8, LIMITS, NOW, payload)
    core, _ = start_shard(hello, FrameReader())
    assert core.number == 5
    assert core.engine.clock() == NOW
    ours = next(number for number in range(100) if spread_slots(8)[slot_of(number)] == 5)
    sent = batch(5, 1, execute(ours))
    assert core.receive(sent) == replies_to(sent, (kinds.ACCEPTED, 1))


LIMITS = (9, 1, 1, 0)
HELLO = (kinds.HELLO, 8, LIMITS, b"x")


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (batch(5, 0, execute()), "a connection starts with HELLO, not with"),
        (batch(5, 0, (kinds.HELLO, 8, LIMITS, "x")), "a connection starts with HELLO, not with"),
        (batch(5, 0, (kinds.HELLO, 8)), "a connection starts with HELLO, not with"),
        (batch(5, 0, HELLO, HELLO, count=1), "a connection starts with HELLO, not with"),
        (batch(5, 0, HELLO, HELLO), "a connection starts with a batch of one command, not"),
        (batch(5, 0, HELLO, op=Op.ARM), "a connection starts with a batch of one command"),
        (batch(5, 0, HELLO, flags=1), "a connection starts with a batch of one command"),
        (batch(5, 0, HELLO, times=(NOW,)), "a connection starts with a batch of one command"),
        (batch(5, 0, HELLO, epoch=1), "a connection starts with a batch of one command"),
        (batch(5, 0, HELLO, client=1), "a connection starts with a batch of one command"),
        (batch(5, 0, count=1), "not a body"),
        (batch(8, 0, HELLO), "no shard 8 of 8"),
        (batch(0, 0, (kinds.HELLO, 0, LIMITS, b"x")), "no shard 0 of 0"),
        (batch(5, 0, (kinds.HELLO, 65_536, LIMITS, b"x")), "no shard 5 of 65536"),
    ],
)
def test_a_connection_starts_with_hello(frame: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        read_hello(frame)


def test_a_shard_without_a_journal_has_nothing_to_go_on_from() -> None:
    hello = read_hello(batch(5, 6, HELLO))
    with pytest.raises(WireError, match="begins with command 1, not with 7"):
        start_shard(hello, FrameReader())


def test_a_command_that_is_skipped_changes_nothing_but_the_number() -> None:
    core = shard()
    skipped = batch(core.number, 1, op=Op.SKIP, count=1)
    assert core.receive(skipped) == wire.reply_frame(skipped, b"")
    after = batch(core.number, 2, execute())
    assert core.receive(after) == replies_to(after, (kinds.ACCEPTED, 1))


def test_services_become_replicas_that_follow_the_router() -> None:
    stage = Engine.builder().account_sync()
    one, other = (stage.market_data(QuoteTtl.infinite()).build() for _ in range(2))
    ready = stage.builtin(build_spot_funds().market_data(one, 0)).pre_trade(Quoting(one, other))
    payload, services, _ = dump_policies(ready._policies)
    assert services == [one, other]
    core, _ = start_shard(read_hello(batch(3, 0, (kinds.HELLO, 4, LIMITS, payload))), FrameReader())
    push = ("push", 0, *[Decimal(7)] * 3, NOW)
    register = ("register", 0, "AAPL", "USD", None)
    quotes = [(kinds.QUOTE, None, 1, encode(change)) for change in (register, push)]
    assert answers(core, *quotes) == [(kinds.DONE, 2)]
    ours = next(number for number in range(100) if spread_slots(4)[slot_of(number)] == 3)
    (reply,) = answers(core, execute(ours))
    assert reply[1][0][1:3] == ("quotes", "None 7")


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
    volume = (kinds.EXECUTE, 1, "AAPL", "USD", None, None, "100", None)
    assert answers(shard(), volume) == [(kinds.ACCEPTED, 1)]


def test_an_order_that_only_reports_is_not_held() -> None:
    (reply,) = answers(shard(Locking()), execute())
    assert reply == (kinds.RESERVED, False, ((0, "1.50"),), ())


class Locking(Policy):
    """Locks a price, and has nothing to commit."""

    name = "Locking"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return PolicyPreTradeResult.accept(lock_prices=["1.50"])
