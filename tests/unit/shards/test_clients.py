"""What a shard refuses of a client whose batches the router passes on; see also test_held.py."""

from __future__ import annotations

from threading import RLock
from typing import Any

import pytest
from batched import batch, replies_in
from flow import buy

import openpit
from openpit.engine.builder import build_core
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.frames import Flag, Op, head_of, name_of, reply_in
from openpit.wire.shard_limits import ShardLimits
from openpit.wire.values import encode

A, B = 7, 9
FUND = (
    kinds.ADJUST,
    1,
    encode(
        [
            openpit.AccountAdjustment(
                operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
                amount=openpit.AccountAdjustmentAmount(
                    balance=openpit.AdjustmentAmount.absolute(openpit.param.PositionSize("10000"))
                ),
            )
        ],
        bare=True,
    ),
)
BUY = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "10", None, "185.5")
NONE_LEFT = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "50", None, "185.5")


def shard(**limits: int) -> ShardCore:
    builder = openpit.Engine.builder().account_sync().builtin(build_order_validation())
    builder.builtin(build_spot_funds())
    clock = ShardClock()
    core = ShardCore(
        3, build_core(builder._policies, clock, RLock()), clock, limits=ShardLimits(**limits)
    )
    say(core, 0, FUND)
    return core


def say(core: ShardCore, client: int, *commands: Any, **head: Any) -> Any:
    """Send a client's batch; return the flags and the replies."""
    sent = batch(3, core._next, *commands, client=client, **head)
    return replies_in(sent, core.receive(sent))


def refusal(core: ShardCore, sent: bytes) -> str:
    """Send a batch that is refused; return why."""
    reply = core.receive(sent)
    assert head_of(reply).client == head_of(sent).client
    flags, axes, body = reply_in(reply, name_of(sent))
    assert (flags, axes) == (Flag.REFUSED, ())
    return body.decode()


def ended(core: ShardCore, client: int) -> int:
    """End a client; return the flags of the reply."""
    sent = batch(3, core._next, client=client, op=Op.END, count=1)
    flags, _, body = reply_in(core.receive(sent), name_of(sent))
    assert not body
    return flags


QUOTE = (kinds.QUOTE, None, 0, encode(("clear",)))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (batch(3, 3, BUY, count=2, client=A), "1 commands where 2 were told"),
        (batch(3, 3, BUY, body=b"\x92\x91\x09", count=2, client=A), "not a body"),
        (batch(3, 3, BUY, (99,), client=A), "a command"),
        (batch(3, 3, BUY, client=A, flags=Flag.FINALIZER_FAILED), "flags 1"),
        (batch(3, 3, BUY, client=A, axes=((5, 0, 5),)), "no rate is limited on the axis 5"),
    ],
    ids=["count", "body", "kind", "flags", "axes"],
)
def test_a_clients_bad_batch_changes_nothing_and_costs_nobody_else(sent: bytes, why: str) -> None:
    core = shard()
    say(core, A, BUY)
    assert why in refusal(core, sent)

    assert say(core, B, BUY)[1][0][0] == kinds.FUNDED
    assert ended(core, A) == 0
    assert say(core, 0, BUY)[1][0][0] == kinds.FUNDED


def administer(method: str, *values: object) -> tuple[Any, ...]:
    return (kinds.ADMINISTER, None, method, encode(values, bare=True))


CHANGES = {
    "settings": (kinds.CONFIGURE, None, "spot_funds", encode({"name": "SpotFundsPolicy"})),
    "a group": administer("register_group", [1], 5),
    "all blocks": administer("unblock_all"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_spans_shards_is_changed_by_a_client_in_its_turn_alone(change: Any) -> None:
    core = shard()
    assert "out of turn" in refusal(core, batch(3, core._next, change, client=A))
    flags, ((kind, *_),) = say(core, B, change, flags=Flag.TURN)
    assert (flags, kind) in {(0, kinds.DONE), (0, kinds.ANSWER)}


def test_what_changes_nothing_may_be_asked_out_of_turn() -> None:
    core = shard()
    assert say(core, A, administer("anything_blocked"))[1][0][0] == kinds.ANSWER
    assert say(core, A, (kinds.ADMINISTER, 1, "unblock", encode((1,), bare=True)))[0] == 0


def test_market_data_is_the_routers_own() -> None:
    assert "market data" in refusal(shard(), batch(3, 2, (kinds.TELL_AXES, None), QUOTE, client=A))


# --- how much it may have open -----------------------------------------------------------------

ONE = (*BUY[:5], "1", *BUY[6:])
ORDER = encode(buy(1, "1"), bare=True)
HELD = kinds.FUNDED
OPENING = {
    "an order": ONE,
    "one as a value": (kinds.EXECUTE_WHOLE, 1, ORDER, 0, 0),
    "a request": (kinds.START, 1, ORDER, 0, 0),
    "a drop copy": (kinds.DROP_COPY, 1, ORDER, 0, 0),
}


@pytest.mark.parametrize("opening", OPENING.values(), ids=OPENING)
def test_a_client_has_so_much_open_and_no_more(opening: tuple[Any, ...]) -> None:
    core = shard(open_handles=3)
    first = core._next
    _, replies = say(core, A, ONE, ONE)
    assert [reply[0] for reply in replies] == [HELD, HELD]
    _, replies = say(core, A, opening, opening, ONE)
    assert [reply[0] == kinds.REJECTED for reply in replies] == [False, True, True]
    _, ((code, reason, details, policy, scope, *_),) = replies[1]
    assert (code, reason, policy, scope) == (
        "SystemUnavailable", "too much is open", "Router", "order",
    )  # fmt: skip
    assert details == "shard 3: the session has 3 reservations open, and may have no more"
    assert len(core.open_handles) == 3

    # It is its own limit: others have theirs, and the router's own client has none.
    assert say(core, B, ONE)[1][0][0] == HELD
    assert [reply[0] for reply in say(core, 0, *[ONE] * 4)[1]] == [HELD] * 4
    # What ends makes room, in the same batch.
    _, replies = say(core, A, (kinds.COMMIT, 1, first), ONE, ONE)
    assert [reply[0] for reply in replies] == [kinds.DONE, HELD, kinds.REJECTED]


def test_what_has_no_room_has_changed_nothing() -> None:
    core = shard(open_handles=1)
    say(core, A, (*BUY[:5], "50", *BUY[6:]))  # 9275 of 10000
    ((kind, rejects),) = say(core, A, BUY)[1]
    assert (kind, rejects[0][1]) == (kinds.REJECTED, "too much is open")
    say(core, A, (kinds.ROLLBACK, 1, core._next - 2))
    assert say(core, A, (*BUY[:5], "53", *BUY[6:]))[1][0][0] == HELD  # 9831.50: all was there
