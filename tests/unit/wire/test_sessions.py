"""Frames of a session, to the byte, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from openpit.errors import WireError
from openpit.slots import spread_slots
from openpit.wire import sessions
from openpit.wire.axes import CountingAxes
from openpit.wire.frames import Flag, FrameReader, name_of, reply_in
from openpit.wire.roles import Role
from openpit.wire.sessions import (
    SessionOp,
    Welcome,
    answer_frame,
    batch_frame,
    batch_in,
    hello_frame,
    hello_in,
    note_frame,
    state_frame,
    state_in,
    time_of,
    welcome_frame,
    welcome_in,
)

AXES = CountingAxes(3, -5, True, False, ((0, None, 1_000), (2, "USD", 2_000)))
WELCOME = Welcome(
    *(7, Role.TRADER, 2048, 16 * 1024 * 1024, True, False, tuple(spread_slots(3)), AXES),
    (("desk.orders", "Marked"),), (("desk.orders", "Venue"),), ("gateway", "book"),
    (("Desk", "Hedge"), ()), 2.0, (1, 2, 3), 5.0, 605.0,
)  # fmt: skip


def _with_role(frame: bytes, role: int) -> bytes:
    return frame[:29] + bytes([role]) + frame[30:]


def test_a_batch_to_the_byte() -> None:
    frame = batch_frame(
        *(2, 0, 5, 1, 9, b"\x91\x91\x09"), rows=[(1, -2, 7, 1, 3, 4)], times=(6,), settings=8
    )
    assert frame.hex(" ") == (
        "00 00 00 5d 03 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05 00 00 00 01 "
        "04 00 00 00 00 08 00 00 00 01 00 00 00 00 00 00 00 09 "
        "00 00 00 01 ff ff ff ff ff ff ff fe 00 00 00 00 00 00 00 07 00 00 00 01 "
        "00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 04 "
        "00 00 00 00 00 00 00 06 91 91 09"
    )
    assert FrameReader().feed(frame) == [frame]
    batch = batch_in(frame)
    assert batch[:7] == (2, 0, 5, 1, Flag.TIMES, 9, ((1, -2, 7, 1, 3, 4),))
    assert batch.rest == b"\x00\x00\x00\x00\x00\x00\x00\x06\x91\x91\x09"
    assert batch.name == name_of(frame)
    assert batch.settings == 8


def test_the_replies_to_a_batch_bring_the_number_that_the_shard_knows_it_by() -> None:
    batch = batch_frame(2, 0, 5, 1, 9, b"\x91\x91\x09")
    frame = answer_frame(name_of(batch), 4_711, b"\x91\x92\x01\x01")
    assert FrameReader().feed(frame) == [frame]
    assert reply_in(frame, name_of(batch)) == (0, (), b"\x91\x92\x01\x01")
    assert time_of(frame) == 4_711
    back = answer_frame(name_of(batch), 4_711, b"", Flag.RETURNED)
    assert reply_in(back, name_of(batch)) == (32, (), b"")


@pytest.mark.parametrize(
    "frame",
    [
        batch_frame(0, 1, 0, 1, 0, b""),
        batch_frame(0, 3, 0, 1, 0, b""),
        batch_frame(0, 0, 0, 0, 0, b"\x90"),
        batch_frame(0, 2, 0, 2, 0, b""),
        batch_frame(0, 2, 0, 1, 0, b"\x90"),
        batch_frame(0, 0, 0, 1, 0, b"", flags=Flag.TURN),
        batch_frame(0, 0, 0, 1, 0, b"", flags=Flag.FINALIZER_FAILED),
        batch_frame(0, 0, 0, 1, 0, b"", rows=[(0, 0, 1, 1, 0, 0)] * 2),
        batch_frame(0, 0, 0, 1, 0, b"", rows=[(0, 0, 1, 1, 0, 0)])[:-8],
        bytes(batch_frame(0, 0, 0, 1, 0, b"")[:7]) + b"\x00\x00\x00\x01" + bytes(35),
        _with_role(batch_frame(0, 0, 0, 1, 0, b""), 3),
    ],
    ids=[
        *("arm", "end", "no command", "two closes", "a close with a body", "turn", "causes"),
        *("an axis twice", "cut", "another epoch", "a role of its own"),
    ],
)
def test_what_is_no_batch_of_a_session(frame: bytes) -> None:
    with pytest.raises(WireError, match="not a batch of a session"):
        batch_in(frame)


def test_names_and_states_arrive() -> None:
    assert hello_in(hello_frame("gateway-1")) == "gateway-1"
    assert hello_in(hello_frame(None)) is None
    assert state_in(state_frame(3, "stalled", "no answer within 5 s")) == (
        *(3, "stalled"),
        "no answer within 5 s",
    )


@pytest.mark.parametrize("name", ["", "x" * 65, "ä" * 33])
def test_a_name_has_its_limits(name: str) -> None:
    with pytest.raises(WireError, match="1 to 64 bytes"):
        hello_in(hello_frame(name))


def test_what_a_client_has_to_know_arrives() -> None:
    assert welcome_in(welcome_frame(WELCOME)) == WELCOME


@pytest.mark.parametrize(
    "change",
    [
        {"credit": 0},
        {"role": 0},
        {"role": 4},
        {"owner": (1,) * 4096},
        {"classes": (("desk", 5),)},
        {"axes": AXES._replace(rows=((0, "USD", 1),))},
        {"has_custom": 1},
        {"timeout": -1.0},
        {"away": float("inf")},
    ],
    ids=[
        "no credit",
        "the router itself",
        "no role",
        "no shard 0",
        "no name",
        "an asset of the broker",
        "no flag",
        "no time",
        "no end of it",
    ],
)
def test_what_no_server_says(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        welcome_in(welcome_frame(WELCOME._replace(**change)))


@pytest.mark.parametrize(
    ("read", "frame"),
    [
        (hello_in, note_frame(SessionOp.HELLO, b"\x91\x92\xa1a\xa1b")),
        (hello_in, note_frame(SessionOp.HELLO, b"\xc1")),
        (state_in, state_frame(0, "gone", None)),
        (sessions.bye_in, note_frame(SessionOp.BYE, b"\x91\x91\x01")),
        (sessions.axes_in, note_frame(SessionOp.AXES, b"\x91\x91\x01")),
        (sessions.given_back_in, note_frame(SessionOp.GIVEN_BACK, b"\x91\x93\x00\x01\xff")),
        (sessions.given_back_in, note_frame(SessionOp.GIVEN_BACK, b"\x91\x92\x00\x01")),
        (sessions.given_back_in, note_frame(SessionOp.GIVEN_BACK, b"\x91\x93\x00\x01\x00")),
        (sessions.given_back_in, note_frame(SessionOp.GIVEN_BACK, b"\x91\x93\x00\x00\x01")),
    ],
)
def test_what_is_beside_a_batch_and_malformed(read: Any, frame: bytes) -> None:
    with pytest.raises(WireError):
        read(frame)


def test_what_is_given_back_arrives() -> None:
    frame = sessions.given_back_frame([(0, 7, 2), (3, 9, 1)])
    assert list(sessions.given_back_in(frame)) == [(0, 7, 2), (3, 9, 1)]
