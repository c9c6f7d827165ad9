"""Frames: one length-prefixed msgpack array each, a batch of commands or a batch of replies.

::

    length  u32, big-endian          bytes that follow, at most FRAME_BYTES
    array   [version, first, message, message, ...]

``first`` is the sequence number of the first command in a frame of commands, and that of the first
command answered in a frame of replies. Knows nothing of what the messages mean.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from msgpack import Packer, UnpackException, unpackb
from msgspec.msgpack import Encoder

from openpit.errors import FrameTooLarge, WireError
from openpit.wire.limits import FRAME_BYTES, START_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "VERSION",
    "Frame",
    "FrameReader",
    "Message",
    "frame",
    "frames",
    "pack",
    "pack_rows",
    "pack_start",
]

VERSION: Final = 1
"""Both ends of a pipe speak exactly this version."""

Message: TypeAlias = tuple[object, ...]
Frame: TypeAlias = tuple[int, tuple[Message, ...]]
"""First sequence number and messages."""

Piece: TypeAlias = tuple[bytes, int]
"""Packed messages, one after the other, and how many they are."""

# Length prefix, array of 32-bit size, version, unsigned 64-bit number: always the same width, so
# that a frame is put together from messages that are packed already.
_HEAD: Final = Struct(">IBIBBQ")
_PREFIX_BYTES: Final = 4
_HEAD_BYTES: Final = _HEAD.size - _PREFIX_BYTES
_ARRAY_32: Final = 0xDD
_UNSIGNED_64: Final = 0xCF
_ONE_MESSAGE: Final = 3  # elements of a frame that has one: version, number, message
_TUPLES: Final = {tuple}
# msgpack's array headers are 1, 3 or 5 bytes wide, by the number of elements.
_SHORT_ARRAY: Final = 16
_MIDDLE_ARRAY: Final = 65536


def _plain(value: object) -> object:
    """Return a text or a number of a class of its own as what it was made from."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    raise TypeError(f"can not serialize {type(value).__name__!r} object")


_pack = Encoder(enc_hook=_plain).encode
_head = _HEAD.pack
_read_head = _HEAD.unpack_from
_size = Struct(">I").unpack_from

_MALFORMED: Final = (ValueError, UnpackException, RecursionError)


def pack(message: Sequence[object]) -> bytes:
    """Pack one message.

    Raises:
        FrameTooLarge: it would not fit into a frame on its own.
        ValueError: a text has no UTF-8 form, or arrays are nested too deep.
        OverflowError: a number has more than 64 bits.
    """
    try:
        packed = _pack(message)
    except RecursionError:
        raise ValueError("arrays are nested too deep") from None
    if len(packed) > FRAME_BYTES - _HEAD_BYTES:
        raise too_large(len(packed))
    return packed


def pack_start(message: Sequence[object]) -> bytes:
    """Pack the first message of a connection, which may be as large as ``START_BYTES``.

    The buffer goes with it: that of the other messages would stay so large.
    """
    packed: bytes = Packer(use_bin_type=True).pack(message)
    if len(packed) > START_BYTES - _HEAD_BYTES:
        raise too_large(len(packed), START_BYTES)
    return packed


def pack_rows(messages: Sequence[Sequence[object]]) -> bytes:
    """Pack messages one after the other, in one call; errors as :func:`pack`."""
    try:
        packed = _pack(messages)
    except RecursionError:
        raise ValueError("arrays are nested too deep") from None
    count = len(messages)
    packed = packed[1 if count < _SHORT_ARRAY else 3 if count < _MIDDLE_ARRAY else 5 :]
    if len(packed) > FRAME_BYTES - _HEAD_BYTES:
        raise too_large(len(packed))
    return packed


def too_large(size: int, limit: int | None = None) -> FrameTooLarge:
    """Return the error of a message over the frame limit."""
    return FrameTooLarge(
        f"a message of {size} bytes is over the frame limit of {limit or FRAME_BYTES} bytes"
    )


