from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.errors import FrameTooLarge, WireError
from openpit.wire import frames as wire
from openpit.wire.expiries import expiry_in
from openpit.wire.frames import (
    Flag,
    FrameReader,
    Head,
    Op,
    body_of,
    command_frame,
    command_in,
    head_of,
    messages_of,
    name_of,
    pack,
    pack_rows,
    reply_frame,
    reply_in,
    whose,
)
from openpit.wire.limits import FRAME_BYTES, REPLY_BYTES, START_BYTES

NOW = 1_000
OURS = whose(5, 3)
NAME = "03 00 05 00 00 00 03 00 00 00 02 00 00 00 00 00 00 00 00 07 00 00 00 01"
EMPTY = 45  # bytes of a head without its length, and of the shortest body


def batch(*messages: Any, first: int = 7, **head: Any) -> bytes:
    """Commands of the client 2 to the shard 5, which lives for the third time."""
    body = body_of([pack(message) for message in messages], len(messages))
    return command_frame(
        5, Op.MESSAGES, first, len(messages), NOW, body,
        epoch=3, client=2, role=3, settings=4, **head,
    )  # fmt: skip


# --- to the byte -------------------------------------------------------------------------------


def test_a_batch_of_commands_to_the_byte() -> None:
    frame = batch((9,))
    assert frame.hex(" ") == (
        f"00 00 00 2d {NAME} 00 03 00 00 00 04 00 00 00 00 00 00 00 00 00 00 03 e8 91 91 09"
    )
    assert FrameReader().feed(frame) == [frame]
    assert head_of(frame) == Head(
        shard=5,
        epoch=3,
        client=2,
        op=0,
        first=7,
        commands=1,
        flags=0,
        time=1_000,
        role=3,
        settings=4,
    )
    assert command_in(frame, OURS) == (2, 0, 7, 1, 0, 1_000, 3, 4, (), (), b"\x91\x91\x09")
    assert messages_of(b"\x91\x91\x09") == ((9,),)


def test_the_replies_to_a_batch_to_the_byte() -> None:
    command = batch((9,), times=(NOW,), flags=Flag.FINALIZER_FAILED)
    frame = reply_frame(command, pack([(1, 1)]), flags=Flag.UNATTRIBUTED_REPORT)
    assert frame.hex(" ") == (
        f"00 00 00 2e {NAME} 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 91 92 01 01"
    )
    assert name_of(frame) == name_of(command) == bytes.fromhex(NAME)
    assert reply_in(frame, name_of(command)) == (2, (), b"\x91\x92\x01\x01")
    assert head_of(frame)[-6:] == (2, 0, (), (), 0, 0)


def test_commands_with_a_time_each_to_the_byte() -> None:
    frame = batch((9,), (9,), times=(5, -6), flags=Flag.UNATTRIBUTED_REPORT)
    assert frame[28:].hex(" ") == (
        "06 03 00 00 00 04 00 00 00 00 00 00 00 00 00 00 03 e8 "
        "00 00 00 00 00 00 00 05 ff ff ff ff ff ff ff fa 92 91 09 91 09"
    )
    assert command_in(frame, OURS) == (
        2,
        0,
        7,
        2,
        6,
        1_000,
        3,
        4,
        (),
        (5, -6),
        b"\x92\x91\x09\x91\x09",
    )


AXES = ((0, -5, 7), (3, 2**62, -(2**63)))


def test_the_counting_part_to_the_byte() -> None:
    counting = (
        "{settings} 00 00 00 02 {time} 00 00 00 00 ff ff ff ff ff ff ff fb 00 00 00 00 00 00 00 07 "
        "00 00 00 03 40 00 00 00 00 00 00 00 80 00 00 00 00 00 00 00 "
    )
    command = batch((9,), axes=AXES, times=(5,))
    assert command[29:].hex(" ") == (
        counting.format(settings="03 00 00 00 04", time="00 00 00 00 00 00 03 e8")
        + "00 00 00 00 00 00 00 05 91 91 09"
    )
    assert command_in(command, OURS) == (2, 0, 7, 1, 4, 1_000, 3, 4, AXES, (5,), b"\x91\x91\x09")
    assert head_of(command).axes == AXES
    reply = reply_frame(command, pack([(1, 1)]), uncounted=AXES)
    assert reply[29:].hex(" ") == (
        counting.format(settings="00 00 00 00 00", time="00 " * 7 + "00") + "91 92 01 01"
    )
    assert reply_in(reply, name_of(command)) == (0, AXES, b"\x91\x92\x01\x01")


