"""Where a FIX message ends in a stream, and which are not whole."""

from __future__ import annotations

import pytest
from gateway_alone import fix, placed

from fix_gateway.frames import MOST_BYTES, GarbledError, cut, framed, header_of

BODY = b"35=D\x0149=A\x0156=B\x0134=1\x0152=20261130-09:00:00\x01"
MESSAGE = framed(BODY)


def test_a_frame_counts_its_body_and_sums_its_bytes() -> None:
    # Four fields of 5 bytes and one of 21; the bytes before 10= sum up to 2,706: 10 x 256 + 146.
    assert MESSAGE == b"8=FIX.4.4\x019=41\x01%b10=146\x01" % BODY
    assert sum(MESSAGE[:-7]) == 2706


def test_messages_of_a_stream_are_told_apart_with_or_without_line_ends() -> None:
    stream = MESSAGE + MESSAGE + b"\r\n" + MESSAGE + b"\n"

    assert list(cut(stream)) == [(0, MESSAGE), (63, MESSAGE), (128, MESSAGE)]


@pytest.mark.parametrize(
    ("garbled", "words"),
    [
        (MESSAGE.replace(b"FIX.4.4", b"FIX.4.2"), "BeginString (8) is not FIX.4.4"),
        (MESSAGE.replace(b"9=41", b"9=x"), "BodyLength (9) is not the second field"),
        (MESSAGE.replace(b"9=41", b"9=40"), "BodyLength (9) is 40, but CheckSum (10) is not there"),
        (MESSAGE.replace(b"9=41", b"9=99"), "BodyLength (9) is 99, but CheckSum (10) is not there"),
        (MESSAGE.replace(b"9=41", b"9=9999"), "a message has 8192 bytes at most"),
        (MESSAGE.replace(b"49=A", b"49=C"), "CheckSum (10) is "),
        (MESSAGE[:-1], "but CheckSum (10) is not there"),
        (b"no FIX at all", "BeginString (8) is not FIX.4.4"),
    ],
)
def test_behind_a_garbled_message_the_next_is_found(garbled: bytes, words: str) -> None:
    first, second = cut(garbled + b"\n" + MESSAGE)

    assert isinstance(first[1], GarbledError)
    assert words in str(first[1])
    assert second == (len(garbled) + 1, MESSAGE)


def test_every_flip_of_a_bit_is_seen() -> None:
    for at in range(len(MESSAGE)):
        for bit in range(8):
            flipped = bytearray(MESSAGE)
            flipped[at] ^= 1 << bit
            with pytest.raises(GarbledError):
                header_of(bytes(flipped))


def test_a_message_has_so_many_bytes_at_most() -> None:
    longest = MOST_BYTES - len(framed(BODY + b"58=" + b"x" * 4000 + b"\x01")) + 4000
    fits, over = (
        framed(BODY + b"58=" + b"x" * length + b"\x01") for length in (longest, longest + 1)
    )

    assert len(fits) == MOST_BYTES
    assert header_of(fits).sender == b"A"
    with pytest.raises(GarbledError, match="8192 bytes at most"):
        header_of(over)


@pytest.mark.parametrize("tag", [49, 56, 34])
def test_who_cannot_be_answered_is_not(tag: int) -> None:
    fields = [each for each in BODY.split(b"\x01") if not each.startswith(b"%d=" % tag)]
    with pytest.raises(GarbledError, match="is not in the header"):
        header_of(framed(b"\x01".join(fields)))


def test_the_header_is_what_stands_in_front() -> None:
    late = BODY.replace(b"49=A\x01", b"") + b"58=text\x0149=A\x01"
    with pytest.raises(GarbledError, match="is not in the header"):
        header_of(framed(late))
    with pytest.raises(GarbledError, match="is not the third field"):
        header_of(framed(b"49=A\x0135=D\x0156=B\x0134=1\x01"))
    with pytest.raises(GarbledError, match="is no number"):
        header_of(framed(BODY.replace(b"34=1", b"34=x")))
    for name in (b"\xff", b"A\nB", b"A" * 65):
        with pytest.raises(GarbledError, match="no plain text"):
            header_of(framed(BODY.replace(b"49=A", b"49=" + name)))


def test_two_messages_are_not_one() -> None:
    with pytest.raises(GarbledError, match="bytes after CheckSum"):
        header_of(fix(placed()) * 2)
