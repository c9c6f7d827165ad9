"""Frames: a batch of commands, or the replies to exactly those, as bytes.

::

    length   u32    bytes that follow, at most FRAME_BYTES
    version  u8     VERSION
    op       u8     what the batch is: see Op
    flags    u8     see Flag
    shard    u16
    epoch    u32    of the shard's state: one life of its worker
    client   u32    whose batch it is; 0 is the router's own
    first    u64    sequence number of the batch's first command
    count    u32    how many commands it has
    time     i64    nanoseconds, of all commands; 0 in replies
    note     u32    of replies: how many of the commands counted for nothing
    times    i64 each, one for every command, where the flags say so
    body     a msgpack array of the messages; nothing for the router's own ops

All numbers are big-endian. What is in front of the body is the head: all that a router reads, and
may write. A reply's head repeats what it answers. Knows nothing of what the messages mean.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias

from msgpack import Packer, UnpackException, unpackb
from msgspec.msgpack import Encoder

from openpit.errors import FrameTooLarge, WireError
from openpit.wire.limits import FRAME_BYTES, START_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CAUSES",
    "VERSION",
    "Flag",
    "Frame",
    "FrameReader",
    "Head",
    "Message",
    "Op",
    "Piece",
    "body_of",
    "command_frame",
    "messages_of",
    "pack",
    "pack_rows",
    "pack_start",
    "reply_frame",
    "too_large",
]

VERSION: Final = 2
"""Both ends of a pipe speak exactly this version."""

Message: TypeAlias = tuple[object, ...]

Piece: TypeAlias = tuple[bytes, int]
"""Packed messages, one after the other, and how many they are."""


class Op(IntEnum):
    """What a batch is."""

    MESSAGES = 0  # commands of a client, and their replies: what the body says
    ARM = 1  # the router's: the engine-wide block, with the causes in the flags
    CLOSE = 2  # the router's: roll back what is open, and end


class Flag(IntFlag):
    """What a head says beside its numbers."""

    FINALIZER_FAILED = 1  # the engine-wide block is to be armed, or has been by this batch ...
    UNATTRIBUTED_REPORT = 2  # ... and its two causes
    TIMES = 4  # each command has a time of its own


CAUSES: Final = Flag.FINALIZER_FAILED | Flag.UNATTRIBUTED_REPORT
"""Of the engine-wide block."""

_KNOWN_FLAGS: Final = int(CAUSES | Flag.TIMES)
_OPS: Final = len(Op)


class Head(NamedTuple):
    """What a router reads of a batch."""

    op: int
    flags: int
    shard: int
    epoch: int
    client: int
    first: int
    commands: int
    time: int
    note: int
    times: tuple[int, ...] = ()


Frame: TypeAlias = tuple[Head, bytes]
"""A head and a body."""

_HEAD: Final = Struct(">IBBBHIIQIqI")
_PREFIX_BYTES: Final = 4
_HEAD_BYTES: Final = _HEAD.size - _PREFIX_BYTES
_TIME_BYTES: Final = 8
_ARRAY_BYTES: Final = 5
_ARRAY: Final = Struct(">BI")
_ARRAY_32: Final = 0xDD
_SPARE_BYTES: Final = _HEAD_BYTES + _ARRAY_BYTES
# msgpack's array headers are 1, 3 or 5 bytes wide, by the number of elements.
_SHORT_ARRAY: Final = 16
_MIDDLE_ARRAY: Final = 65536
_TUPLES: Final = {tuple}


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
_array = _ARRAY.pack
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
    if len(packed) > FRAME_BYTES - _SPARE_BYTES:
        raise too_large(len(packed))
    return packed


def pack_start(message: Sequence[object]) -> bytes:
    """Pack the first message of a connection, which may be as large as ``START_BYTES``.

    The buffer goes with it: that of the other messages would stay so large.
    """
    packed: bytes = Packer(use_bin_type=True).pack(message)
    if len(packed) > START_BYTES - _SPARE_BYTES:
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
    if len(packed) > FRAME_BYTES - _SPARE_BYTES:
        raise too_large(len(packed))
    return packed


def too_large(size: int, limit: int | None = None) -> FrameTooLarge:
    """Return the error of a message over the frame limit."""
    return FrameTooLarge(
        f"a message of {size} bytes is over the frame limit of {limit or FRAME_BYTES} bytes"
    )


def body_of(pieces: Sequence[Piece], count: int) -> bytes:
    """Return the body that holds ``count`` packed messages, which the pieces are."""
    head = b"%c" % (0x90 | count) if count < _SHORT_ARRAY else _array(_ARRAY_32, count)
    if len(pieces) == 1:
        return head + pieces[0][0]
    return head + b"".join([packed for packed, _ in pieces])


def command_frame(
    shard: int,
    first: int,
    count: int,
    time: int,
    body: bytes,
    *,
    op: int = Op.MESSAGES,
    flags: int = 0,
    epoch: int = 0,
    client: int = 0,
    times: Sequence[int] = (),
) -> bytes:
    """Return a batch of commands; ``times`` is for commands that have one each.

    Raises:
        OverflowError: a time has more than 64 bits.
    """
    try:
        if not times:
            size = len(body) + _HEAD_BYTES
            return (
                _head(size, VERSION, op, flags, shard, epoch, client, first, count, time, 0) + body
            )
        packed = struct.pack(f">{len(times)}q", *times)
        size = len(packed) + len(body) + _HEAD_BYTES
        flags |= Flag.TIMES
        return (
            _head(size, VERSION, op, flags, shard, epoch, client, first, count, time, 0)
            + packed
            + body
        )
    except struct.error as error:
        raise OverflowError(f"a time has more than 64 bits: {error}") from None


def reply_frame(head: Head, body: bytes, *, flags: int = 0, uncounted: int = 0) -> bytes:
    """Return the replies to the batch of a head."""
    op, _, shard, epoch, client, first, count, _, _, _ = head
    size = len(body) + _HEAD_BYTES
    return _head(size, VERSION, op, flags, shard, epoch, client, first, count, 0, uncounted) + body


class FrameReader:
    """Puts frames together from bytes that arrive in any portions.

    ``first`` is the limit of the first frame, in bytes; ``limit`` that of the others.
    """

    __slots__ = ("_first", "_limit", "_pending")

    def __init__(self, first: int = 0, limit: int = FRAME_BYTES) -> None:
        self._pending = bytearray()
        self._first = first
        self._limit = limit

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes; return the frames that are complete now, in order.

        Raises:
            WireError: the bytes are no frames of this version. The reader is of no use any more.
        """
        pending = self._pending
        source: bytes | bytearray = data
        if pending:
            pending += data
            source = pending
        elif len(data) >= _HEAD.size and _size(data, 0)[0] == len(data) - _PREFIX_BYTES:
            # One whole frame: the hot path of one call at a time.
            self._check_size(len(data) - _PREFIX_BYTES)
            return [_read(data, 0, len(data))]
        complete: list[Frame] = []
        start = 0
        available = len(source)
        while available - start >= _PREFIX_BYTES:
            (size,) = _size(source, start)
            if (size > self._limit and size > self._first) or size < _HEAD_BYTES:
                self._check_size(size)
            end = start + _PREFIX_BYTES + size
            if end > available:
                break
            complete.append(_read(source, start, end))
            self._first = 0
            start = end
        if source is pending:
            del pending[:start]
        elif start < available:
            pending += data[start:]
        return complete

    def _check_size(self, size: int) -> None:
        if size < _HEAD_BYTES:
            raise WireError(f"not a frame: {size} bytes are no head")
        limit = max(self._limit, self._first)
        if size > limit:
            raise WireError(f"a frame of {size} bytes is over the limit of {limit} bytes")
        self._first = 0


