"""Calls with keys, as a shard has them: by the commands of clients."""

from __future__ import annotations

from datetime import timedelta
from threading import RLock
from typing import Any

import pytest
from batched import NOW, batch, replies_in
from flow import buy

import openpit
from openpit.engine.builder import build_core
from openpit.engine.inspection import account_row
from openpit.errors import WireError
from openpit.pretrade import Policy
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.shards.clock import ShardClock
from openpit.shards.counted_windows import CountedWindows
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import messages_of, name_of, reply_in
from openpit.wire.shard_limits import KEY_BYTES, ShardLimits
from openpit.wire.values import encode

A, B = 7, 9


def money(amount: str) -> Any:
    return encode(
        [
            openpit.AccountAdjustment(
                operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
                amount=openpit.AccountAdjustmentAmount(
                    balance=openpit.AdjustmentAmount.delta(amount)
                ),
            )
        ],
        bare=True,
    )


PAID_IN = (kinds.ADJUST, 1, money("10000"))
BUY = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "50", None, "185.5")
"""Of 10000 USD, 9275: a second one is too much."""

START = (kinds.START, 1, encode(buy(1)), 0, 0)
REPORT = (kinds.REPORT, 1, "AAPL", "USD", "BUY", "-5", "0", None)


class Raising(Policy):
    name = "Raising"
    asked = 0

    def check_pre_trade_start(self, ctx: object, order: object) -> Any:
        self.asked += 1
        raise LookupError(f"asked {self.asked} times")


def keyed(command: tuple[Any, ...], key: bytes = b"k") -> tuple[Any, ...]:
    return kinds.KEYED, command[1], key, command


def shard(*policies: Policy, **limits: int) -> ShardCore:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    builder.builtin(build_spot_funds())
    for policy in policies:
        builder.pre_trade(policy)
    clock = ShardClock()
    core = ShardCore(
        3, build_core(builder._policies, clock, RLock()), clock, limits=ShardLimits(**limits)
    )
    say(core, 0, PAID_IN)
    return core


def say(core: ShardCore, client: int, *commands: Any, **head: Any) -> list[Any]:
    """Send a client's batch; return the replies, which all conform."""
    for command in commands:
        assert kinds.conforms(command, kinds.COMMANDS), command
    sent = batch(3, core._next, *commands, client=client, **head)
    _, replies = replies_in(sent, core.receive(sent))
    for reply in replies:
        assert kinds.conforms(reply, kinds.REPLIES), reply
    return replies


def code(reply: Any) -> str:
    """The code of the one reject in the reply to a keyed call."""
    kind, _, is_open, (rejected, ((its, *_),)) = reply
    assert (kind, is_open, rejected) == (kinds.ONCE, False, kinds.REJECTED)
    return its


def test_an_order_with_a_key_is_checked_once_and_its_reservation_is_told_as_it_stands() -> None:
    core = shard()
    first = core._next
    (reply,) = say(core, A, keyed(BUY))
    assert reply[:3] == (kinds.ONCE, first, True)
    assert reply[3][:2] == (kinds.FUNDED, BUY[1])
    assert say(core, A, keyed(BUY)) == [reply]
    assert core.open_handles == {first}
    say(core, A, (kinds.COMMIT, 1, first))
    assert say(core, A, keyed(BUY)) == [(*reply[:2], False, reply[3])]
    assert core.open_handles == frozenset()
    assert code(*say(core, A, keyed(BUY, b"another"))) == "InsufficientFunds"


def test_a_reject_stays_one_when_there_would_be_funds_by_now() -> None:
    core = shard()
    say(core, A, BUY)
    (reply,) = say(core, A, keyed(BUY))
    assert code(reply) == "InsufficientFunds"
    say(core, 0, PAID_IN)
    assert say(core, A, keyed(BUY)) == [reply]
    assert say(core, A, BUY)[0][0] == kinds.FUNDED


def test_reports_and_adjustments_with_a_key_are_applied_once() -> None:
    core = shard()
    before = account_row(core.engine, 1)
    (reply, again) = say(core, A, keyed(PAID_IN, b"p"), keyed(PAID_IN, b"p"))
    assert reply == again
    assert reply[3][0] == kinds.ADJUSTED
    assert account_row(core.engine, 1) != before
    after = account_row(core.engine, 1)
    assert say(core, A, keyed(PAID_IN, b"p")) == [reply]
    assert account_row(core.engine, 1) == after
    (reported, same) = say(core, A, keyed(REPORT, b"r"), keyed(REPORT, b"r"))
    assert reported == same
    assert reported[3][0] == kinds.REPORTED


