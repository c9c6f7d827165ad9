"""Frames: a batch of commands, or the replies to exactly those, as bytes.

::

    length   u32    bytes that follow, at most FRAME_BYTES
    version  u8     VERSION
    shard    u16
    epoch    u32    of the shard's state: one life of its worker; see EPOCH_COMMANDS
    client   u32    whose batch it is: 0 for the router's own, as all of an embedded one are
    op       u8     what the batch is: see Op
    first    u64    sequence number of the batch's first command, over all clients
    count    u32    how many commands it has
    flags    u8     see Flag
    role     u8     of commands: what their client may say, by the router's word; see
                    openpit.wire.roles. 0 in replies
    settings u32    of commands: the version of the settings that their client has numbered its
                    orders by, 0 where nobody asks. 0 in replies
    axes     u32    how many rows the counting part has
    time     i64    of commands: nanoseconds, of all of them; 0 in replies
    counting        a row for each axis on which a rate is limited and orders of the batch may
                    count: its number (u32) and two numbers (i64). Of commands: the time of the
                    order that opened the window, and what the ranks in the rows lack to be counts.
                    Of replies, where some have not counted: the time of the first that has, and
                    how many have not. A batch that is passed on for another client has two rows
                    for each axis, see VOUCHED in openpit.wire.axes
    times    i64 each, one for every command, where the flags say so
    body     a msgpack array of the messages; nothing for the router's own ops

All numbers are big-endian. What is in front of the body is the head: all that a router reads, and
may write. Of that, version to count are the batch's name, which its reply repeats. Knows nothing of
what the messages mean.
"""

from __future__ import annotations

import struct
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias

from msgpack import Packer, UnpackException, unpackb
from msgspec.msgpack import Encoder

from openpit.errors import FrameTooLarge, WireError
from openpit.wire.limits import FRAME_BYTES, START_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AXIS_BYTES",
    "CAUSES",
    "EPOCH_COMMANDS",
    "FIRST_KIND",
    "FIRST_KIND_OF_MANY",
    "HEAD",
    "NAME",
    "NOT_APPLIED",
    "PREFIX_BYTES",
    "SHORT_ARRAY",
    "TIME_BYTES",
    "VERSION",
    "Axis",
    "Flag",
    "Frame",
    "FrameReader",
    "Head",
    "Message",
    "Op",
    "body_of",
    "command_frame",
    "command_in",
    "head_of",
    "messages_of",
    "name_of",
    "pack",
    "pack_rows",
    "pack_start",
    "reply_frame",
    "reply_in",
    "too_large",
    "whose",
]

VERSION: Final = 3
"""Both ends of a pipe speak exactly this version."""

Message: TypeAlias = tuple[object, ...]

Axis: TypeAlias = tuple[int, int, int]
"""A row of a head's counting part."""


class Op:
    """What a batch is: plain numbers, since enumerations cost more than the batch."""

    MESSAGES: Final = 0  # commands of a client, and their replies: what the body says
    ARM: Final = 1  # the router's: the engine-wide block, with the causes in the flags
    CLOSE: Final = 2  # the router's: roll back what is open, and end
    END: Final = 3  # the router's: the head's client is gone; roll back what it has open
    SKIP: Final = 4  # the router's: in place of a command at which its worker ends each time
    TICK: Final = 5  # the router's: nothing but the time, at which what has been open too long ends


EPOCH_COMMANDS: Final = 2**48
"""How many numbers for commands an epoch has: that of its first is the epoch times this.

So no two commands to a shard have one number, and a handle, which is the number of the command that
made it, names the same thing for ever, or nothing. A million commands a second last nine years.
"""


class Flag:
    """What a head says beside its numbers."""

    FINALIZER_FAILED: Final = 1  # the engine-wide block is to be armed, or has been by this ...
    UNATTRIBUTED_REPORT: Final = 2  # ... batch, and its two causes
    TIMES: Final = 4  # each command has a time of its own
    TURN: Final = 8  # of another client's batch: it may change what spans shards
    ALL: Final = 16  # of another client's batch of market data: all shards have it, at one point
    REFUSED: Final = 16  # of replies: nothing of the batch was applied; the body is a text, and why
    RETURNED: Final = 32  # of replies: nothing of it was applied: it is of an old version, or ...
    CHECK: Final = 64  # ... of another client's batch: was to be checked, and no more
    SETTINGS: Final = 128  # of replies to that: it changes settings that all shards have


CAUSES: Final = Flag.FINALIZER_FAILED | Flag.UNATTRIBUTED_REPORT
"""Of the engine-wide block."""

NOT_APPLIED: Final = Flag.REFUSED | Flag.RETURNED
"""Of replies: either says that the batch has changed nothing."""

_NO_COMMANDS_FLAGS: Final = 0xFF & ~(CAUSES | Flag.TIMES | Flag.TURN | Flag.CHECK | Flag.ALL)
_TIMES: Final = Flag.TIMES
_OPS: Final = 6


class Head(NamedTuple):
    """What stands in front of a body."""

    shard: int
    epoch: int
    client: int
    op: int
    first: int
    commands: int
    flags: int
    time: int
    axes: tuple[Axis, ...] = ()
    times: tuple[int, ...] = ()
    role: int = 0
    settings: int = 0


