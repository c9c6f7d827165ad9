"""A reply of a right form that is none to what was asked ends the connection, undelivered."""

from __future__ import annotations

from typing import Any

import pytest
from flow import IN_SHARD_0, buy
from played import NOW, Bench

from openpit.client.expected import expected, failures_of
from openpit.client.procedures import administration
from openpit.errors import WireError
from openpit.wire import kinds
from openpit.wire.frames import frame, pack, pack_rows
from openpit.wire.values import encode

BLOCK = (6, 42, "P", "Other", "r", "d", 0)


def fits(command: tuple[Any, ...], *columns: Any) -> bool:
    kind = columns[0]
    answers, tested, test = expected(command)
    return kind in answers and (kind != tested or test((kind, 1, *columns[1:])))


@pytest.mark.parametrize(
    ("command", "reply", "is_answer"),
    [
        (administration(NOW, "anything_blocked"), (kinds.ANSWER, False), True),
        (administration(NOW, "anything_blocked"), (kinds.ANSWER, 0), False),
        (administration(NOW, "anything_blocked"), (kinds.DONE, 1), False),
        (administration(NOW, "group_of", 1), (kinds.DONE, 1), True),
        (administration(NOW, "group_of", 1), (kinds.ANSWER, 7), True),
        (administration(NOW, "group_of", 1), (kinds.ANSWER, 2**32), False),
        (administration(NOW, "group_of", 1), (kinds.ANSWER, "7"), False),
        (administration(NOW, "unblock", 1), (kinds.DONE, 1), True),
        (administration(NOW, "unblock", 1), (kinds.ANSWER, 7), False),
        (administration(NOW, "can_register", [1, 2], 7), (kinds.ANSWER, (1, 1, "why")), True),
        (administration(NOW, "can_register", [1, 2], 7), (kinds.ANSWER, (1, 2, "why")), False),
        (administration(NOW, "can_unregister", [1], 7), (kinds.ANSWER, (1, 0, 5)), False),
        (administration(NOW, "can_register", [1], 7), (kinds.ANSWER, (1, 0)), False),
        ((kinds.CONFIGURE, None, NOW, "x", ()), (kinds.ANSWER, (0, (1, 5, BLOCK))), True),
        ((kinds.CONFIGURE, None, NOW, "x", ()), (kinds.ANSWER, (0, (1, -1, BLOCK))), False),
        ((kinds.CONFIGURE, None, NOW, "x", ()), (kinds.ANSWER, (0, (1, 5))), False),
        ((kinds.CONFIGURE, None, NOW, "x", ()), (kinds.ANSWER, 5), False),
        ((kinds.ADJUST, 1, NOW, encode([])), (kinds.ADJUSTED, None, (), (), ()), True),
        ((kinds.ADJUST, 1, NOW, encode([5])), (kinds.ADJUSTED, 0, (), (), ()), True),
        ((kinds.ADJUST, 1, NOW, encode([5])), (kinds.ADJUSTED, 1, (), (), ()), False),
        ((kinds.QUOTE, None, NOW, 0, ()), (kinds.RAISED, "m", "C", None, "", ""), False),
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
    assert test((kinds.FAILURES, 1, ((1,),)))
    assert not test((kinds.FAILURES, 1, ((2,),)))
    assert not test((kinds.FAILURES, 1, ()))


def test_a_lie_in_a_frame_spoils_all_of_it() -> None:
    bench = Bench()
    client, link = bench.client, bench.router.links[0]
    calls = [client.execute(NOW, buy(IN_SHARD_0)) for _ in range(3)]
    replies = [(kinds.ACCEPTED, 1, 2), (kinds.RESERVED, 3, True, ((0, "x"),), ())]
    with pytest.raises(WireError, match="a decimal was expected: 'x'"):
        client.router.receive(link, frame(1, pack_rows(replies), 2))
    assert not any(call.done for call in calls)
    client.router.lose(link, "it lied")
    assert [call.result().ok for call in calls] == [False, False, False]


def test_a_block_is_told_once_before_its_reply() -> None:
    bench = Bench()
    client, link = bench.client, bench.router.links[0]
    call = client.execute(NOW, buy(IN_SHARD_0))
    armed = (kinds.ARMED, 1, (True, False))
    with pytest.raises(WireError, match="told twice"):
        client.router.receive(link, frame(1, pack_rows([armed, armed]), 2))
    idle = Bench()
    with pytest.raises(WireError, match="reply to 1 where 1 was expected"):
        idle.router.receive(idle.router.links[0], frame(1, pack(armed), 1))
    assert not call.done