@pytest.mark.parametrize("lacking", [1, 20, 21, 40])
def test_a_counting_part_that_is_cut(lacking: int) -> None:
    command = batch((9,), axes=AXES)
    reply = reply_frame(command, b"", uncounted=AXES)
    for frame, read in ((reply, reply_in), (command[:-3], command_in)):
        name = name_of(command) if read is reply_in else OURS
        with pytest.raises(WireError, match="not a frame: it has no room for 2 axes"):
            read(frame[:-lacking], name)  # type: ignore[operator]  # either of them


def test_a_counting_part_names_an_axis_once() -> None:
    with pytest.raises(WireError, match="not a frame: an axis twice"):
        command_in(batch((9,), axes=(AXES[0], AXES[0])), OURS)


def test_what_the_router_says_of_its_own_accord_has_no_body() -> None:
    frame = command_frame(5, Op.ARM, 8, 1, NOW, b"", flags=wire.CAUSES)
    assert frame.hex(" ") == (
        "00 00 00 2a 03 00 05 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 08 00 00 00 01 "
        "03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03 e8"
    )
    assert command_in(frame, whose(5)) == (0, 1, 8, 1, 3, 1_000, 0, 0, (), (), b"")
    answer = reply_frame(frame, b"")
    assert FrameReader().feed(frame + answer) == [frame, answer]
    assert reply_in(answer, name_of(frame)) == (0, (), b"")


