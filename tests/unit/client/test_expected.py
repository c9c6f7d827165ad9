"""A reply of a right form that is none to what was asked ends the connection, undelivered."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flow import IN_SHARD_0, buy
from played import NOW, Bench

from openpit.client.expected import expected, failures_of
from openpit.client.procedures import administration
from openpit.errors import WireError
from openpit.pretrade import PnlHaltReason
from openpit.pretrade.rejects import new_account_block
from openpit.wire import kinds
from openpit.wire.frames import command_frame, pack, reply_frame
from openpit.wire.values import encode

BLOCK = (6, 42, "P", "Other", "r", "d", 0)
STATE = administration("account_row", 1)
HOLDING = ("USD", Decimal(5), Decimal(0), Decimal(0), None, PnlHaltReason.MISSING_FX)
FUNDS = ("SpotFundsPolicy", 0, (HOLDING,), (("USD", Decimal("-1.5")),))


def row(*, group: object = 7, funds: object = FUNDS, opened: object = (1, 0, 2)) -> Any:
    block = new_account_block("P", "Other", "r", "d")
    return encode((group, "USD", block, None, None, (funds,), opened))


RECENT = administration("recent")


def recent(
    *, refused: object = 1, counts: Any = (("P", "C", 1),), refusals: Any = (), accounts: Any = ()
) -> Any:
    return encode((9, refused, counts, refusals, 0, (), len(accounts), accounts))


def fits(command: tuple[Any, ...], *columns: Any) -> bool:
    kind = columns[0]
    answers, tested, test = expected(command)
    return kind in answers and (kind != tested or test(columns))


@pytest.mark.parametrize(
    ("command", "reply", "is_answer"),
    [
        (administration("anything_blocked"), (kinds.ANSWER, False), True),
        (administration("anything_blocked"), (kinds.ANSWER, 0), False),
        (administration("anything_blocked"), (kinds.DONE, 1), False),
        (administration("group_of", 1), (kinds.DONE, 1), True),
        (administration("group_of", 1), (kinds.ANSWER, 7), True),
        (administration("group_of", 1), (kinds.ANSWER, 2**32), False),
        (administration("group_of", 1), (kinds.ANSWER, "7"), False),
        (administration("unblock", 1), (kinds.DONE, 1), True),
        (administration("unblock", 1), (kinds.ANSWER, 7), False),
        (administration("can_register", [1, 2], 7), (kinds.ANSWER, (1, 1, "why")), True),
        (administration("can_register", [1, 2], 7), (kinds.ANSWER, (1, 2, "why")), False),
        (administration("can_unregister", [1], 7), (kinds.ANSWER, (1, 0, 5)), False),
        (administration("can_register", [1], 7), (kinds.ANSWER, (1, 0)), False),
        ((kinds.CONFIGURE, None, "x", ()), (kinds.ANSWER, (0, (1, 5, BLOCK))), True),
        ((kinds.CONFIGURE, None, "x", ()), (kinds.ANSWER, (0, (1, -1, BLOCK))), False),
        ((kinds.CONFIGURE, None, "x", ()), (kinds.ANSWER, (0, (1, 5))), False),
        ((kinds.CONFIGURE, None, "x", ()), (kinds.ANSWER, 5), False),
        ((kinds.ADJUST, 1, encode([])), (kinds.ADJUSTED, None, (), (), ()), True),
        ((kinds.ADJUST, 1, encode([5])), (kinds.ADJUSTED, 0, (), (), ()), True),
        ((kinds.ADJUST, 1, encode([5])), (kinds.ADJUSTED, 1, (), (), ()), False),
        ((kinds.QUOTE, None, 0, ()), (kinds.RAISED, "m", "C", None, "", ""), False),
        (STATE, (kinds.ANSWER, row()), True),
        (STATE, (kinds.ANSWER, row(group=None)), True),
        (STATE, (kinds.DONE, 1), False),
        (STATE, (kinds.ANSWER, row(group=-1)), False),
        (STATE, (kinds.ANSWER, row(opened=(1, 0))), False),
        (STATE, (kinds.ANSWER, row(opened=(1, 0, None))), False),
        (STATE, (kinds.ANSWER, row(funds=(*FUNDS[:3], ()))), True),
        (STATE, (kinds.ANSWER, row(funds=FUNDS[:3])), False),
        (STATE, (kinds.ANSWER, row(funds=(*FUNDS[:2], (HOLDING[:5],), ()))), False),
        (STATE, (kinds.ANSWER, row(funds=(*FUNDS[:2], (("USD", 5, *HOLDING[2:]),), ()))), False),
        (RECENT, (kinds.ANSWER, recent()), True),
        (RECENT, (kinds.ANSWER, recent(refused=-1)), False),
        (RECENT, (kinds.ANSWER, recent(counts=(("P", "C"),))), False),
        (RECENT, (kinds.ANSWER, recent(refusals=((1, 5, 0, None, None, None, ()),))), True),
        (RECENT, (kinds.ANSWER, recent(refusals=((1, 5, 0, None, None, None, (("C",),)),))), False),
        (RECENT, (kinds.ANSWER, recent(accounts=((1, "P", "C", "r", 5),))), False),
        (RECENT, (kinds.DONE, 1), False),
        ((kinds.EXECUTE,), (kinds.ACCEPTED, 1), True),
        ((kinds.EXECUTE,), (kinds.DONE, 1), False),
    ],
)
def test_what_answers_a_command(
    command: tuple[Any, ...], reply: tuple[Any, ...], is_answer: bool
) -> None:
    assert fits(command, *reply) is is_answer


def test_failures_are_of_the_handles_that_were_listed() -> None:
    _, tested, test = failures_of(2)
    assert tested == kinds.FAILURES
    assert test((kinds.FAILURES, ((1,),)))
    assert not test((kinds.FAILURES, ((2,),)))
    assert not test((kinds.FAILURES, ()))


def test_a_lie_in_a_frame_spoils_all_of_it() -> None:
    bench = Bench()
    client, link = bench.client, bench.router.links[0]
    calls = [client.execute(NOW, buy(IN_SHARD_0)) for _ in range(3)]
    with pytest.raises(WireError, match="a decimal was expected: 'x'"):
        bench.reply(0, (kinds.ACCEPTED, 2), (kinds.RESERVED, True, ((0, "x"),), ()))
    assert not any(call.done for call in calls)
    client.router.lose(link, "it lied")
    assert [call.result().ok for call in calls] == [False, False, False]


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        ([(kinds.ACCEPTED, 2)], "no reply to 1 of 3 commands"),
        ([(kinds.ACCEPTED, 4)], "an answer to 4 of 3 commands"),
        ([(kinds.ACCEPTED, 3), (kinds.REJECTED, ())], "more than 3 replies"),
    ],
)
def test_a_body_answers_each_command_of_its_batch_once(
    replies: list[tuple[Any, ...]], text: str
) -> None:
    bench = Bench()
    client = bench.client
    calls = [client.execute(NOW, buy(IN_SHARD_0)) for _ in range(3)]
    data = reply_frame(client.router.links[0].take(), pack(replies))
    with pytest.raises(WireError, match=text):
        client.router.receive(client.router.links[0], data)
    assert not any(call.done for call in calls)


def test_a_block_that_is_told_for_nobody_ends_the_connection() -> None:
    idle = Bench()
    frame = command_frame(0, 0, 1, 1, NOW, pack([(kinds.ACCEPTED, 1)]))
    with pytest.raises(WireError, match="not the replies to the batch that is due"):
        idle.router.receive(idle.router.links[0], reply_frame(frame, b"", flags=1))


ADJUST = (kinds.ADJUST, 1, [0, 7, 7])
ADJUSTED = (kinds.ADJUSTED, 1, (), (), ())
ONCE = {
    "a report's": ((kinds.REPORT, 1), (kinds.DONE, 1), True),
    "an order's to a report": ((kinds.REPORT, 1), (kinds.REJECTED, ()), False),
    "an order's": ((kinds.EXECUTE, 1), (kinds.REJECTED, ()), True),
    "a request's to an order": ((kinds.EXECUTE, 1), (kinds.STARTED,), False),
    "a second of two": (ADJUST, ADJUSTED, True),
    "a third of two": (ADJUST, (kinds.ADJUSTED, 2, *ADJUSTED[2:]), False),
}


@pytest.mark.parametrize(("command", "reply", "is_answer"), ONCE.values(), ids=ONCE)
def test_a_call_with_a_key_is_answered_as_its_command_is(
    command: tuple[Any, ...], reply: tuple[Any, ...], is_answer: bool
) -> None:
    keyed = (kinds.KEYED, 1, b"k", command)
    assert fits(keyed, kinds.ONCE, 5, False, reply) is is_answer
    assert fits(keyed, kinds.RAISED, "", "", b"", "", "")
    assert not fits(keyed, *reply)
