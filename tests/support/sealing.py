"""Bodies under seal: enciphered by client and shard with keys that no router has.

A body is bound to its batch's name and to its direction, so that it opens under its own head alone.
What the two sides say is what they say in clear; what lies in between sees heads and noise.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from link import Clear, ShardStub, command_body, link, reply_body

from openpit.wire.frames import FrameReader, command_frame, name_of
from openpit.wire.limits import REPLY_BYTES, START_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.faces.embedded import ReadyShardedEngineBuilder
    from openpit.router.router import Router
    from openpit.router.shard_link import Bodies, Entry, ShardLink
    from openpit.wire.frames import Frame

__all__ = ["Sealed", "link_sealed"]

_SIZE = struct.Struct(">I")
_NONCE_BYTES = 12


class _Cipher:
    """One direction: a name is used once in it, so it makes the nonce as well."""

    def __init__(self) -> None:
        self._cipher = ChaCha20Poly1305(ChaCha20Poly1305.generate_key())

    def seal(self, name: bytes, body: bytes) -> bytes:
        return self._cipher.encrypt(_nonce(name), body, name)

    def open(self, name: bytes, body: bytes) -> bytes:
        """Return what was sealed; InvalidTag where that was another batch's, or nothing."""
        return self._cipher.decrypt(_nonce(name), body, name)


def _nonce(name: bytes) -> bytes:
    """Return the shard and the first number of a batch, which no other batch of an engine has."""
    head = name[1:3] + name[12:20]
    return head.ljust(_NONCE_BYTES, b"\0")


class Sealed(Clear):
    """Under keys that the client and the shards of one engine share."""

    def __init__(self) -> None:
        self.commands = _Cipher()
        self.replies = _Cipher()

    def keep_from(self, router: Router) -> None:
        router.books.bodies = self.bodies(router.books.bodies)

    def bodies(self, plain: Bodies) -> Bodies:
        """Return a client's bodies under seal."""

        def seal(shard: ShardLink, first: int, count: int, entries: Sequence[Entry]) -> bytes:
            body = plain.seal(shard, first, count, entries)
            return self.commands.seal(_name(shard, first, count), body)

        def receive(shard: ShardLink, first: int, count: int, body: bytes) -> None:
            opened = self.replies.open(_name(shard, first, count), body)
            plain.receive(shard, first, count, opened)

        def defer(shard: ShardLink, first: int, count: int, body: bytes) -> Callable[[], None]:
            opened = self.replies.open(_name(shard, first, count), body)
            return plain.defer(shard, first, count, opened)

        return replace(plain, seal=seal, receive=receive, defer=defer)

    def shard(self) -> ShardStub:
        return SealedShard(self)

    def command(self, frame: Frame) -> Frame:
        return _rewritten(frame, command_body(frame), self.commands.open)

    def reply(self, frame: Frame) -> Frame:
        return _rewritten(frame, reply_body(frame), self.replies.open)

    def sealed_reply(self, frame: Frame) -> Frame:
        """Seal a batch of replies."""
        return _rewritten(frame, reply_body(frame), self.replies.seal)


class SealedShard(ShardStub):
    """A shard that opens what it gets, and seals what it answers."""

    def __init__(self, bodies: Sealed) -> None:
        super().__init__()
        self._bodies = bodies
        self._sealed = FrameReader(START_BYTES)

    def receive(self, data: bytes) -> bytes:
        opened = [self._bodies.command(frame) for frame in self._sealed.feed(data)]
        if not opened:
            return b""
        replies = FrameReader(limit=REPLY_BYTES).feed(super().receive(b"".join(opened)))
        return b"".join([self._bodies.sealed_reply(frame) for frame in replies])


def link_sealed(builder: ReadyShardedEngineBuilder) -> ShardedEngine:
    """Return an engine without processes whose router cannot read a body."""
    return link(builder, bodies=Sealed())


def _name(shard: ShardLink, first: int, count: int) -> bytes:
    """Return the name of a client's batch, as its side knows it without its head."""
    return name_of(command_frame(shard.number, 0, first, count, 0, b""))


def _rewritten(frame: Frame, body: bytes, change: Callable[[bytes, bytes], bytes]) -> Frame:
    """Return a frame with another body; the router's own have none, and stay as they are."""
    if not body:
        return frame
    head = frame[_SIZE.size : -len(body)]
    changed = change(name_of(frame), body)
    return _SIZE.pack(len(head) + len(changed)) + head + changed