@pytest.mark.parametrize(
    ("shard", "epoch", "client", "first", "count", "time", "role", "settings"),
    [
        (0, 0, 0, 0, 1, -(2**63), 0, 0),
        (65535, 2**32 - 1, 2**32 - 1, 2**64 - 1, 2**32 - 1, 2**63 - 1, 255, 2**32 - 1),
    ],
    ids=["least", "most"],
)
def test_numbers_of_a_head_at_their_ends(
    shard: int, epoch: int, client: int, first: int, count: int, time: int, role: int, settings: int
) -> None:
    frame = command_frame(
        shard, 2, first, count, time, b"",
        epoch=epoch, client=client, role=role, settings=settings,
    )  # fmt: skip
    numbers = (client, 2, first, count, 0, time)
    assert head_of(frame) == (shard, epoch, *numbers, (), (), role, settings)
    assert command_in(frame, whose(shard, epoch))[:8] == (*numbers, role, settings)


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "header"),
    [
        (1, "91"),
        (15, "9f"),
        (16, "dd 00 00 00 10"),
        (65535, "dd 00 00 ff ff"),
        (65536, "dd 00 01 00 00"),
    ],
)
def test_a_body_is_one_array_of_its_pieces(count: int, header: str) -> None:
    packed = pack_rows([(1, None)] * count)
    assert packed == pack((1, None)) * count
    body = body_of([packed], count)
    assert body == bytes.fromhex(header) + packed
    assert messages_of(body) == ((1, None),) * count
    assert body_of([packed[:3], packed[3:]], count) == body


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not a body: "),
        (b"\xc1", "not a body: FormatError"),
        (b"\x92\x91\x01", "not a body: ValueError"),
        (b"\x91\x91\x01\x01", "not a body: ExtraData"),
        (b"\x91" * 2048, "not a body: StackError"),
        (b"\x91\x91\xa2\xff\xff", "not a body: UnicodeDecodeError"),
        (b"\x91\x91\x81\xa1x\x02", "a map, of which this protocol has none"),
        (b"\x91\x91\xd4\x07\x00", "an extension, of which this protocol has none"),
        (b"\x07", "no array of messages"),
        (b"\xa1x", "no array of messages"),
        (b"\x90", "no array of messages"),
        (b"\x91\x07", "a message is no array"),
        (b"\x91\x90", "a message is no array"),
        (b"\x92\x91\x01\x07", "a message is no array"),
        (b"\x92\x91\x01\x90", "a message is no array"),
        (b"\x92\x91\x01\xc4\x01\x00", "a message is no array"),
    ],
    ids=lambda value: value[:9].hex() if isinstance(value, bytes) else "",
)
def test_what_is_no_body(body: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        messages_of(body)


# --- frames ------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), min_size=1), min_size=1), st.data())
def test_frames_come_whole_out_of_any_portions(
    messages: list[list[int]], data: st.DataObject
) -> None:
    sent = [batch(message, first=n) for n, message in enumerate(messages)]
    stream = b"".join(sent)
    reader = FrameReader()
    arrived: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        arrived += reader.feed(stream[:size])
        stream = stream[size:]
    assert arrived == sent


def test_a_frame_may_be_a_head_and_no_less() -> None:
    shortest = (42).to_bytes(4, "big") + bytes(42)
    assert FrameReader().feed(shortest) == [shortest]
    assert FrameReader().feed(shortest[:-1]) == []
    for size in range(42):
        with pytest.raises(WireError, match=f"not a frame: {size} bytes are no head"):
            FrameReader().feed(size.to_bytes(4, "big") + bytes(size))


@pytest.mark.parametrize("data", [b"\0\0\0\0", b"\0\0\0\5hello"], ids=["empty", "short"])
def test_what_is_no_frame(data: bytes) -> None:
    begun = FrameReader()
    assert begun.feed(data[:3]) == []
    for reader, rest in [
        (FrameReader(), data),
        (FrameReader(), batch((9,)) + data),
        (begun, data[3:]),
    ]:
        with pytest.raises(WireError, match=r"not a frame: [05] bytes are no head"):
            reader.feed(rest)


@pytest.mark.parametrize(
    ("reader", "limit"),
    [
        (FrameReader, 16_777_216),
        (lambda: FrameReader(limit=REPLY_BYTES), 268_435_456),
        (lambda: FrameReader(START_BYTES), 1_073_741_824),
        (lambda: FrameReader(START_BYTES, REPLY_BYTES), 1_073_741_824),
    ],
    ids=["commands", "replies", "the start", "the start of a wider pipe"],
)
def test_a_frame_over_the_limit_is_refused_by_its_length(reader: Any, limit: int) -> None:
    assert reader().feed(limit.to_bytes(4, "big")) == []
    with pytest.raises(WireError, match=f"a frame of {limit + 1} bytes is over the limit of"):
        reader().feed((limit + 1).to_bytes(4, "big"))


@pytest.mark.parametrize("at_once", [True, False])
def test_only_the_first_frame_of_a_connection_may_be_larger(at_once: bool) -> None:
    frames = [batch(("x" * 150,)), batch((1,)), batch(("x" * 150,))]
    reader = FrameReader(200, 60)

    if at_once:
        assert reader.feed(b"".join(frames[:2])) == frames[:2]
    else:
        for frame in frames[:2]:
            assert reader.feed(frame) == [frame]
    with pytest.raises(WireError, match="a frame of 196 bytes is over the limit of 60 bytes"):
        reader.feed(frames[2])
    with pytest.raises(WireError, match="a frame of 196 bytes is over the limit of 195 bytes"):
        FrameReader(195, 60).feed(frames[0])


def test_a_message_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES", 100)
    monkeypatch.setattr(wire, "START_BYTES", 200)
    assert len(pack(("x" * 50,))) == 53  # all that a head and the longest array leave
    assert len(pack_rows([("x" * 30,), ("x" * 19,)])) == 53
    with pytest.raises(FrameTooLarge, match="a message of 54 bytes is over the frame limit of 100"):
        pack(("x" * 51,))
    with pytest.raises(FrameTooLarge, match="a message of 64 bytes is over the frame limit of 100"):
        pack_rows([("x" * 30,)] * 2)
    assert len(wire.pack_start((20, b"x" * 148))) == 152
    with pytest.raises(FrameTooLarge, match="155 bytes is over the frame limit of 200"):
        wire.pack_start((20, b"x" * 151))


def test_what_is_just_not_too_large_fits_into_its_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES", 100)
    packed = pack_rows([("x",)] * 16 + [("y" * 2,)])
    frame = command_frame(0, 0, 1, 17, NOW, body_of([packed], 17))
    assert FrameReader(limit=100).feed(frame) == [frame]
    assert len(frame) == 4 + 42 + 5 + 52
    assert FRAME_BYTES == 16_777_216


# --- heads -------------------------------------------------------------------------------------


def test_a_batch_of_another_version_is_none_of_ours() -> None:
    frame = bytearray(batch((9,)))
    frame[4] = 1
    with pytest.raises(WireError, match="frame of version 1, this side speaks 3"):
        head_of(bytes(frame))
    with pytest.raises(WireError, match="a batch for another shard, epoch or version"):
        command_in(bytes(frame), OURS)


@pytest.mark.parametrize("other", [whose(4, 3), whose(5, 4), whose(5)])
def test_a_batch_for_another_shard_life_or_client(other: bytes) -> None:
    with pytest.raises(WireError, match="a batch for another shard"):
        command_in(batch((9,)), other)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"op": 6}, "not a frame: op 6, flags 0, 1 commands"),
        ({"op": 255}, "not a frame: op 255, flags 0, 1 commands"),
        ({"flags": 32}, "not a frame: op 0, flags 32, 1 commands"),
        ({"flags": 129}, "not a frame: op 0, flags 129, 1 commands"),
        ({"count": 0}, "not a frame: op 0, flags 0, 0 commands"),
        ({"count": 0, "flags": 4}, "not a frame: op 0, flags 4, 0 commands"),
        ({"flags": 4}, "not a frame: it has no room for 1 times"),
        ({"count": 2**32 - 1, "flags": 4}, "not a frame: it has no room for 4294967295 times"),
    ],
    ids=repr,
)
def test_what_is_no_head(changes: dict[str, int], text: str) -> None:
    head = {"op": 0, "first": 7, "count": 1, "flags": 0} | changes
    frame = struct.pack(
        ">IBHIIBQIBBIIq",
        *(EMPTY, 3, 5, 3, 2, head["op"], head["first"], head["count"], head["flags"], 0, 0, 0, NOW),
    )
    with pytest.raises(WireError, match=text):
        command_in(frame + b"\x91\x91\x09", OURS)


