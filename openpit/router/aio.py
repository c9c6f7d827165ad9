"""The asyncio face: one loop, no thread, around the router core.

Calls of one turn of the loop leave as one frame per shard at its end. A cancelled call is given up:
the answer, when it comes, is let go. Deadlines are looked after by one timer for all calls.
"""

from __future__ import annotations

import asyncio
import logging
import select
import weakref
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.router.feeds import Feed
from openpit.router.forks import let_go_in_copies
from openpit.router.holdups import HoldUps
from openpit.router.link import Runner
from openpit.router.ports import Port, end_workers
from openpit.wire.limits import MARKET_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.marketdata.service import MarketDataService
    from openpit.router.calls import Call
    from openpit.router.core import RouterCore
    from openpit.router.stats import ShardStats
    from openpit.shards.process import Worker

__all__ = ["AsyncDriver"]

_log = logging.getLogger("openpit")

FRAMES_PER_TURN: Final = 16
"""Frames of one call that are encoded before the loop gets its turn: a millisecond of work."""

_LOOKS_PER_TIMEOUT: Final = 4
"""How often the timer looks in the time that a call may take: a quarter late at worst."""

_MILLISECONDS: Final = 1000.0


class AsyncDriver(Runner):
    """Runs the core's calls on the event loop that it was made on."""

    core: RouterCore

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        timeout: float,
        max_wait: float,
        on_shard_down: Callable[[ShardStats], object] | None = None,
    ) -> None:
        self.clock: Final = clock
        self._timeout: Final = timeout
        self._max_wait: Final = max_wait
        self._on_shard_down: Final = on_shard_down
        self._loop: Final = asyncio.get_running_loop()
        self._thread: Final = get_ident()
        self._ports: list[Port] = []
        self._workers: list[Worker] = []
        self._flush_is_due = False
        self._waiting: set[Call] = set()
        self._deadlines: dict[Call, tuple[int, float]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_every: Final = min(timeout, max_wait or timeout) / _LOOKS_PER_TIMEOUT
        self._feeds: list[Feed] = []
        self._end = weakref.finalize(self, end_workers, self._workers, (), timeout)

    def attach(self, core: RouterCore, workers: list[Worker]) -> None:
        """Take the core, and a worker for each of its links."""
        self.core = core
        self._hold_ups = HoldUps(core, self._timeout)
        this = weakref.ref(self)
        for place, (link, worker) in enumerate(zip(core.links, workers, strict=True)):
            link.pid = worker.pid
            port = Port(link, worker)
            self._workers.append(worker)
            self._ports.append(port)
            # The loop must not keep an engine alive that nobody holds any more.
            self._loop.add_reader(port.reply_fd, _readable, this, place)
        let_go_in_copies(self)

    # --- calls ---------------------------------------------------------------------------------

    async def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Make a call and wait for its end; return its value or raise its error."""
        loop = self._loop
        call = method(self.clock(), *arguments)
        if not self._flush_is_due:
            self._flush_is_due = True
            loop.call_soon(self._flush)
        if not call.done:
            # What _wait() does, spelt out: the hot path of one order at a time.
            call.waiter = future = loop.create_future()
            waiting = self._waiting
            waiting.add(call)
            if self._timer is None:
                self._timer = loop.call_later(self._look_every, self._look)
            try:
                await future
            except BaseException:
                call.abandon(self.core)
                raise
            finally:
                waiting.discard(call)
        return call.result()

    async def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""
        return (await self.run_part(method, *arguments)).result()

    async def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""
        core = self.core
        call = method(self.clock(), *arguments)
        frames = 0
        while call.feed(core):
            self._flush()
            frames += 1
            if frames % FRAMES_PER_TURN == 0:
                try:
                    await asyncio.sleep(0)
                except BaseException:
                    call.abandon(core)
                    raise
        self._flush()
        if not call.done:
            await self._wait(call)
        return call

    async def _wait(self, call: Call) -> None:
        future = self._loop.create_future()
        call.waiter = future
        self._waiting.add(call)
        if self._timer is None:
            self._timer = self._loop.call_later(self._look_every, self._look)
        try:
            await future
        except BaseException:
            call.abandon(self.core)
            raise
        finally:
            self._waiting.discard(call)

    async def finalize(self, proxy: Any, *, commit: bool) -> None:
        """Commit or roll back what a proxy stands for."""
        await self.run(self.core.finalize, proxy, commit)

    async def execute_request(self, proxy: Any) -> Any:
        """Run the main stage of a proxy's request."""
        return await self.run(self.core.execute_request, proxy)

    # --- the loop's side -----------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what this turn of the loop has staged."""
        self._flush_is_due = False
        for port in self._ports:
            if port.link.has_output:
                had_backlog = port.has_backlog
                port.send(self.core)
                if port.has_backlog and not had_backlog:
                    self._loop.add_writer(port.command_fd, self._writable, port)
        if self.core.woken:
            self._wake()

    def readable(self, place: int) -> None:
        """Take the replies of the shard at a place of the list."""
        port = self._ports[place]
        port.receive(self.core)
        self._after(port)

    def _writable(self, port: Port) -> None:
        port.flush()
        if not port.has_backlog:
            self._loop.remove_writer(port.command_fd)

    def _after(self, port: Port) -> None:
        """Do what follows from what a port has just brought."""
        if port.is_over:
            self._loop.remove_reader(port.reply_fd)
            self._loop.remove_writer(port.command_fd)
        if self.core.woken:
            self._wake()
        self._flush()
        if self.core.lost:
            self._tell_lost()

    def _wake(self) -> None:
        woken = self.core.woken
        while woken:
            future = woken.pop().waiter
            if not future.done():
                future.set_result(None)

    def _look(self) -> None:
        """End the calls whose time is up."""
        self._timer = None
        now = monotonic()
        for link in self._hold_ups.overdue(now):
            port = self._ports[link.number]
            port.give_up(self.core, f"it kept all other shards waiting for {self._timeout:g} s")
            self._after(port)
        deadlines: dict[Call, tuple[int, float]] = {}
        for call in list(self._waiting):
            seen = self._deadlines.get(call)
            if seen is None or seen[0] != call.progress:
                limit = self._timeout if call.is_sent else self._max_wait
                seen = (call.progress, now + limit - self._look_every)
            elif now >= seen[1] and not call.done:
                call.expire(self.core, f"no answer within {self._timeout:g} s")
                continue
            deadlines[call] = seen
        self._deadlines = deadlines
        self._wake()
        if self._waiting:
            self._timer = self._loop.call_later(self._look_every, self._look)

    # --- shards --------------------------------------------------------------------------------

    async def start(self, payload: bytes, seconds: float) -> None:
        """Have all workers load their engine; raise ShardStartError if one cannot."""
        core = self.core
        calls = [core.start(link, self.clock(), payload) for link in core.links]
        self._flush()
        deadline = self._loop.time() + seconds
        for call in calls:
            if not call.done:
                call.waiter = self._loop.create_future()
                try:
                    async with asyncio.timeout_at(deadline):
                        await call.waiter
                except TimeoutError:
                    call.expire(core, f"not up within {seconds:g} s")
        for call in calls:
            call.result()

    def follow(self, services: Sequence[MarketDataService]) -> None:
        """Pass on all that the services hold, and every change from now on."""
        for place, service in enumerate(services):
            self._feeds.append(Feed(self, place, service))

    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""
        if get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._pass_on, service, operation)
        else:
            self._pass_on(service, operation)

    def _pass_on(self, service: int, operation: object) -> None:
        core = self.core
        if core.is_closed:
            return
        core.quote(self.clock(), service, operation)
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        for port in self._ports:
            if port.link.in_flight > MARKET_BACKLOG:
                self._hold_back_quotes(port)

    def _hold_back_quotes(self, port: Port) -> None:
        """Let a shard catch up with its quotes; give it up if it takes none.

        This does block the loop: whoever pushes that many quotes in one turn has it blocked anyway.
        """
        self._flush()
        link = port.link
        poller = select.poll()
        poller.register(port.reply_fd, select.POLLIN)
        poller.register(port.command_fd, select.POLLOUT)
        answered, deadline = link.answered, monotonic() + self._timeout
        while link.is_up and link.in_flight > MARKET_BACKLOG:
            remaining = deadline - monotonic()
            if link.answered != answered:
                answered, deadline = link.answered, monotonic() + self._timeout
            elif remaining <= 0:
                port.give_up(self.core, f"{link.in_flight} quotes behind, and taking none")
                break
            poller.modify(port.command_fd, select.POLLOUT if port.has_backlog else 0)
            for fd, _ in poller.poll(remaining * _MILLISECONDS):
                if fd == port.reply_fd:
                    port.receive(self.core)
                elif port.has_backlog:
                    port.flush()
        self._after(port)

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard."""
        return [link.stats() for link in self.core.links]

    def _tell_lost(self) -> None:
        lost = self.core.lost
        while lost:
            picture = lost.pop().stats()
            _log.error("shard %d is down: %s", picture.shard, picture.why)
            if self._on_shard_down is not None:
                try:
                    self._on_shard_down(picture)
                except Exception:  # noqa: BLE001 - the host's callback; the log has its traceback
                    _log.exception("on_shard_down raised")

    async def close(self) -> None:
        """Roll back what is open, end the workers, close the pipes. Idempotent."""
        core = self.core
        if core.is_closed:
            return
        call = core.close(self.clock())
        self._flush()
        try:
            if not call.done:
                await self._wait(call)
            await self._ended()
        finally:
            for feed in self._feeds:
                feed.end()
            self.discard()
            self._end()

    async def _ended(self) -> None:
        """Wait until the workers have ended, which they do by themselves."""
        for port in self._ports:
            self._loop.remove_reader(port.reply_fd)
            sentinel = port.worker.sentinel
            if sentinel is None:
                continue
            ended = self._loop.create_future()
            self._loop.add_reader(sentinel, _set_once, ended)
            try:
                async with asyncio.timeout(self._timeout):
                    await ended
            except TimeoutError:
                port.worker.kill()
            finally:
                self._loop.remove_reader(sentinel)

    def disown(self) -> None:
        """Be closed, in a forked copy of this process; its loop is the other's still."""
        self.core.abandon_shards()
        for worker in self._workers:
            worker.disown()
        self._end.detach()

    def discard(self) -> None:
        """Let go of the loop."""
        if self._timer is not None:
            self._timer.cancel()
        for port in self._ports:
            self._loop.remove_reader(port.reply_fd)
            self._loop.remove_writer(port.command_fd)


def _readable(driver: weakref.ref[AsyncDriver], place: int) -> None:
    this = driver()
    if this is not None:
        this.readable(place)


def _set_once(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
