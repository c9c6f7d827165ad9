"""A client of a server, by the bytes of docs/protocol.md alone: nothing of the package is used."""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgpack

__all__ = ["ByteClient", "Frame"]

VERSION = 3
MESSAGES, CLOSE, HELLO, STATE, TURN, TURN_OVER, GROUP, AXES, GIVEN_BACK, BYE = 0, 2, *range(32, 40)
HEAD = struct.Struct(">IBHIIBQIBBIIq")
ROW = struct.Struct(">IqQIqq")
EXECUTE, EXECUTE_COUNTED, COMMIT, ROLLBACK, REPORT, ADJUST = 1, 2, 9, 10, 14, 16


class Frame:
    """A frame that has come."""

    def __init__(self, data: bytes) -> None:
        (_, self.version, self.shard, self.epoch, self.client, self.op, self.first, self.count,
         self.flags, self.role, self.settings, self.axes, self.time,
         ) = HEAD.unpack_from(data)  # fmt: skip
        body = data[HEAD.size :]
        self.body = msgpack.unpackb(body, use_list=False) if body else ()


class ByteClient:
    """A connection; ``name`` None says nothing at first."""

    def __init__(self, path: str, name: str | None = None, *, greets: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self._pending = b""
        self.next: dict[int, int] = {}
        self.places = 0
        self.axes: tuple[Any, ...] = (15, 0)
        if greets:
            self.send(self.head(HELLO, msgpack.packb([[name]])))
            (fields,) = self.read(HELLO).body
            (self.number, self.role, self.credit, self.frame_bytes, self.has_custom,
             self.client_time, slots, self.axes, self.classes, self.values,
             self.actors, self.services, self.grace, self.begins, self.timeout,
             self.away) = fields  # fmt: skip
            self.owner = struct.unpack(">4096H", slots)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> ByteClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def head(op: int, body: bytes = b"", **fields: int) -> bytes:
        """A frame of any head."""
        is_of = {"version": VERSION, "shard": 0, "epoch": 0, "client": 0, "first": 0, "count": 0,
                 "flags": 0, "role": 0, "settings": 0, "axes": 0, "time": 0} | fields  # fmt: skip
        return HEAD.pack(
            HEAD.size - 4 + len(body), is_of["version"], is_of["shard"], is_of["epoch"],
            is_of["client"], op, is_of["first"], is_of["count"], is_of["flags"], is_of["role"],
            is_of["settings"], is_of["axes"], is_of["time"],
        ) + body  # fmt: skip

    def shard_of(self, account: int) -> int:
        return self.owner[(account * 0x9E3779B97F4A7C15 >> 52) & 4095]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def batch(self, shard: int, *commands: Any, rows: Any = (), **fields: int) -> bytes:
        """The frame of a batch, in sequence."""
        first = self.next.get(shard, 0)
        count = fields.pop("count", len(commands))
        self.next[shard] = first + count
        body = b"".join(ROW.pack(*row) for row in rows) + msgpack.packb(commands)
        fields = {
            "shard": shard,
            "first": first,
            "count": count,
            "axes": len(rows),
            "settings": self.axes[1],
        } | fields
        return self.head(MESSAGES, body, **fields)

    def ask(self, shard: int, *commands: Any, rows: Any = ()) -> tuple[Any, ...]:
        """Send a batch and return the replies to it."""
        frame = self.batch(shard, *commands, rows=rows)
        self.send(frame)
        reply = self.read(MESSAGES)
        assert reply.shard == shard
        self.last = reply.time  # the number of the batch's first command, to its shard
        return tuple(reply.body)

    def counted(self, *orders: Any) -> tuple[Any, ...]:
        """Send orders of one shard that count for the broker; return the replies."""
        before = self.places
        self.places += len(orders)
        rows = [(0, 0, self.places, len(orders), 0, 0)]
        ranked = [
            (EXECUTE_COUNTED, *order[1:], before + place, 0)
            for place, order in enumerate(orders, 1)
        ]
        return self.ask(self.shard_of(orders[0][1]), *ranked, rows=rows)

    def read(self, op: int | None = None) -> Frame:
        """Read a frame, of an op."""
        while len(self._pending) < 4 or len(self._pending) < 4 + self._size():
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._pending += data
        end = 4 + self._size()
        frame, self._pending = Frame(self._pending[:end]), self._pending[end:]
        assert frame.version == VERSION
        if frame.op == AXES != op:  # a change of settings: what is sent from here on is by these
            (self.axes,) = frame.body
            return self.read(op)
        if op is not None:
            assert frame.op == op, (frame.op, frame.body)
        return frame

    def _size(self) -> int:
        return int.from_bytes(self._pending[:4], "big")

    def bye(self) -> tuple[str, str]:
        """Read until the server ends the session; return why."""
        while True:
            frame = self.read()
            if frame.op == BYE:
                reason, text = frame.body[0]
                return reason, text


def buy(account: int, quantity: str = "10") -> tuple[Any, ...]:
    """An order, as a flat row."""
    return (EXECUTE, account, "AAPL", "USD", "BUY", quantity, None, "185.5")