def test_times_may_fill_a_frame_and_leave_no_body() -> None:
    frame = command_frame(5, 0, 7, 2, NOW, b"", epoch=3, client=2, times=(1, 2))
    assert command_in(frame, OURS) == (2, 0, 7, 2, 4, NOW, 0, 0, (), (1, 2), b"")
    cut = (len(frame) - 5).to_bytes(4, "big") + frame[4:-1]
    with pytest.raises(WireError, match="not a frame: it has no room for 2 times"):
        command_in(cut, OURS)


NAMED = {"version": 4, "shard": 6, "epoch": 10, "client": 14, "op": 15, "first": 23, "count": 27}


@pytest.mark.parametrize("place", NAMED.values(), ids=NAMED)
def test_replies_to_another_batch_are_refused(place: int) -> None:
    command = batch((9,))
    reply = bytearray(reply_frame(command, pack([(1, 1)])))
    reply[place] ^= 1
    with pytest.raises(WireError, match="not the replies to the batch that is due: b'"):
        reply_in(bytes(reply), name_of(command))


@pytest.mark.parametrize("place", [28, 40], ids=["flags", "time"])
def test_what_comes_behind_a_name_is_the_shards_to_say(place: int) -> None:
    command = batch((9,))
    reply = bytearray(reply_frame(command, pack([(1, 1)])))
    reply[place] ^= 1
    assert reply_in(bytes(reply), name_of(command)) == (place == 28, (), b"\x91\x92\x01\x01")


# --- what can be packed ------------------------------------------------------------------------


class Desk(str):
    __slots__ = ()


class Lots(int):
    pass


class Ratio(float):
    pass


class Blob(bytes):
    pass


def test_texts_and_numbers_of_classes_of_their_own_travel_as_what_they_are() -> None:
    assert pack((Desk("flow"), Lots(7), Ratio(0.5), Blob(b"x"))) == msgpack.packb(
        ("flow", 7, 0.5, b"x")
    )


@pytest.mark.parametrize("stranger", [object(), range(3)])
def test_what_msgpack_has_no_form_for_is_not_packed(stranger: object) -> None:
    with pytest.raises(TypeError, match="can not serialize"):
        pack((1, stranger))


def test_what_is_nested_without_end_is_not_packed() -> None:
    nested: list[object] = []
    nested.append(nested)
    for packing in (pack, pack_rows):
        with pytest.raises(ValueError, match="nested too deep"):
            packing(nested)


def test_a_reply_tells_what_has_expired_and_when_the_next_may() -> None:
    sent = command_frame(3, 0, 7, 1, NOW, b"\x90")
    told = reply_frame(sent, b"body", 2, ((4, 5, 6),), 9, NOW + 1)
    assert expiry_in(told) == (9, NOW + 1)
    assert reply_in(told, name_of(sent)) == (2, ((4, 5, 6),), b"body")
    assert expiry_in(reply_frame(sent, b"body")) == (0, 0)
