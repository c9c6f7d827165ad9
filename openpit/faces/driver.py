"""A face over pipes: what both kinds of waiting have in common.

How a caller sleeps and is woken, and how a descriptor is polled, stands in each face's own folder.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

from openpit.client.market_recovery import restore_market
from openpit.client.recovery import begin_again, complete
from openpit.faces.ends import Ends
from openpit.faces.face import Face
from openpit.faces.forked_copies import let_go_in_copies
from openpit.faces.market_feeds import Feed
from openpit.faces.news import tell
from openpit.faces.observing import guarded
from openpit.faces.pipes import Port
from openpit.faces.round_trips import RoundTrips
from openpit.router.calls import INTERRUPTED
from openpit.wire.limits import MARKET_BACKLOG, RECOVERING_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.client.market_recovery import Restored
    from openpit.client.recovery import Told
    from openpit.faces.engine_journal import EngineJournal
    from openpit.faces.observing import ObserverGuard
    from openpit.faces.options import ShardedOptions
    from openpit.faces.replacing import Replacing
    from openpit.faces.sockets import ServerPort
    from openpit.marketdata.service import MarketDataService
    from openpit.router.calls import Call
    from openpit.router.shard_link import ShardLink
    from openpit.shards.process import Worker

__all__ = ["Driver"]

LIVENESS_SECONDS: Final = 0.2
"""How often a worker is looked at whose end no descriptor tells."""

_SOON: Final = 0.001
"""Seconds that are waited at least for a reservation to expire."""


class Driver(Face):
    """What a face holds of its shards; it runs the client's calls to their end."""

    feed: type[Feed] = Feed
    port: type[Port] = Port

    def __init__(self, clock: Callable[[], int], options: ShardedOptions) -> None:
        self.clock = clock
        self._timeout: Final = options.timeout
        self._on_shard_down: Final = options.on_shard_down
        self._ports: list[Port] = []
        self._feeds: list[Feed] = []
        self._offset = 0  # by which the engine's time is ahead of that of its services
        self._restored: Restored = {}  # what they are to be given of a journal
        self._look_every = inf
        self._replacing: Replacing | None = None  # where there is a journal
        self._grace = 0.0
        self._recovery_timeout = 0.0
        self._settled_by = -inf  # until when an end waits for the shards that come back
        self.observer: ObserverGuard | None = None  # an observer
        self.server_path: str | None = None
        """Where the server listens that this engine is connected to, None of an embedded one."""
        self.journal: EngineJournal | None = None
        self.open_at: dict[int, set[int]] = {}
        """By the number of a client of a former life: where it has something open that is kept."""
        # Run at close(), when nobody holds the engine any more, or at the interpreter's end.
        self._ends = Ends(self, options.timeout)

    def attach(self, client: Client, workers: list[Worker]) -> None:
        """Set the client, and a worker for each of its router's links."""
        self.client = client
        self.router = router = client.router
        if self.observer is not None:
            self.time_round_trips()
        for link, worker in zip(router.links, workers, strict=True):
            link.pid = worker.pid
            self._ends.workers.append(worker)
            self._ports.append(port := self.port(link, worker, router))
            if worker.death_fd is None:  # nothing tells of its end
                self._look_every = LIVENESS_SECONDS
            self._watch(port)
        let_go_in_copies(self)

    def attach_server(self, port: ServerPort) -> None:
        """Set the client, and the one connection that all of its router's links share."""
        self.client = port.remote.client
        self.router = port.remote.router
        self._recovery_timeout = port.remote.welcome.away
        self._ports[:] = [port]
        self._ends.own(port.command_fd, port.reply_fd)
        self._watch(port)
        let_go_in_copies(self)

    def observe(self, observer: object) -> None:
        """Have a program's object told what happens, from the start on; None: nobody is."""
        self.observer = None if observer is None else guarded(observer)

    def time_round_trips(self) -> RoundTrips:
        """Have round trips timed from now on, if they are not; return them."""
        books = self.router.books
        if books.trips is None:
            books.trips = RoundTrips(len(self.router.links), self.observer)
        trips: RoundTrips = books.trips
        return trips

    def _port_of(self, link: ShardLink) -> Port:
        """Return where a link writes to."""
        return self._ports[min(link.number, len(self._ports) - 1)]

    def _begin_start(
        self, payload: bytes, deadline: float, seconds: float, epoch: int = 0
    ) -> list[Call]:
        """Have all workers load the engine, by a moment."""
        start, now = self.client.start, self.clock()
        calls = [start(link, now, payload, epoch, seconds) for link in self.router.links]
        self.client.deadlines.expect_by(calls, deadline)
        return calls

    def _begin_again(
        self, journal: EngineJournal, told: Sequence[Told], options: ShardedOptions, payload: bytes
    ) -> None:
        """Take up what the shards have come back with; replace their workers from now on."""
        # An engine without a journal has no need of what replaces workers.
        from openpit.faces.replacing import Replacing  # noqa: PLC0415

        self._grace = options.grace
        self._recovery_timeout = options.recovery_timeout
        self.journal = journal
        self.clock = journal.clock_from(max(recovered.last_time for _, recovered in told))
        if options.restarts:
            workers = self._ends.workers
            self._replacing = Replacing(self.client, self.clock, options, payload, journal, workers)
            for port in self._ports:
                port.replace = self._replacing.begin
        self.router.books.note = journal.note
        journal.run(self.router.links)
        self._ends.last = journal.close
        begin_again(self.client, self.clock(), told, self._is_kept)
        self.client.is_kept = True
        for number, (_, recovered) in enumerate(told):
            for client in filter(self._is_kept, recovered.clients):
                self.open_at.setdefault(client, set()).add(number)
        if self.client.left.before:
            self.client.left.due = monotonic() + options.grace

    def _is_kept(self, client: int) -> bool:
        """Tell whether what a client of a former life has open is kept for who takes it."""
        return not client and self._grace > 0

    def stand_by(self) -> None:
        """Have spare workers ready, where workers are replaced; the engine is built."""
        if self._replacing is not None:
            self._replacing.stand_by()

    @property
    def replaces(self) -> bool:
        """Whether another worker takes the place of one that ends."""
        return self._replacing is not None

    @property
    def workers(self) -> list[Worker]:
        """The processes of the engine, its spares among them."""
        return self._ends.workers

    def _complete(self, now: int, journal: EngineJournal, told: Sequence[Told]) -> Call:
        """Complete on all shards what some have, and others lack."""
        changes = journal.changes
        return self.client.procedure(
            now, complete, now, told, changes, journal.again, self._is_kept
        )

    def _restore(
        self, now: int, are_empty: Sequence[bool], readers: Sequence[tuple[str, ...]]
    ) -> Call:
        return self.client.procedure(now, restore_market, now, are_empty, readers)

    def follow(self, services: Sequence[MarketDataService]) -> None:
        """Pass on all that the services hold, and every change from now on."""
        for place, service in enumerate(services):
            restored = self._restored.get(place, ())
            self._feeds.append(self.feed(self, place, service, self._offset, restored))

    def _end_feeds(self) -> None:
        for feed in self._feeds:
            feed.end()

    # --- what a kind of waiting brings -----------------------------------------------------------

    @abstractmethod
    def _watch(self, port: Port) -> None:
        """Poll for what a port brings, from now on."""

    @abstractmethod
    def _await_room(self, port: Port) -> None:
        """Poll until a port's pipe takes what is kept for it."""

    @abstractmethod
    def _unwatch(self, port: Port) -> None:
        """Stop polling a port, which has nothing more to say."""

    @abstractmethod
    def _give_up(self, port: Port, why: str, *, returns: bool = False) -> None:
        """Give up a shard, and do what follows from that; one that ``returns`` if it can."""

    @abstractmethod
    def _wait_at(self, port: Port, is_over: Callable[[], bool], seconds: float) -> None:
        """Wait once for what a port brings, though no call does, unless it is over."""

    @abstractmethod
    def _wake(self) -> None:
        """Wake whoever waits for a call that is done."""

    # --- pipes and time --------------------------------------------------------------------------

    def _send(self) -> bool:
        """Write what is staged, as far as the pipes take it; wake whose call is done.

        Tell whether there was anything: a shard's time to answer begins then.
        """
        is_sent = False
        trips = self.router.books.trips
        for port in self._ports:
            if port.source.has_output:
                is_sent = True
                if trips is not None and (
                    trips.hears or port.link.next_seq >= trips.next[port.link.number]
                ):
                    trips.sent(port.links)
                if not port.send(self.router):
                    if port.has_backlog:
                        self._await_room(port)
                    if port.is_over:
                        self._unwatch(port)
        if self.router.books.woken:
            self._wake()
        return is_sent

    def _on_time(self) -> float:
        """End what is due; return for how many seconds nothing is, if nothing happens."""
        router, deadlines = self.router, self.client.deadlines
        now = monotonic()
        if now >= deadlines.next_deadline():
            for port in self._ports:
                port.drain(router)  # what has come has come in time
        for link, why in deadlines.on_time(now):
            self._port_of(link).give_up(router, why, returns=True)
        left = self.client.left
        if now >= left.due:
            left.let_go(self.router, self.clock(), now)
        self._look_after()
        for port in self._ports:
            if port.is_over:
                self._unwatch(port)
        if self._replacing is not None:
            self._replace_due(self._replacing, now)
        expiring = self.client.expiring
        if expiring is not None:
            expiring.on_time(self.clock())
        if self._send():  # what waited for those
            deadlines.expect((), now)
        due = min(deadlines.next_deadline(), self._next_replacement(), left.due) - now
        due = min(due, self._next_expiry())
        return min(due, self._look_every) if due < inf else inf

    def _next_expiry(self) -> float:
        """Return in how many seconds a reservation may expire, infinity if none does."""
        expiring = self.client.expiring
        return inf if expiring is None else max(expiring.seconds_left(self.clock()), _SOON)

    def _next_replacement(self) -> float:
        """Return when something is due of the replacing of workers."""
        replacing = self._replacing
        if replacing is None:
            return inf
        start = replacing.next_start() if self._may_replace else inf
        return min(start, replacing.next_deadline())

    def _replace_due(self, replacing: Replacing, now: float) -> None:
        """Start the workers that are to take another's place by now."""
        if now >= replacing.next_deadline():
            for number, why in replacing.late(now):
                replacing.forget(number)
                self._ports[number].end(self.router, why)
        if now >= replacing.next_start() and self._may_replace:
            for number in replacing.due(now):
                self._replace(replacing, number)
            replacing.stand_by(now)

    def _replace(self, replacing: Replacing, number: int) -> None:
        """Start a worker in the place of one that has ended."""
        books = self.router.books
        was_torn, books.is_torn = books.is_torn, True
        old = self._ports[number]
        self._unwatch(old)
        port = replacing.replace(old, partial(self.port, router=self.router))
        if port is not None:
            self._ports[number] = port
            workers = self._ends.workers
            workers.remove(old.worker)
            if port.worker not in workers:  # a spare is
                workers.append(port.worker)
            self._watch(port)
        books.is_torn = was_torn

    @property
    def _may_replace(self) -> bool:
        """Whether no other thread polls the descriptors of a worker that has ended."""
        return True

    def _look_after(self) -> None:
        """Notice the ends of workers of which no descriptor tells."""
        if self._look_every < inf:
            for port in self._ports:
                port.look_after(self.router)

    def _tell(self) -> None:
        """Tell the engine's host what has happened to shards."""
        if self.router.books.news:
            tell(self.router, self._on_shard_down, self.observer)

    def _let_catch_up(self) -> None:
        """Wait for the shards that have too many quotes before them."""
        for port in self._ports:
            link = port.link
            if link.is_recovering:
                if link.in_flight > RECOVERING_BACKLOG:
                    self._give_up(port, f"{link.in_flight} quotes behind, and recovering")
            elif link.in_flight > MARKET_BACKLOG:
                self._let_one_catch_up(port)

    def _let_one_catch_up(self, port: Port) -> None:
        """Wait for a shard, as long as it takes any quotes; give it up if not."""
        link = port.link
        answered, until = link.answered, monotonic() + self._timeout
        while not _has_caught_up(link):
            now = monotonic()
            if link.answered != answered:
                answered, until = link.answered, now + self._timeout
            elif now >= until:
                break
            self._wait_at(port, lambda: _has_caught_up(link), until - now)
        if link.is_stalled or not _has_caught_up(link):  # what it misses, it misses for ever
            why = f"{link.in_flight} quotes behind, and taking none"
            self._give_up(port, why, returns=link.keeps)  # another worker takes them

    # --- the end ---------------------------------------------------------------------------------

    def _mend(self) -> None:
        """Give up all shards if an exception came between two steps that belong together.

        Bytes may be lost or commands half accounted for, and an order must not pass by mistake.
        """
        if not self.router.books.is_torn:
            return
        self.router.stop_procedures()
        for port in self._ports:
            port.end(self.router, INTERRUPTED)
        self.router.books.is_torn = False

    def _stop_taking(self) -> None:
        """Begin the end: take nothing new, if a shard is to come back that calls wait for.

        One that stands still is ended now, so that another worker answers.
        """
        router = self.router
        for link in router.links:
            if link.keeps and link.is_stalled and link.is_owed:
                self._port_of(link).give_up(router, f"{link.why}, at the end", returns=True)
        if any(link.is_owed for link in router.links):
            self._settled_by = monotonic() + self._recovery_timeout + self._timeout
            router.stop_taking()

    @property
    def _is_settled(self) -> bool:
        """Whether the end need not wait any more for shards that come back."""
        router = self.router
        if monotonic() >= self._settled_by:
            return True
        is_owed = any(link.is_owed for link in router.links)
        return not is_owed and router.procedures.exclusive is None

    def _say_goodbye(self, *, keeps: bool) -> Call:
        """End every shard, those that are away at once."""
        router = self.router
        for link in router.links:
            if link.keeps and link.is_owed:  # else it is a server's, whose others are still told
                seconds = self._recovery_timeout + self._timeout
                self._port_of(link).end(router, f"not recovered within {seconds:g} s of the end")
        self._kill_stalled()
        return router.close(self.clock(), keeps=keeps)

    def _kill_stalled(self) -> None:
        """End the workers that stand still when the engine ends: they have had their time."""
        for link in self.router.links:
            if link.is_stalled or link.is_recovering:
                self._port_of(link).kill()

    def _disown_workers(self) -> None:
        """Leave the workers to the process that this one was forked from."""
        self.router.abandon_shards()
        for worker in self._ends.workers:
            worker.disown()
        self._ends.close_descriptors()


def _has_caught_up(link: ShardLink) -> bool:
    return not link.is_up or link.is_recovering or link.in_flight <= MARKET_BACKLOG
