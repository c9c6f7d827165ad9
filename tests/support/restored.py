"""Shards that are brought up from their exported state before everything that they are sent.

``link_restored(builder)`` is ``link(builder)`` with such shards: whatever a state lacks, an answer
shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack
from link import Clear, ShardStub, link

from openpit.engine.state import NotExportable
from openpit.shards.setup import read_hello, start_shard
from openpit.shards.shard_state import export_shard, restore_shard
from openpit.wire.frames import FrameReader

if TYPE_CHECKING:
    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.faces.embedded import ReadyShardedEngineBuilder
    from openpit.shards.shard import ShardCore
    from openpit.wire.frames import Frame

__all__ = [
    "Recorded",
    "RestoredStub",
    "link_restored",
    "packed_state",
    "restored_from",
    "started",
]


def packed_state(core: ShardCore) -> bytes:
    """Return the exported state of a shard as a snapshot has it."""
    packed: bytes = msgpack.packb(export_shard(core))
    return packed


def started(hello: Frame, reader: Any = None) -> ShardCore:
    """Return a shard as its first command describes it."""
    return start_shard(read_hello(hello), reader or FrameReader())[0]


def restored_from(packed: bytes, hello: Frame, reader: Any = None) -> ShardCore:
    """Return a shard that was started as another was, and has the state that one had."""
    core = started(hello, reader)
    restore_shard(core, msgpack.unpackb(packed, use_list=False, strict_map_key=False))
    return core


class RestoredStub(ShardStub):
    """A shard that begins anew whenever it is sent something."""

    restored = 0  # how often any of them has

    def __init__(self) -> None:
        super().__init__()
        self._hello = b""

    def receive(self, data: bytes) -> bytes:
        if self.core is None:
            self._hello += data
        else:
            self._begin_anew(self.core)
        return super().receive(data)

    def _begin_anew(self, before: ShardCore) -> None:
        try:
            packed = packed_state(before)
        except NotExportable:
            return
        hello = FrameReader().feed(self._hello)[0]
        self.core = core = restored_from(packed, hello, self._reader)
        core.resume(before._first >> 48, before._next)
        assert packed_state(core) == packed
        RestoredStub.restored += 1


class Restored(Clear):
    """Shards that begin anew."""

    def shard(self) -> ShardStub:
        return RestoredStub()


def link_restored(builder: ReadyShardedEngineBuilder) -> ShardedEngine:
    """Return an engine whose shards begin anew, all in this thread."""
    return link(builder, bodies=Restored())


class _RecordingStub(ShardStub):
    """A shard that keeps what it is sent and what it answers, frame by frame."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[tuple[Frame, bytes]] = []
        self._frames = FrameReader()

    def receive(self, data: bytes) -> bytes:
        replies = b""
        for frame in self._frames.feed(data):
            reply = super().receive(frame)
            self.frames.append((frame, reply))
            replies += reply
        return replies


class Recorded(Clear):
    """Shards whose commands and answers are kept."""

    def __init__(self) -> None:
        self._stubs: list[_RecordingStub] = []

    def shard(self) -> ShardStub:
        self._stubs.append(stub := _RecordingStub())
        return stub

    def link(self, builder: ReadyShardedEngineBuilder) -> ShardedEngine:
        """Return an engine with such shards."""
        return link(builder, bodies=self)

    def runs(self) -> list[tuple[Frame, list[tuple[Frame, bytes]]]]:
        """Return of each shard what it began with, and the batches with their answers."""
        return [(stub.frames[0][0], stub.frames[1:]) for stub in self._stubs if stub.frames]
