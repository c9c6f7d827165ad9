from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.errors import FrameTooLarge, WireError
from openpit.wire import frames as wire
from openpit.wire.frames import VERSION, FrameReader, frame, frames, pack, pack_rows


def test_a_frame_to_the_byte() -> None:
    packed = frame(7, pack((9,)), 1)
    assert packed.hex(" ", 1) == ("00 00 00 11 dd 00 00 00 03 01 cf 00 00 00 00 00 00 00 07 91 09")
    assert FrameReader().feed(packed) == [(7, ((9,),))]


@pytest.mark.parametrize("count", [1, 15, 16, 65535, 65536])
def test_rows_are_packed_without_the_header_of_their_list(count: int) -> None:
    packed = pack_rows([(1, None)] * count)
    assert packed == pack((1, None)) * count
    ((first, messages),) = FrameReader().feed(frame(3, packed, count))
    assert (first, len(messages)) == (3, count)


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), min_size=1), min_size=1), st.data())
def test_frames_come_whole_out_of_any_portions(
    messages: list[list[int]], data: st.DataObject
) -> None:
    stream = b"".join(frame(n, pack(message), 1) for n, message in enumerate(messages))
    reader = FrameReader()
    arrived = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        arrived += reader.feed(stream[:size])
        stream = stream[size:]
    assert arrived == [(n, (tuple(message),)) for n, message in enumerate(messages)]


def test_pieces_fill_frames_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES", 64)
    piece = pack_rows([("x" * 18,), ("y" * 18,)])  # 40 bytes, 49 are free in a frame
    arrived = FrameReader().feed(frames(10, [(piece, 2), (piece[:20], 1), (piece[20:], 1)]))
    assert [(first, len(messages)) for first, messages in arrived] == [(10, 2), (12, 2)]


def test_a_message_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES", 64)
    with pytest.raises(FrameTooLarge, match="a message of 62 bytes is over the frame limit of 64"):
        pack(("x" * 59,))
    with pytest.raises(FrameTooLarge):
        pack_rows([("x" * 30,)] * 2)


def raw(elements: object) -> bytes:
    payload: bytes = msgpack.packb(elements)
    return len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x01\x00\x00\x01", "over the limit of 16777216"),
        (b"\x00\x00\x00\x01\xc1", "not a frame"),
        (b"\x00\x00\x00\x02\x92\x01", "not a frame"),
        (b"\x00\x00\x00\x02\x01\x01", "not a frame"),
        (raw(5), "no array of version, number and messages"),
        (raw([1]), "no array of version, number and messages"),
        (raw([2, 0]), "frame of version 2, this side speaks 1"),
        (raw([VERSION, "x"]), "its sequence number is no number"),
        (raw([VERSION, 0, 5]), "a message is no array"),
        (raw([VERSION, 0, []]), "a message is no array"),
        (b"\x00\x00\x00\x03\xa2\xff\xff", "not a frame"),
        (b"\x00\x00\x08\x00" + b"\x91" * 2048, "not a frame"),
    ],
)
def test_what_is_no_frame(data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        FrameReader().feed(data)


def test_the_first_frame_of_a_connection_may_be_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_BYTES", 60)
    monkeypatch.setattr(wire, "START_BYTES", 200)
    start = frames(0, [(wire.pack_start((21, b"x" * 150)), 1), (pack((1,)), 1)])
    reader = FrameReader(200)

    assert reader.feed(start) == [(0, ((21, b"x" * 150),)), (1, ((1,),))]
    with pytest.raises(WireError, match=r"a frame of 169 bytes is over the limit of 60 bytes"):
        reader.feed(frames(2, [(wire.pack_start((21, b"x" * 150)), 1)]))
    with pytest.raises(FrameTooLarge, match="over the frame limit of 200 bytes"):
        wire.pack_start((21, b"x" * 200))
    with pytest.raises(WireError, match=r"a frame of 169 bytes is over the limit of 160 bytes"):
        FrameReader(160).feed(start)


class Desk(str):
    __slots__ = ()


class Lots(int):
    pass


def test_texts_and_numbers_of_classes_of_their_own_travel_as_what_they_are() -> None:
    assert pack((Desk("flow"), Lots(7))) == msgpack.packb(("flow", 7))


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


@pytest.mark.parametrize(
    "packed", [b"\x90", b"\x07", b"\xa1x", b"\x91\x01\x02", b"\x81\x01\x02", b""]
)
def test_a_frame_of_one_message_that_is_none(packed: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader().feed(frame(7, packed, 1))