Frame: TypeAlias = bytes
"""A whole one, with its length."""

PREFIX_BYTES: Final = 4
_WHOSE: Final = Struct(">BHI")
HEAD: Final = Struct(">IBHIIBQIBBIIq")
"""All of a head but its counting part and times, the frame's length in front."""
_HEADS: Final = tuple(Struct(HEAD.format + "Iqq" * axes) for axes in range(9))
"""With the counting part, by its rows: so many axes, in one go. What has more is put together."""
_HEAD_SIZE: Final = HEAD.size
_HEAD_BYTES: Final = _HEAD_SIZE - PREFIX_BYTES
_NAME_BYTES: Final = Struct(">BHIIBQI").size
_REPLY_HEAD: Final = Struct(f">I{_NAME_BYTES}sBxIIq")
_REPLY_HEAD_READ: Final = Struct(f">4x{_NAME_BYTES}sB5xI8x")
_COMMAND_HEAD: Final = Struct(f">4x{_WHOSE.size}sIBQIBBIIq")
# Slices that are there already: making one takes as long as cutting with it.
NAME: Final = slice(PREFIX_BYTES, PREFIX_BYTES + _NAME_BYTES)
_BODY: Final = slice(_HEAD_SIZE, None)
TIME_BYTES: Final = 8
_AXIS: Final = Struct(">Iqq")
AXIS_BYTES: Final = _AXIS.size
"""Of a row of a head's counting part."""
_ARRAY_BYTES: Final = 5
_ARRAY: Final = Struct(">BI")
_ARRAY_32: Final = 0xDD
_SPARE_BYTES: Final = _HEAD_BYTES + _ARRAY_BYTES
# msgpack's array headers are 1, 3 or 5 bytes wide, by the number of elements.
SHORT_ARRAY: Final = 16
FIRST_KIND: Final = 2
FIRST_KIND_OF_MANY: Final = _ARRAY_BYTES + 1
"""Where in a body the first message's kind stands: with fewer messages than that, or with more."""
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
_head = HEAD.pack
_head_and_axis = _HEADS[1].pack
_reply_head = _REPLY_HEAD.pack
_read_reply = _REPLY_HEAD_READ.unpack_from
_read_command = _COMMAND_HEAD.unpack_from
_whose = _WHOSE.pack
_array = _ARRAY.pack
_size = Struct(">I").unpack_from
_packed_axis = _AXIS.pack
_read_axis = _AXIS.unpack_from

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
    packed = packed[1 if count < SHORT_ARRAY else 3 if count < _MIDDLE_ARRAY else 5 :]
    if len(packed) > FRAME_BYTES - _SPARE_BYTES:
        raise too_large(len(packed))
    return packed


def too_large(size: int, limit: int | None = None) -> FrameTooLarge:
    """Return the error of a message over the frame limit."""
    return FrameTooLarge(
        f"a message of {size} bytes is over the frame limit of {limit or FRAME_BYTES} bytes"
    )


def body_of(pieces: Sequence[bytes], count: int) -> bytes:
    """Return the body that holds ``count`` packed messages: the pieces, one after the other."""
    head = b"%c" % (0x90 | count) if count < SHORT_ARRAY else _array(_ARRAY_32, count)
    return head + (pieces[0] if len(pieces) == 1 else b"".join(pieces))


def whose(shard: int, epoch: int = 0) -> bytes:
    """Return the part of a head that all batches to a shard have in common, for an epoch."""
    return _whose(VERSION, shard, epoch)


def command_frame(
    shard: int,
    op: int,
    first: int,
    count: int,
    time: int,
    body: bytes,
    flags: int = 0,
    axes: Sequence[Axis] = (),
    times: Sequence[int] = (),
    epoch: int = 0,
    client: int = 0,
    *,
    role: int = 0,
    settings: int = 0,
) -> Frame:
    """Return a batch of commands; ``times`` is for commands that have one each."""
    if times:
        body = struct.pack(f">{len(times)}q", *times) + body
        flags |= _TIMES
    if len(axes) == 1:  # the usual ones, in one go: 3 % of an order on its own
        ((axis, begun, offset),) = axes
        size = len(body) + _HEAD_BYTES + AXIS_BYTES
        head = _head_and_axis(
            size, VERSION, shard, epoch, client, op, first, count, flags, role, settings, 1, time,
            axis, begun, offset,
        )  # fmt: skip
        return head + body
    rows = len(axes)
    if rows < len(_HEADS):
        size = len(body) + _HEAD_BYTES + rows * AXIS_BYTES
        head = _HEADS[rows].pack(
            size, VERSION, shard, epoch, client, op, first, count, flags, role, settings, rows,
            time, *chain.from_iterable(axes),
        )  # fmt: skip
        return head + body
    body = _packed_axes(axes) + body
    size = len(body) + _HEAD_BYTES
    head = _head(
        size, VERSION, shard, epoch, client, op, first, count, flags, role, settings, rows, time
    )
    return head + body


