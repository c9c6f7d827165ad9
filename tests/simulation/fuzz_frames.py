"""Frames of commands, made and read by hand: an oracle that shares no code with the wire."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack
from fuzz_reader import Refused, need

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "ARM",
    "CLOSE",
    "END",
    "SKIP",
    "Batch",
    "answered",
    "framed",
    "is_incomplete",
    "misheaded",
    "unframed",
]

MESSAGES, ARM, CLOSE, END, SKIP = 0, 1, 2, 3, 4
CAUSES, TIMES = 3, 4
HEAD = struct.Struct(">IBHIIBQIBBIIq")  # length and all up to the time
AXIS = struct.Struct(">Iqq")
FRAME_BYTES = 16 * 1024 * 1024

# Each field of a head with what it may be spoilt to; some of that is right by chance.
SPOILT: dict[str, tuple[int, ...]] = {
    "version": (0, 1, 2, 255),
    "shard": (1, 2, 65_535),
    "epoch": (1, 2**32 - 1),
    "client": (1, 2**32 - 1),
    "op": (1, 2, 3, 4, 255),
    "count": (0, 1, 2, 3, 5, 2**32 - 1),
    "flags": (1, 2, 3, 4, 5, 8, 16, 128, 255),
    "axes": (1, 2, 2**32 - 1),
    "time": (0, -1, 2**63 - 1, -(2**63)),
}


class Batch(NamedTuple):
    """What a frame says."""

    client: int
    op: int
    flags: int
    times: tuple[int, ...]
    axes: dict[int, int]
    """What makes counts of ranks, by the numbers of the axes."""
    messages: tuple[Any, ...]


def framed(
    first: int,
    messages: list[Any],
    times: list[int] | None = None,
    counting: list[tuple[int, int, int]] | None = None,
    **head: Any,
) -> bytes:
    """A batch for the shard 0, as bytes; ``head`` is what is to stand there instead."""
    fields = {
        "version": 3, "shard": 0, "epoch": 0, "client": 0, "op": 0, "first": first,
        "count": len(messages), "flags": 0 if times is None else TIMES,
        "role": 3 if head.get("client") else 0, "settings": 0,
        "axes": len(counting or ()), "time": 1_000,
    } | head  # fmt: skip
    body = fields.pop("body", None)
    if body is None:
        body = msgpack.packb(messages, use_bin_type=True)
    if times is not None:
        body = struct.pack(f">{len(times)}q", *times) + body
    body = b"".join(AXIS.pack(*axis) for axis in counting or ()) + body
    return HEAD.pack(42 + len(body), *fields.values()) + body


def misheaded(random: Random, first: int, messages: list[Any]) -> bytes:
    """A batch with a fault in its head, or next to it, which may turn out to be none."""
    way = random.randrange(5)
    count = len(messages)
    if way == 0:
        many = random.choice((count - 1, count + 1, 0, 2 * count))
        return framed(first, messages, list(range(many)))
    if way == 1:
        body = msgpack.packb(messages, use_bin_type=True)
        body = random.choice((b"", body + b"\xc0", body + body, body[1:], bytes(8) + body))
        return framed(first, messages, body=body)
    if way == 2:  # as the router's own, but for something
        ends = {"op": random.choice((ARM, CLOSE, END)), "flags": random.randrange(8)}
        body = random.choice((b"", b"", b"\x90", bytes(8)))
        return framed(first, [], count=random.choice((0, 1, 2)), body=body, **ends)
    name = random.choice(list(SPOILT))
    return framed(first, messages, **{name: random.choice(SPOILT[name])})


def unframed(data: bytes, first: int) -> Batch:
    """What the whole frame says that bytes begin with; Refused if they begin with none."""
    need(len(data) >= HEAD.size)
    (size, version, shard, epoch, client, op, number, count, flags, _, _, many,
     time) = HEAD.unpack(data[:46])  # fmt: skip
    end = 4 + size
    need(42 <= size <= FRAME_BYTES and end <= len(data))
    need(end == len(data) or is_incomplete(data[end:]))
    need((version, shard, epoch, number) == (3, 0, 0, first))
    need(op in {MESSAGES, ARM, CLOSE, END, SKIP} and flags <= CAUSES | TIMES and count > 0)
    start = 46 + AXIS.size * many
    need(start <= end)
    axes = {axis: offset for axis, _, offset in AXIS.iter_unpack(data[46:start])}
    need(len(axes) == many)
    times = (time,) * count if count < 2**16 else ()
    if flags & TIMES:
        here, start = start, start + 8 * count
        need(start <= end)
        times = struct.unpack(f">{count}q", data[here:start])
    if op != MESSAGES:
        need((start == end or op == SKIP) and count == 1 and not axes)  # what is skipped is told
        need(flags in {1, 2, 3} if op == ARM else flags == 0)
        return Batch(client, op, flags, times, {}, ())
    need(not flags & CAUSES)
    return Batch(client, op, flags, times, axes, listed(data[start:end], count))


def listed(body: bytes, count: int) -> tuple[Any, ...]:
    """The messages of a body."""
    try:
        found = msgpack.unpackb(body, use_list=False, object_hook=dict.__getitem__)
    except Exception:  # noqa: BLE001 - msgpack has many
        raise Refused from None
    need(type(found) is tuple and len(found) == count)
    for message in found:
        need(type(message) is tuple and message)
    return found


def answered(
    data: bytes, command: bytes
) -> tuple[int, dict[int, tuple[int, int]], tuple[Any, ...]]:
    """What has to be the one answer to a batch: flags, what did not count, and the replies.

    By the numbers of the axes, the time of the first order that has counted, and how many have not.
    """
    size, name, flags, axes, time = struct.unpack(">I24sB5xIq", data[:46])
    assert size == len(data) - 4
    assert (name, time) == (command[4:28], 0)
    assert flags <= CAUSES
    start = 46 + AXIS.size * axes
    uncounted = {axis: told for axis, *told in AXIS.iter_unpack(data[46:start])}
    assert len(uncounted) == axes
    return (
        flags,
        {axis: (first, count) for axis, (first, count) in uncounted.items()},
        msgpack.unpackb(data[start:], use_list=False) if size > start - 4 else (),
    )


def is_incomplete(data: bytes) -> bool:
    """Whether more may come that makes a frame of this."""
    if len(data) < 4:
        return True
    (size,) = struct.unpack(">I", data[:4])
    return 42 <= size <= FRAME_BYTES and len(data) - 4 < size