def _read(source: bytes | bytearray, start: int, end: int) -> Frame:
    """Return the frame that lies between two places."""
    _, version, op, flags, shard, epoch, client, first, count, time, note = _read_head(
        source, start
    )
    if version != VERSION:
        raise WireError(f"frame of version {version!r}, this side speaks {VERSION}")
    if op >= _OPS or flags > _KNOWN_FLAGS or not count:
        raise WireError(f"not a frame: op {op}, flags {flags}, {count} commands")
    start += _HEAD.size
    times: tuple[int, ...] = ()
    if flags & _TIMES:
        behind = start + count * _TIME_BYTES
        if behind > end:
            raise WireError(f"not a frame: it has no room for {count} times")
        times = struct.unpack_from(f">{count}q", source, start)
        start = behind
    head = Head(op, flags, shard, epoch, client, first, count, time, note, times)
    return head, bytes(source[start:end])


_TIMES: Final = int(Flag.TIMES)


def _refuse_map(_: object) -> NoReturn:
    raise ValueError("a map, of which this protocol has none")


def _refuse_ext(_code: int, _data: bytes) -> NoReturn:
    raise ValueError("an extension, of which this protocol has none")


def messages_of(body: bytes) -> tuple[Message, ...]:
    """Return the messages of a body.

    Raises:
        WireError: it is none.
    """
    try:
        messages = unpackb(body, use_list=False, object_hook=_refuse_map, ext_hook=_refuse_ext)
    except _MALFORMED as error:
        raise WireError(f"not a body: {error!r}") from error
    if type(messages) is not tuple or not messages:
        raise WireError("not a body: no array of messages")
    if {*map(type, messages)} != _TUPLES or not all(messages):
        raise WireError("not a body: a message is no array")
    return messages
