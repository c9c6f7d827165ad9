"""What a shard tells of what was left open under former numbers, and how it lets go of it."""

from __future__ import annotations

from typing import Any

import pytest
from held_shard import order, refusal, reserved, sent, shard

from openpit.shards import left_open
from openpit.wire import kinds
from openpit.wire.frames import EPOCH_COMMANDS, Op, body_of, messages_of
from openpit.wire.values import decode

SECOND_LIFE = EPOCH_COMMANDS + 1


def with_open(count: int, client: int = 0) -> Any:
    """Return a shard with a journal in its second life, with so many orders open of its first."""
    core = shard()
    core.keeps = True
    for _ in range(count):
        sent(core, client, order())
    core.resume(1, SECOND_LIFE)
    return core


def left(core: Any, client: int, after: int = 0, before: int = SECOND_LIFE) -> list[Any]:
    _, [(kind, value)] = sent(core, client, (kinds.ASK_LEFT, None, after, before), epoch=1)
    assert kind == kinds.LEFT
    return [*value]


def test_what_was_asked_and_answered_is_told_again() -> None:
    core = with_open(1)
    sent(core, 0, order(), epoch=1)

    [(handle, account, packed, bare, told)] = left(core, 0)

    assert (handle, account) == (1, 1)
    ((value,),) = messages_of(body_of([packed], 1))
    assert packed == bare
    assert decode(value).operation.trade_amount.as_quantity.decimal == 10
    assert messages_of(body_of([told], 1)) == ((kinds.RESERVED, True, (), ()),)


def test_many_are_told_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    core = with_open(7)
    monkeypatch.setattr(left_open, "LEFT_ROWS", 3)

    pages = [[row[0] for row in left(core, 0, after)] for after in (0, 3, 6, 7)]

    assert pages == [[1, 2, 3], [4, 5, 6], [7], []]
    monkeypatch.setattr(left_open, "LEFT_BYTES", 1)
    assert [row[0] for row in left(core, 0)] == [1]  # one in any case


def test_only_those_of_before_are_let_go_of_and_only_the_clients_own() -> None:
    core = with_open(2, client=5)
    sent(core, 5, order("20"), epoch=1)
    sent(core, 6, order("40"), epoch=1)
    assert reserved(core) == 80

    assert left(core, 6) == []
    sent(core, 6, (kinds.DROP_LEFT, None, SECOND_LIFE), epoch=1)
    assert reserved(core) == 80
    sent(core, 5, (kinds.DROP_LEFT, None, SECOND_LIFE), epoch=1)
    assert reserved(core) == 60
    assert [handle < SECOND_LIFE for handle in core.open_handles] == [False, False]


def test_a_handle_of_a_former_life_ends_as_any_other() -> None:
    core = with_open(2, client=5)

    assert "not this client's: 1" in refusal(core, 6, (kinds.COMMIT, 1, 1), epoch=1)
    assert sent(core, 5, (kinds.COMMIT, 1, 1), epoch=1) == (0, [(kinds.DONE, 1)])
    assert sent(core, 5, (kinds.DROP, None, (1, 2)), epoch=1) == (0, [(kinds.DONE, 1)])
    assert core.open_clients == ()


@pytest.mark.parametrize(
    "command",
    [
        (kinds.ASK_LEFT, 1, 0, 9),
        (kinds.ASK_LEFT, None, -1, 9),
        (kinds.ASK_LEFT, None, 0, "9"),
        (kinds.DROP_LEFT, None, True),
        (kinds.DROP_LEFT, None, 1.5),
    ],
)
def test_other_numbers_are_refused(command: tuple[Any, ...]) -> None:
    assert "numbers of handles" in refusal(with_open(1, client=5), 5, command, epoch=1)


def test_a_shard_that_keeps_ends_without_a_rollback_unless_it_is_told_to_close() -> None:
    core = with_open(2, client=5)
    core.finish()
    assert reserved(core) == 20
    sent(core, 5, op=Op.END, count=1, epoch=1)
    assert reserved(core) == 0
