"""Workers that end are replaced, where there is a journal: how often, when, and by what.

A new worker is started when the one before it has been reaped, and not earlier: it opens the same
log. What it is sent then, and what becomes of the calls in flight, is the router's affair.
"""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

from openpit.client.resuming import Resume
from openpit.faces.interrupts import undisturbed
from openpit.faces.options import RESTART_SECONDS
from openpit.faces.spares import Spares
from openpit.hosting.replacement import CRASHED, KILLED, Replacement
from openpit.router.lifecycle import ShardState
from openpit.shards.process import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.client.client import Client
    from openpit.faces.engine_journal import EngineJournal
    from openpit.faces.options import ShardedOptions
    from openpit.faces.pipes import Port
    from openpit.router.shard_link import ShardLink

__all__ = ["Replacing"]


_LOOK_SECONDS: Final = 0.05
"""How soon a worker is looked at again that was killed and has not ended."""

_REPLACED: Final = frozenset({ShardState.UP, ShardState.STALLED, ShardState.RECOVERING})
"""The states of a shard whose worker is replaced when it ends."""


class _Shard:
    """What is known of the replacements of one shard's workers."""

    __slots__ = ("at", "begun", "sent", "until")

    def __init__(self, sent: Replacement) -> None:
        self.sent: Final = sent
        self.begun: list[float] = []  # when those began that still count
        self.at = inf  # when the next worker is to be started
        self.until = inf  # when it has to have recovered


class Replacing:
    """What replaces the workers of an engine; times are those of ``monotonic()``."""

    __slots__ = (
        "_client",
        "_clock",
        "_fill_at",
        "_options",
        "_payload",
        "_place",
        "_shards",
        "_sources",
        "_spares",
    )

    def __init__(
        self,
        client: Client,
        clock: Callable[[], int],
        options: ShardedOptions,
        payload: bytes,
        journal: EngineJournal,
        workers: list[Worker],
    ) -> None:
        place, sources = journal.place, journal.sources
        self._client: Final = client
        self._clock: Final = clock
        self._options: Final = options
        self._payload: Final = payload
        self._place: Final = place
        self._sources: Final = sources
        # Among the engine's workers, so that they end with it.
        self._spares: Final = Spares(options.spares, options.start_timeout, place, sources, workers)
        self._fill_at = inf  # when the next spare is to be started
        self._shards: Final = [
            _Shard(Replacement(client.router, link)) for link in client.router.links
        ]

    def begin(self, link: ShardLink, worker: Worker, why: str) -> str:
        """Begin to replace a worker that has ended; return why that may not be, if it may not."""
        if link.state not in _REPLACED or worker.cannot_go_on:
            return why
        shard, options, now = self._shards[link.number], self._options, monotonic()
        shard.begun = [begun for begun in shard.begun if now - begun < RESTART_SECONDS]
        count = len(shard.begun)
        if count >= options.restarts:
            often = f"{count} times within {RESTART_SECONDS:g} s"
            return f"{why}; it has been replaced {often}, the most" if count else why
        shard.begun.append(now)
        shard.at = now + (options.restart_pause * 2 ** (count - 1) if count else 0.0)
        if not link.is_recovering:
            shard.until = now + options.recovery_timeout
        shard.sent.begin(why, KILLED if worker.was_killed_by_others else CRASHED)
        return ""

    def next_start(self) -> float:
        """Return when the next worker is to be started, infinity if none is."""
        return min(self._fill_at, *(shard.at for shard in self._shards))

    def next_deadline(self) -> float:
        """Return when the next one has to have recovered, infinity if none has to."""
        return min(shard.until for shard in self._shards)

    def stand_by(self, now: float = inf) -> None:
        """Start the spare workers that are to be started by now."""
        if self._fill_at <= now:
            self._fill_at = inf
            self._spares.fill()

    def due(self, now: float) -> list[int]:
        """Return the shards whose next worker is to be started by now."""
        return [number for number, shard in enumerate(self._shards) if shard.at <= now]

    def late(self, now: float) -> Iterator[tuple[int, str]]:
        """Return the shards that are to be given up, and why."""
        seconds = self._options.recovery_timeout
        for number, shard in enumerate(self._shards):
            if shard.until <= now:
                yield number, f"not recovered within {seconds:g} s"

    def forget(self, number: int) -> None:
        """Start no worker for a shard any more, and wait for none."""
        shard = self._shards[number]
        shard.at = shard.until = inf

    def replace(self, old: Port, make: Callable[[ShardLink, Worker], Port]) -> Port | None:
        """Start another worker in the place of a port's; return its port, made by ``make``.

        None if there is none yet: the old one has not ended, or the system lets none start.
        """
        link = old.link
        shard = self._shards[link.number]
        shard.at = inf
        if not link.is_recovering:
            self.forget(link.number)
            return None
        options = self._options
        if not old.worker.ending(0.0):  # killed, and not gone: it waits for a disk, as a rule
            shard.at = monotonic() + max(options.restart_pause, _LOOK_SECONDS)
            return None
        old.close()
        old.worker.stop(0.0)
        worker = self._spares.take(link.number) or self._started(old)
        if worker is None:
            return None
        link.pid = worker.pid
        port = make(link, worker)
        port.replace = self.begin
        port.source = shard.sent
        router = self._client.router

        def recovered(number: int) -> None:
            self.forget(link.number)
            self._fill_at = monotonic()
            why = shard.sent.recovered(number)
            if why:
                port.end(router, why)

        def passes() -> None:
            port.source = link

        def refused(why: str) -> None:
            port.refusal = why

        shard.sent.greet(
            Resume(
                self._clock(),
                len(router.links),
                self._client.limits,
                self._payload,
                recovered,
                refused,
            ),
            passes,
        )
        return port

    @undisturbed
    def _started(self, old: Port) -> Worker | None:
        """Start a worker in the place of a port's; None if there is none yet, or can be none."""
        link, changed = old.link, self._sources.changed()
        if changed:
            why = (
                f"{link.why}; another worker would run other code: {', '.join(changed)} has changed"
            )
            old.end(self._client.router, why)
            return None
        try:
            return Worker(link.number, self._options.start_timeout, self._place)
        except OSError as error:
            why = self.begin(link, old.worker, f"no worker could be started: {error}")
            if why:
                old.end(self._client.router, why)
            return None