def name_of(frame: Frame) -> bytes:
    """Return the name of a batch, which its reply has to repeat."""
    return frame[NAME]


def reply_frame(
    command: Frame,
    body: bytes,
    flags: int = 0,
    uncounted: Sequence[Axis] = (),
    expired: int = 0,
    due: int = 0,
) -> Frame:
    """Return the replies to a batch of commands."""
    if uncounted:
        body = _packed_axes(uncounted) + body
    size = len(body) + _HEAD_BYTES
    return _reply_head(size, command[NAME], flags, expired, len(uncounted), due) + body


def _packed_axes(axes: Sequence[Axis]) -> bytes:
    return b"".join([_packed_axis(*axis) for axis in axes])


def _axes_in(frame: Frame, count: int, end: int) -> tuple[Axis, ...]:
    """Return a head's counting part, which ends there.

    Raises:
        WireError: the frame has no room for it, or it names an axis twice.
    """
    if end > len(frame):
        raise WireError(f"not a frame: it has no room for {count} axes")
    if count == 1:
        return (_read_axis(frame, _HEAD_SIZE),)
    axes = tuple(_AXIS.iter_unpack(frame[_HEAD_SIZE:end]))
    if len({axis[0] for axis in axes}) < count:
        raise WireError(f"not a frame: an axis twice: {axes!r:.100}")
    return axes


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
        """Add bytes; return the frames that are complete now, in order.

        Raises:
            WireError: the bytes are no frames. The reader is of no use any more.
        """
        pending = self._pending
        if not pending:
            size = len(data) - PREFIX_BYTES
            if _HEAD_BYTES <= size <= self._limit and _size(data)[0] == size:
                self._first = 0
                return [data]  # one whole frame: the hot path of one call at a time
        source: bytes | bytearray = data
        if pending:
            pending += data
            source = pending
        complete: list[Frame] = []
        start = 0
        available = len(source)
        while available - start >= PREFIX_BYTES:
            (size,) = _size(source, start)
            if size < _HEAD_BYTES:
                raise WireError(f"not a frame: {size} bytes are no head")
            if size > self._limit and size > self._first:
                limit = max(self._limit, self._first)
                raise WireError(f"a frame of {size} bytes is over the limit of {limit} bytes")
            end = start + PREFIX_BYTES + size
            if end > available:
                break
            complete.append(bytes(source[start:end]))
            self._first = 0
            start = end
        if source is pending:
            del pending[:start]
        elif start < available:
            pending += data[start:]
        return complete


def reply_in(frame: Frame, name: bytes) -> tuple[int, tuple[Axis, ...], bytes]:
    """Return the flags, the counting part and the body of the replies to the batch of that name.

    Raises:
        WireError: they are to another batch, or none.
    """
    found, flags, count = _read_reply(frame)
    if found != name:
        raise WireError(f"not the replies to the batch that is due: {frame!r:.100}")
    if not count:
        return flags, (), frame[_BODY]
    start = _HEAD_SIZE + count * AXIS_BYTES
    return flags, _axes_in(frame, count, start), frame[start:]


def head_of(frame: Frame) -> Head:
    """Return the head of a frame of commands.

    Raises:
        WireError: it is of another version, or none.
    """
    (_, version, shard, epoch, client, op, first, count, flags, role, settings, axes,
     time) = HEAD.unpack_from(frame)  # fmt: skip
    if version != VERSION:
        raise WireError(f"frame of version {version!r}, this side speaks {VERSION}")
    counting = _axes_in(frame, axes, _HEAD_SIZE + axes * AXIS_BYTES)
    return Head(
        shard, epoch, client, op, first, count, flags, time, counting, (), role, settings
    )  # fmt: skip


def command_in(
    frame: Frame, whose: bytes
) -> tuple[int, int, int, int, int, int, int, int, tuple[Axis, ...], tuple[int, ...], bytes]:
    """Return what a batch of commands says.

    That is its client, op, first, count, flags, time, role and settings, its counting part, its
    times and its body.

    Raises:
        WireError: it is for another shard, epoch or version, or none.
    """
    found, client, op, first, count, flags, role, settings, axis_count, time = _read_command(frame)
    if found != whose:
        raise WireError(f"a batch for another shard, epoch or version: {frame!r:.100}")
    if op >= _OPS or flags & _NO_COMMANDS_FLAGS or not count:
        raise WireError(f"not a frame: op {op}, flags {flags}, {count} commands")
    start = _HEAD_SIZE
    axes: tuple[Axis, ...] = ()
    times: tuple[int, ...] = ()
    if axis_count:
        start += axis_count * AXIS_BYTES
        axes = _axes_in(frame, axis_count, start)
    if flags & _TIMES:
        end = start + count * TIME_BYTES
        if end > len(frame):
            raise WireError(f"not a frame: it has no room for {count} times")
        times = struct.unpack_from(f">{count}q", frame, start)
        start = end
    return client, op, first, count, flags, time, role, settings, axes, times, frame[start:]


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
    if len(messages) == 1 and type(messages[0]) is tuple and messages[0]:
        return messages
    if {*map(type, messages)} != _TUPLES or not all(messages):
        raise WireError("not a body: a message is no array")
    return messages
