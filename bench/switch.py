"""The server's cores alone: what it does between a client's bytes and its shards', without sockets.

Run by :mod:`bench.child`. Bodies are sealed: no side can open them. A round hands in what one
client sends for a call of 256 orders over two shards, and then for their commits: a batch of 128 to
each shard, with the broker's axis and an asset's counted; and a batch of commits. It takes the
frames that would go into pipes, hands over those that would come out of them, and takes what the
client would get.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import openpit
from bench.running import Running
from bench.workloads import four_policies, registered
from openpit.client.bodies import BODIES
from openpit.client.handles import BLOCKING, Runner
from openpit.router.lifecycle import ShardEvent
from openpit.server.limits import Limits
from openpit.server.switch import Switch, bodies_beside
from openpit.wire.axes import BROKER, CountingAxes
from openpit.wire.frames import FrameReader, reply_frame
from openpit.wire.sessions import batch_frame, hello_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from openpit.server.session import Session

__all__ = ["SHARDS", "SIZES", "Sender", "opened", "pass_on", "switch_of"]

NOW = 1_000_000_000
HOUR = 3600 * 1_000_000_000
COMMAND_BYTES, REPLY_BYTES = 36, 1
"""Of one order: a row of those on sockets, measured."""

SHARDS = 2
SIZES = {"batches": 128, "singles": 1}
"""Orders of a batch, by name of the workload."""


def switch_of(shards: int) -> tuple[Switch, Session]:
    """Return a switch whose shards are up, and a session that is known to it."""
    stage = registered(openpit.Engine.builder().sharded(shards=shards), four_policies())
    plan: Any = stage._plan()  # noqa: SLF001 - what a server starts from, too
    client = plan.client(BLOCKING, Runner(), bodies_beside(BODIES))
    rows = ((BROKER, None, HOUR), (1, "USD", HOUR))
    axes = CountingAxes(1, NOW, reads_instrument=True, reads_account=False, rows=rows)
    client.router.books.rates.retune(axes)
    for link in client.router.links:
        link.happen(ShardEvent.READY)
    switch = Switch(client, plan.told, Limits())
    session = switch.open()
    switch.receive(session, hello_frame(None))
    session.take()
    return switch, session


class Sender:
    """What a client sends, batch after batch."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.first = [0] * SHARDS
        self.place = 0
        self.body = os.urandom(size * COMMAND_BYTES)
        self.commits = os.urandom(size)

    def orders(self) -> bytes:
        """Return the batches of a call."""
        size = self.size
        reach = self.place + SHARDS * size
        frames = []
        for shard in range(SHARDS):
            rows = [(axis, self.place, reach, size, NOW, NOW) for axis in (BROKER, 1)]
            frames.append(self._frame(shard, size, self.body, rows))
        self.place = reach
        return b"".join(frames)

    def commit(self) -> bytes:
        """Return the batches of their commits."""
        return b"".join([self._frame(n, self.size, self.commits, ()) for n in range(SHARDS)])

    def _frame(self, shard: int, count: int, body: bytes, rows: Any) -> bytes:
        first = self.first[shard]
        self.first[shard] += count
        return batch_frame(shard, 0, first, count, NOW, body, 0, rows, (), 1)


def pass_on(switch: Switch, session: Session, sender: Sender, count: int) -> None:
    """Have so many orders, and their commits, go by."""
    reply = bytes(REPLY_BYTES)
    for _ in range(0, count, SHARDS * sender.size):
        for data in (sender.orders(), sender.commit()):
            switch.receive(session, data)
            switch.serve(NOW)
            for link in switch.router.links:
                for frame in FrameReader().feed(link.take()):
                    switch.router.receive(link, reply_frame(frame, reply))
                switch.serve(NOW)
                session.take()


@contextmanager
def _running(size: int) -> Iterator[Running]:
    switch, session = switch_of(SHARDS)
    yield Running(partial(pass_on, switch, session, Sender(size)))


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return _running(SIZES[workload])
