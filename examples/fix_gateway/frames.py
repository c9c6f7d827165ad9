"""FIX messages as bytes: where one ends in a stream, whether it is whole, who sent it.

A message that is not whole cannot be answered: nothing in it can be believed, its sender neither.
FIX has a receiver leave it alone, and ask for it again when a number is missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HEADER", "MOST_BYTES", "SOH", "GarbledError", "Header", "cut", "framed", "header_of"]

SOH: Final = b"\x01"

MOST_BYTES: Final = 8192
"""The longest message that is taken. The parser copies what is left of one with each field."""

HEADER: Final = frozenset(
    [8, 9, 35, 34, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145]
)
"""Tags of the standard header that are taken: signed and encrypted messages are not."""

MOST_NAME: Final = 64
"""Bytes of a CompID."""

MSG_TYPE: Final = 35
MSG_TYPE_PLACE: Final = 2

_BEGIN: Final = b"8=FIX.4.4\x01"
_START: Final = re.compile(rb"8=FIX\.4\.4\x019=(\d{1,5})\x01")
_END: Final = re.compile(rb"10=(\d{3})\x01")
_END_BYTES: Final = len(b"10=000\x01")
_NEXT: Final = re.compile(rb"(?<=[\x01\n])8=FIX")


class GarbledError(ValueError):
    """A message is not whole, or does not say who sent it: there is nobody to answer."""


class Header(NamedTuple):
    """What is needed to answer a message, however little else of it can be read."""

    kind: bytes
    sender: bytes
    target: bytes
    number: bytes
    time: bytes
    """SendingTime, empty if it is not there."""


def cut(stream: bytes, most: int = MOST_BYTES) -> Iterator[tuple[int, bytes | GarbledError]]:
    """Yield where each message begins, and its bytes or what is wrong with it.

    Line ends between messages are left out, as logs have them. After a garbled message the next
    is looked for behind it.
    """
    at = 0
    while at < len(stream):
        if stream[at] in b"\r\n":
            at += 1
            continue
        begin = at
        try:
            at = _end_of(stream, begin, most)
        except GarbledError as error:
            found = _NEXT.search(stream, begin + 1)
            at = found.start() if found else len(stream)
            yield begin, error
        else:
            yield begin, stream[begin:at]


def _end_of(stream: bytes, begin: int, most: int) -> int:
    """Return where the message ends that begins there; GarbledError if it is not whole."""
    start = _START.match(stream, begin)
    if start is None:
        if not stream.startswith(_BEGIN, begin):
            raise GarbledError("BeginString (8) is not FIX.4.4")
        raise GarbledError("BodyLength (9) is not the second field, or no number")
    length = int(start[1])
    body_end = start.end() + length
    if body_end + _END_BYTES - begin > most:
        raise GarbledError(f"BodyLength (9) is {length}: a message has {most} bytes at most")
    end = _END.match(stream, body_end)
    if end is None or stream[body_end - 1 : body_end] != SOH:
        raise GarbledError(f"BodyLength (9) is {length}, but CheckSum (10) is not there")
    summed = sum(stream[begin:body_end]) % 256
    if int(end[1]) != summed:
        raise GarbledError(f"CheckSum (10) is {end[1].decode()}, but the bytes give {summed:03}")
    return end.end()


def header_of(message: bytes) -> Header:
    """Return what a message says of itself in its header.

    Raises:
        GarbledError: it is not one whole message, or its header lacks what an answer needs.
    """
    if _end_of(message, 0, MOST_BYTES) != len(message):
        raise GarbledError("there are bytes after CheckSum (10)")
    found: dict[int, bytes] = {}
    for place, field in enumerate(message.split(SOH)):
        tag, _, value = field.partition(b"=")
        if not tag.isdigit() or int(tag) not in HEADER:
            break
        if int(tag) == MSG_TYPE and place != MSG_TYPE_PLACE:
            break
        found.setdefault(int(tag), value)
    kind, sender, target, number = (found.get(tag, b"") for tag in (35, 49, 56, 34))
    if not all(map(_is_name, (kind, sender, target, number))):
        raise GarbledError(
            "MsgType (35) is not the third field, or SenderCompID (49), TargetCompID (56) or"
            " MsgSeqNum (34) is not in the header, or no plain text there"
        )
    if not number.isdigit():
        raise GarbledError("MsgSeqNum (34) is no number")
    return Header(kind, sender, target, number, found.get(52, b""))


def _is_name(value: bytes) -> bool:
    return 0 < len(value) <= MOST_NAME and value.isascii() and value.decode("ascii").isprintable()


def framed(body: bytes) -> bytes:
    """Return a message around a body, which begins with MsgType (35)."""
    message = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
    return b"%b10=%03d\x01" % (message, sum(message) % 256)
