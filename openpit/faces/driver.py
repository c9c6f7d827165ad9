"""The life of an engine on shards, as either face leads it: pipes, market data, the end.

How a face waits is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.faces.ends import Ends
from openpit.faces.forked_copies import let_go_in_copies
from openpit.faces.market_feeds import Feed
from openpit.faces.pipes import Port
from openpit.faces.watch import STALL_SECONDS
from openpit.router.calls import INTERRUPTED
from openpit.router.shard_link import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.faces.watch import Watch
    from openpit.marketdata.service import MarketDataService
    from openpit.router.router import Router
    from openpit.router.stats import ShardStats
    from openpit.shards.process import Worker

__all__ = ["Driver"]


class Driver(Runner):
    """What a face holds of its shards; it runs the client's calls to their end."""

    client: Client
    router: Router
    _watch: Watch
    _is_told: bool
    """Whether there is a descriptor for each worker that tells of its end."""

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        timeout: float,
        max_wait: float,
        stall_timeout: float = STALL_SECONDS,
        on_shard_down: Callable[[ShardStats], object] | None = None,
    ) -> None:
        self.clock: Final = clock
        self._timeout: Final = timeout
        self._max_wait: Final = max_wait
        self._stall_timeout: Final = stall_timeout
        self._on_shard_down: Final = on_shard_down
        self._ports: list[Port] = []
        self._feeds: list[Feed] = []
        # Run at close(), when nobody holds the engine any more, or at the interpreter's end.
        self._ends = Ends(self, timeout)

    def attach(self, client: Client, workers: list[Worker]) -> None:
        """Set the router, and a worker for each of its links."""
        self.client = client
        self.router = router = client.router
        self._is_told = all(worker.death_fd is not None for worker in workers)
        for link, worker in zip(router.links, workers, strict=True):
            link.pid = worker.pid
            self._ends.workers.append(worker)
            self._ports.append(Port(link, worker))
        self._listen()
        let_go_in_copies(self)

    def _listen(self) -> None:
        """Watch the shards from now on, and read what their pipes bring."""
        raise NotImplementedError

    def follow(self, services: Sequence[MarketDataService]) -> None:
        """Pass on all that the services hold, and every change from now on."""
        for place, service in enumerate(services):
            self._feeds.append(Feed(self, place, service))

    def _end_feeds(self) -> None:
        for feed in self._feeds:
            feed.end()

    def _give_up_all(self) -> None:
        """Give up all shards: an exception came between two steps that belong together.

        Bytes may be lost or commands half accounted for, and an order must not pass by mistake.
        """
        self.router.stop_procedures()
        for port in self._ports:
            port.give_up(self.router, INTERRUPTED)
        self.router.books.is_torn = False

    def _kill_stalled(self) -> None:
        """End the workers that stand still when the engine ends: they have had their time."""
        for link in self.router.books.stalled:
            self._ports[link.number].worker.kill()

    def _disown_workers(self) -> None:
        """Leave the workers to the process that this one was forked from."""
        self.router.abandon_shards()
        for worker in self._ends.workers:
            worker.disown()