def test_a_request_with_a_key_is_started_once_and_used_once() -> None:
    core = shard()
    first = core._next
    assert say(core, A, keyed(START)) == [(kinds.ONCE, first, True, (kinds.STARTED,))]
    assert say(core, A, keyed(START)) == [(kinds.ONCE, first, True, (kinds.STARTED,))]
    assert say(core, A, (kinds.EXECUTE_REQUEST, 1, first))[0][0] == kinds.FUNDED
    assert say(core, A, keyed(START)) == [(kinds.ONCE, first, False, (kinds.STARTED,))]


OTHERS = {
    "another quantity": (*BUY[:5], "49", *BUY[6:]),
    "another method": START,
    "a report": REPORT,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_call_with_the_key_is_a_conflict_and_changes_nothing(
    other: tuple[Any, ...],
) -> None:
    core = shard()
    (reply,) = say(core, A, keyed(BUY))
    before = account_row(core.engine, 1)
    ((kind, module, name, _, text, _),) = say(core, A, keyed(other))
    assert (kind, module, name) == (kinds.RAISED, "openpit.errors", "KeyConflict")
    assert text == "shard 3: another call of account 1 had the key b'k'"
    assert account_row(core.engine, 1) == before
    assert say(core, A, keyed(BUY)) == [reply]


def test_the_key_of_another_account_is_another_key() -> None:
    core = shard()
    say(core, A, keyed(PAID_IN))
    (reply,) = say(core, A, keyed((kinds.ADJUST, 2, money("5"))))
    assert reply[3][0] == kinds.ADJUSTED


def test_what_a_policy_has_raised_is_raised_again_and_the_policy_is_not_asked() -> None:
    core = shard(Raising())
    (reply,) = say(core, A, keyed(BUY))
    assert reply[3][:3:2] == (kinds.RAISED, "LookupError")
    assert reply[3][4] == "asked 1 times"
    assert say(core, A, keyed(BUY)) == [reply]
    assert say(core, A, keyed(BUY, b"another"))[0][3][4] == "asked 2 times"


def test_an_order_that_holds_nothing_has_a_handle_too() -> None:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    clock = ShardClock()
    core = ShardCore(3, build_core(builder._policies, clock, RLock()), clock)
    assert say(core, A, keyed(BUY)) == [
        (kinds.ONCE, 1, True, (kinds.RESERVED, True, (), ())),
    ]
    assert say(core, A, (kinds.ROLLBACK, 1, 1)) == [(kinds.DONE, 1)]
    assert say(core, A, keyed(BUY))[0][2] is False


def test_within_the_window_by_the_batches_own_time() -> None:
    core = shard(key_window=100)
    first = core._next
    say(core, A, keyed(BUY), time=NOW)
    assert say(core, A, keyed(BUY), time=NOW + 99)[0][1] == first
    assert code(*say(core, A, keyed(BUY), time=NOW + 100)) == "InsufficientFunds"


def test_so_many_keys_are_kept_and_what_is_one_too_many_is_not_done() -> None:
    core = shard(keys=2, key_window=100)
    say(core, A, keyed(BUY, b"1"), keyed(PAID_IN, b"2"), time=NOW)
    before = account_row(core.engine, 1)
    refused, raised = say(core, A, keyed(BUY, b"3"), keyed(PAID_IN, b"4"), time=NOW)
    assert code(refused) == "SystemUnavailable"
    assert raised[2] == "ShardOverloaded"
    assert "2 keys are kept, and no more can be" in raised[4]
    assert account_row(core.engine, 1) == before
    # Those that there are go on, and are forgotten with the window.
    assert say(core, A, keyed(PAID_IN, b"2"), time=NOW)[0][3][0] == kinds.ADJUSTED
    assert say(core, A, keyed(BUY, b"3"), time=NOW + 100)[0][3][0] == kinds.FUNDED


def test_a_client_that_has_as_much_open_as_it_may_is_denied_and_the_key_is_free() -> None:
    core = shard(open_handles=1)
    first = core._next
    say(core, A, keyed(BUY, b"1"))
    assert code(*say(core, A, keyed(BUY, b"2"))) == "SystemUnavailable"
    say(core, A, (kinds.ROLLBACK, 1, first))
    assert say(core, A, keyed(BUY, b"2"))[0][2] is True


# --- whose handle it is ------------------------------------------------------------------------


def test_the_client_that_asks_has_the_handle_and_the_others_is_void() -> None:
    core = shard()
    first = core._next
    (reply,) = say(core, A, keyed(BUY))
    assert say(core, B, keyed(BUY)) == [reply]
    raised, dropped = say(core, A, (kinds.COMMIT, 1, first), (kinds.DROP, 1, (first,)))
    assert raised[2] == "RuntimeError"
    assert dropped == (kinds.DONE, 1)
    assert core.open_handles == {first}
    assert say(core, B, (kinds.COMMIT, 1, first)) == [(kinds.DONE, 1)]


def test_it_may_be_asked_back_and_no_third_may_name_it() -> None:
    core = shard()
    first = core._next
    say(core, A, keyed(BUY))
    say(core, B, keyed(BUY))
    say(core, A, keyed(BUY))
    assert say(core, B, (kinds.ROLLBACK, 1, first))[0][2] == "RuntimeError"
    assert say(core, A, (kinds.ROLLBACK, 1, first)) == [(kinds.DONE, 1)]


def test_what_a_client_that_has_gone_had_open_is_rolled_back_and_told_so() -> None:
    core = shard()
    first = core._next
    say(core, A, keyed(BUY))
    core.held.end(A)
    core._client = None
    assert say(core, B, keyed(BUY))[0][1:3] == (first, False)
    assert say(core, B, BUY)[0][0] == kinds.FUNDED


def test_a_client_that_may_have_no_more_open_does_not_get_anothers() -> None:
    core = shard(open_handles=1)
    say(core, 0, PAID_IN)
    first = core._next
    say(core, A, keyed(BUY))
    say(core, B, BUY)
    (reply,) = say(core, B, keyed(BUY))
    assert code(reply) == "SystemUnavailable"
    assert say(core, A, (kinds.COMMIT, 1, first)) == [(kinds.DONE, 1)]


# --- counts ------------------------------------------------------------------------------------


def counting(rank: int) -> tuple[Any, ...]:
    return (kinds.EXECUTE_COUNTED, *BUY[1:5], "1", *BUY[6:], rank, 0)


def test_what_is_answered_again_counts_for_nothing() -> None:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    builder.builtin(
        build_rate_limit().broker_barrier(
            RateLimitBrokerBarrier(RateLimit(max_orders=2, window=timedelta(hours=1)))
        )
    )
    clock = ShardClock(NOW)
    core = ShardCore(3, build_core(builder._policies, clock, RLock()), clock)
    windows = CountedWindows(core.intake, core.counts)  # type: ignore[arg-type]
    core.intake = windows
    orders = [
        keyed(counting(1), b"1"),
        keyed(counting(2), b"1"),
        keyed(counting(3), b"2"),
        keyed(counting(4), b"2"),
        keyed(counting(5), b"3"),
    ]
    sent = batch(3, 1, *orders, axes=((BROKER, NOW, 0),), time=NOW)
    reply = core.receive(sent)
    _, uncounted, body = reply_in(reply, name_of(sent))
    assert uncounted == ((BROKER, NOW, 2),)
    windows.note(sent, reply, core.whose)
    assert windows.rows == ((BROKER, NOW, 3, NOW, NOW),)
    replies = messages_of(body)
    assert [one[3][0] for one in replies] == [kinds.RESERVED] * 4 + [kinds.REJECTED]
    assert code(replies[4]) == "RateLimitExceeded"


def test_ranks_are_no_part_of_what_a_call_is() -> None:
    core = shard()
    (reply,) = say(core, A, keyed(BUY))
    counted = (kinds.EXECUTE_COUNTED, *BUY[1:], 0, 0)
    assert say(core, A, keyed(counted)) == [reply]


# --- what is none ------------------------------------------------------------------------------

NO_CALLS = {
    "no key": (kinds.KEYED, 1, b"", BUY),
    "a key that is too long": (kinds.KEYED, 1, b"k" * (KEY_BYTES + 1), BUY),
    "a text": (kinds.KEYED, 1, "k", BUY),
    "no account": (kinds.KEYED, None, b"k", (*BUY[:1], None, *BUY[2:])),
    "another account": (kinds.KEYED, 2, b"k", BUY),
    "no command": (kinds.KEYED, 1, b"k", ()),
    "no such command": (kinds.KEYED, 1, b"k", (99, 1)),
    "a command of no kind": (kinds.KEYED, 1, b"k", ("1", 1)),
    "a commit": (kinds.KEYED, 1, b"k", (kinds.COMMIT, 1, 1)),
    "a key in a key": (kinds.KEYED, 1, b"k", (kinds.KEYED, 1, b"k", BUY)),
    "a field too few": (kinds.KEYED, 1, b"k", BUY[:-1]),
    "a price that is none": (kinds.KEYED, 1, b"k", (*BUY[:-1], "cheap")),
    "a rank that its head does not tell": (kinds.KEYED, 1, b"k", counting(1)),
}


@pytest.mark.parametrize("command", NO_CALLS.values(), ids=NO_CALLS)
def test_what_is_no_call_with_a_key_ends_the_connection(command: tuple[Any, ...]) -> None:
    core = shard()
    with pytest.raises(WireError):
        core.receive(batch(3, core._next, command))


def test_the_longest_key_is_taken() -> None:
    core = shard()
    assert say(core, A, keyed(BUY, b"k" * KEY_BYTES))[0][2] is True