def frame(first: int, packed: bytes, count: int) -> bytes:
    """Return a frame of ``count`` packed messages."""
    size = len(packed) + _HEAD_BYTES
    return _head(size, _ARRAY_32, count + 2, VERSION, _UNSIGNED_64, first) + packed


def frames(first: int, pieces: Sequence[Piece]) -> bytes:
    """Return the fewest frames that carry the pieces in order without exceeding the limit."""
    if len(pieces) == 1:
        packed, count = pieces[0]
        return frame(first, packed, count)
    done: list[bytes] = []
    batch: list[bytes] = []
    size = total = 0
    for packed, count in pieces:
        if batch and size + len(packed) > FRAME_BYTES - _HEAD_BYTES:
            done.append(frame(first, b"".join(batch), total))
            first += total
            batch = []
            size = total = 0
        batch.append(packed)
        size += len(packed)
        total += count
    done.append(frame(first, b"".join(batch), total))
    return b"".join(done)


class FrameReader:
    """Puts frames together from bytes that arrive in any portions.

    ``first`` is the limit of the first frame, in bytes; the others have ``FRAME_BYTES``.
    """

    __slots__ = ("_first", "_pending")

    def __init__(self, first: int = 0) -> None:
        self._pending = bytearray()
        self._first = first

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes; return the frames that are complete now, in order.

        Raises:
            WireError: the bytes are no frames of this version. The reader is of no use any more.
        """
        pending = self._pending
        source: bytes | bytearray = data
        if pending:
            pending += data
            source = pending
        elif len(data) >= _HEAD.size:
            size, array, count, version, unsigned, number = _read_head(data)
            if size == len(data) - _PREFIX_BYTES <= FRAME_BYTES:
                self._first = 0
                if (
                    count == _ONE_MESSAGE
                    and array == _ARRAY_32
                    and version == VERSION
                    and unsigned == _UNSIGNED_64
                ):
                    # One message in a whole frame: the hot path of one call at a time.
                    return [(number, (_read_message(data[_HEAD.size :]),))]
                return [_read(data[_PREFIX_BYTES:])]
        complete: list[Frame] = []
        start = 0
        available = len(source)
        while available - start >= _PREFIX_BYTES:
            (size,) = _size(source, start)
            if size > FRAME_BYTES and size > self._first:
                limit = max(FRAME_BYTES, self._first)
                raise WireError(f"a frame of {size} bytes is over the limit of {limit} bytes")
            end = start + _PREFIX_BYTES + size
            if end > available:
                break
            complete.append(_read(source[start + _PREFIX_BYTES : end]))
            self._first = 0
            start = end
        if source is pending:
            del pending[:start]
        elif start < available:
            pending += data[start:]
        return complete


def _refuse_map(_: object) -> NoReturn:
    raise ValueError("a map, of which this protocol has none")


def _refuse_ext(_code: int, _data: bytes) -> NoReturn:
    raise ValueError("an extension, of which this protocol has none")


def _read_message(packed: bytes) -> Message:
    try:
        message = unpackb(packed, use_list=False, object_hook=_refuse_map, ext_hook=_refuse_ext)
    except _MALFORMED as error:
        raise WireError(f"not a frame: {error!r}") from error
    if type(message) is not tuple or not message:
        raise WireError("not a frame: a message is no array")
    return message


def _read(payload: bytes | bytearray) -> Frame:
    try:
        elements = unpackb(payload, use_list=False, object_hook=_refuse_map, ext_hook=_refuse_ext)
    except _MALFORMED as error:
        raise WireError(f"not a frame: {error!r}") from error
    if type(elements) is not tuple or len(elements) < 2:  # noqa: PLR2004 - version and number
        raise WireError("not a frame: no array of version, number and messages")
    version, first = elements[:2]
    if type(version) is not int or version != VERSION:
        raise WireError(f"frame of version {version!r}, this side speaks {VERSION}")
    if type(first) is not int:
        raise WireError("not a frame: its sequence number is no number")
    messages = elements[2:]
    if messages and ({*map(type, messages)} != _TUPLES or not all(messages)):
        raise WireError("not a frame: a message is no array")
    return first, messages
