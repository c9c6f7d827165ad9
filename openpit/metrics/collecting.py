"""Collectors: what looks at an engine when somebody asks for its metrics."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, overload

from openpit.faces.aio.engine import AsyncShardedEngine
from openpit.faces.blocking.engine import ShardedEngine
from openpit.faces.scraping import Scrape, begin_timing, scrape, scrape_async
from openpit.metrics.families import CONTENT_TYPE, families_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AsyncEngineCollector", "EngineCollector", "collector"]

SECONDS: Final = 2.0
"""What a look may take: well under any interval at which one looks."""


class EngineCollector:
    """The metrics of an engine of the blocking face, embedded or connected to a server.

    Made by :func:`collector`. It is a collector of ``prometheus_client``: register it with
    ``REGISTRY.register(...)``, or have :meth:`text`.
    """

    __slots__ = ("_engine", "_timeout")

    content_type: Final = CONTENT_TYPE
    """Of what :meth:`text` returns, for an HTTP answer."""

    def __init__(self, engine: ShardedEngine, timeout: float) -> None:
        """Not to be called: see :func:`collector`."""
        self._engine: Final = engine
        self._timeout: Final = timeout

    def collect(self) -> Iterable[Any]:
        """Look at the engine; return the families of its metrics.

        It ends within the collector's ``timeout``, whatever the shards do: one that has not
        answered by then, is down or stalled, has no counts of its own, and is told in
        ``openpit_shard_missing`` with the reason.
        """
        return families_of(scrape(self._engine, self._timeout))

    def text(self) -> str:
        """Look at the engine; return all metrics as OpenMetrics text."""
        return text_of(self.collect())


class AsyncEngineCollector:
    """The metrics of an engine of the asyncio face; as :class:`EngineCollector`, but awaited.

    ``prometheus_client`` cannot await: what it gets by :meth:`collect` is what the last
    :meth:`scrape` has found.
    """

    __slots__ = ("_engine", "_last", "_timeout")

    content_type: Final = CONTENT_TYPE
    """Of what :meth:`text` returns, for an HTTP answer."""

    def __init__(self, engine: AsyncShardedEngine, timeout: float) -> None:
        """Not to be called: see :func:`collector`."""
        self._engine: Final = engine
        self._timeout: Final = timeout
        self._last: Scrape | None = None

    async def scrape(self) -> None:
        """Look at the engine, for the next :meth:`collect`."""
        self._last = await scrape_async(self._engine, self._timeout)

    def collect(self) -> Iterable[Any]:
        """Return the families of what the last :meth:`scrape` has found; none before the first."""
        return [] if self._last is None else families_of(self._last)

    async def text(self) -> str:
        """Look at the engine; return all metrics as OpenMetrics text."""
        await self.scrape()
        return text_of(self.collect())


@overload
def collector(engine: ShardedEngine, *, timeout: float = ...) -> EngineCollector: ...


@overload
def collector(engine: AsyncShardedEngine, *, timeout: float = ...) -> AsyncEngineCollector: ...


def collector(
    engine: ShardedEngine | AsyncShardedEngine, *, timeout: float = SECONDS
) -> EngineCollector | AsyncEngineCollector:
    """Return what collects the metrics of an engine of several processes, when it is asked to.

    ``engine`` is embedded, or connected to a server (:func:`openpit.connect`): then its metrics are
    the server's, of all its programs together. ``timeout`` is what a look may take, in seconds.

    From now on an embedded engine times its round trips, one at a time of each shard; all else is
    counted in any case.

    Raises:
        TypeError: ``engine`` is of one process: what it decides, its program knows.
        ValueError: ``timeout`` is not positive and finite.
        ImportError: ``prometheus_client`` is not installed: it comes with the extra ``metrics``.
    """
    if not 0 < timeout < inf:
        raise ValueError("collector(): timeout must be positive and finite")
    kind = _COLLECTORS.get(type(engine))
    if kind is None:
        what = type(engine).__name__
        raise TypeError(f"collector() takes an engine of several processes, not {what}")
    begin_timing(engine)
    made: EngineCollector | AsyncEngineCollector = kind(engine, timeout)
    return made


_COLLECTORS: Final[dict[type, Any]] = {
    ShardedEngine: EngineCollector,
    AsyncShardedEngine: AsyncEngineCollector,
}
