"""`openpit serve` that writes down what passes between its router and the shards, in its order.

python recorded_serve.py RECORD serve --socket ...
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from openpit.cli import main
from openpit.router.router import Router
from openpit.router.shard_link import ShardLink
from openpit.server.switch import Switch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COMMANDS", "REPLIES", "STRETCHES", "Noted", "noted_in"]

COMMANDS, REPLIES, STRETCHES = range(3)

_HEAD = struct.Struct(">BHI")
_STRETCH = struct.Struct(">IQ")


class Noted(NamedTuple):
    """A frame of commands, bytes of replies, or the stretches of the frame that comes next."""

    what: int
    shard: int
    data: bytes

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """Of each axis the last place of the stretch that the next frame's orders are in."""
        return tuple(_STRETCH.iter_unpack(self.data))


def noted_in(path: Path) -> Iterator[Noted]:
    """Yield what a server has written down."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            what, shard, size = _HEAD.unpack(head)
            yield Noted(what, shard, file.read(size))


def _listen_in(path: str) -> None:
    """Write everything down from here on."""
    file = Path(path).open("wb")  # noqa: SIM115 - as long as the process
    pass_on, framed, receive, send = (
        ShardLink.pass_on,
        ShardLink.framed,
        Router.receive,
        Switch._send,
    )

    def note(what: int, shard: int, data: bytes) -> bytes:
        file.write(_HEAD.pack(what, shard, len(data)) + data)
        if what != STRETCHES:
            file.flush()
        return data

    reaches = b""  # of the batch that is being sent

    def noted_pass_on(link: ShardLink, entry: Any, frame: bytes) -> None:
        pass_on(link, entry, frame)  # behind what the server itself has for that shard
        if reaches:
            note(STRETCHES, link.number, reaches)
        note(COMMANDS, link.number, frame)

    def noted_framed(link: ShardLink, *arguments: Any) -> bytes:
        return note(COMMANDS, link.number, framed(link, *arguments))

    def noted_receive(router: Router, link: ShardLink, data: bytes) -> None:
        note(REPLIES, link.number, data)
        receive(router, link, data)

    def noted_send(switch: Switch, session: Any, link: ShardLink, batch: Any, *rest: Any) -> None:
        nonlocal reaches
        reaches = b"".join([_STRETCH.pack(row[0], row[2]) for row in batch.rows if row[3]])
        send(switch, session, link, batch, *rest)
        reaches = b""

    ShardLink.pass_on = noted_pass_on  # type: ignore[method-assign]
    ShardLink.framed = noted_framed  # type: ignore[method-assign]
    Router.receive = noted_receive  # type: ignore[method-assign]
    Switch._send = noted_send  # type: ignore[method-assign]


if __name__ == "__main__":
    _listen_in(sys.argv.pop(1))
    main()
