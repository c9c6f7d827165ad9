"""The router alone: what an order costs between its client and its shards, which are prepared here.

Run by :mod:`bench.child`. Entries are ready and their bodies are sealed: no side can open them. A
round hands batches of 128 orders to each shard, with the broker's axis and two assets' counted,
takes the frames that would go into pipes, and hands over those that would come out of them, until
their bodies are with a client that drops them. The head of a reply is written in the round.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.running import Running
from openpit.client.handles import BLOCKING, Runner
from openpit.router.lifecycle import ShardEvent
from openpit.router.router import Router
from openpit.router.shard_link import Bodies, Entry
from openpit.wire.axes import BROKER, CountingAxes
from openpit.wire.frames import reply_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

from openpit.router.shard_link import ShardLink

__all__ = ["SHARDS", "opened"]

SHARDS = {"two_shards": 2, "sixteen_shards": 16}
"""By name of the workload."""

BATCH = 128
NOW = 1_000_000_000
HOUR = 3600 * 1_000_000_000
COMMAND_BYTES = 48
REPLY_BYTES = 100
"""Of one order, with its lock and its outcomes."""

_TAG_BYTES = 16


class _Batch(Entry):
    """Orders of one call to one shard, as often as they are asked for."""

    __slots__ = ()

    def __init__(self, place: int) -> None:
        super().__init__(BATCH, NOW)
        half = BATCH // 2
        sizes = ((0, BATCH), (1, half), (2, half))  # the broker's axis, and the two assets'
        self.counting = [(axis, 0, place * size, size, NOW, NOW) for axis, size in sizes]


def _seal(_link: ShardLink, _first: int, _count: int, entries: Sequence[Entry]) -> bytes:
    return entries[0].packed


def _receive(link: ShardLink, _first: int, _count: int, _body: bytes) -> None:
    link.pending.popleft()


def router_of(shards: int) -> Router:
    unused: Any = None
    bodies = Bodies(_seal, _receive, unused, unused, unused, unused, unused, unused)
    router = Router(shards, has_custom=False, bodies=bodies, handles=BLOCKING, runner=Runner())
    rows = ((BROKER, None, HOUR), (1, "USD", HOUR), (2, "EUR", HOUR))
    axes = CountingAxes(1, NOW, reads_instrument=True, reads_account=False, rows=rows)
    router.books.rates.retune(axes)
    for link in router.links:
        link.happen(ShardEvent.READY)
    return router


def pass_on(router: Router, batches: Sequence[Entry], count: int) -> None:
    links = router.links
    body = os.urandom(BATCH * COMMAND_BYTES + _TAG_BYTES)
    replies = os.urandom(BATCH * REPLY_BYTES + _TAG_BYTES)
    for _ in range(0, count, BATCH * len(links)):
        for link, batch in zip(links, batches, strict=True):
            batch.packed = body
            router.submit(link, batch)
        for link in links:
            router.receive(link, reply_frame(link.take(), replies))


@contextmanager
def _running(shards: int) -> Iterator[Running]:
    router = router_of(shards)
    batches = [_Batch(place) for place in range(shards)]
    yield Running(partial(pass_on, router, batches))


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return _running(SHARDS[workload])
