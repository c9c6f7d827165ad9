"""The asyncio face: one loop, no thread, around client and router.

Calls of one turn of the loop leave as one frame per shard at its end. A cancelled call is given up:
the answer, when it comes, is let go. Deadlines are looked after by one timer for all calls.
"""

from __future__ import annotations

import asyncio
import select
import weakref
from functools import partial
from threading import Event, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import EngineClosed
from openpit.faces.aio.loop import LEAVE_SECONDS, ended, forget, let_go, readable, set_once
from openpit.faces.driver import Driver
from openpit.faces.news import tell
from openpit.faces.watch import STALL_SECONDS, Watch
from openpit.shards.process import GONE
from openpit.wire.limits import MARKET_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.pipes import Port
    from openpit.router.calls import Call
    from openpit.router.stats import ShardStats

__all__ = ["AsyncDriver"]

FRAMES_PER_TURN: Final = 16
"""Frames of one call that are encoded before the loop gets its turn: a millisecond of work."""

_LOOKS_PER_TIMEOUT: Final = 8
"""How often the timer looks in the time that a call may take.

A call's time counts from when the timer first sees it: it ends an eighth late at worst, and
never early.
"""

LIVENESS_SECONDS: Final = 0.2
"""How often a worker is looked at whose end no descriptor tells."""

_MILLISECONDS: Final = 1000.0


class AsyncDriver(Driver):
    """Runs the core's calls on the event loop that it was made on."""

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        timeout: float,
        max_wait: float,
        stall_timeout: float = STALL_SECONDS,
        on_shard_down: Callable[[ShardStats], object] | None = None,
    ) -> None:
        self._loop: Final = asyncio.get_running_loop()
        self._thread: Final = get_ident()
        self._flush_is_due = False
        self._waiting: set[Call] = set()
        self._deadlines: dict[Call, tuple[float, float]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_every = min(timeout, max_wait or timeout) / _LOOKS_PER_TIMEOUT
        self._watched: list[int] = []  # descriptors that the loop may be polling
        super().__init__(
            clock,
            timeout=timeout,
            max_wait=max_wait,
            stall_timeout=stall_timeout,
            on_shard_down=on_shard_down,
        )
        self._ends.unused = partial(let_go, self._loop, self._thread, self._watched)

    def _listen(self) -> None:
        self._watch = Watch(self.router, self._timeout, self._stall_timeout)
        if not self._is_told:
            self._look_every = min(self._look_every, LIVENESS_SECONDS)
        this = weakref.ref(self)
        for place, port in enumerate(self._ports):
            # The loop must not keep an engine alive that nobody holds any more.
            self._loop.add_reader(port.reply_fd, readable, this, place)
            self._watched += (port.reply_fd, port.command_fd)
            if port.death_fd != GONE:
                self._loop.add_reader(port.death_fd, ended, this, place)
                self._watched.append(port.death_fd)

    # --- calls ---------------------------------------------------------------------------------

    async def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Make a call and wait for its end; return its value or raise its error."""
        loop = self._loop
        if loop.is_closed():
            raise loop_closed()
        if self.router.books.is_torn:
            self._mend()
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
                call.abandon()
                raise
            finally:
                waiting.discard(call)
        return call.result()

    async def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""
        return (await self.run_part(method, *arguments)).result()

    async def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""
        router = self.router
        if self._loop.is_closed():
            raise loop_closed()
        if router.books.is_torn:
            self._mend()
        call = method(self.clock(), *arguments)
        frames = 0
        while call.feed():
            self._flush()
            frames += 1
            if frames % FRAMES_PER_TURN == 0:
                try:
                    await asyncio.sleep(0)
                except BaseException:
                    call.abandon()
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
            call.abandon()
            raise
        finally:
            self._waiting.discard(call)

    def abandon(self, call: Call) -> None:
        """Give up a call whose caller has gone."""
        call.abandon()

    async def finalize(self, proxy: Any, *, commit: bool) -> None:
        """Commit or roll back what a proxy stands for."""
        await self.run(self.client.finalize, proxy, commit)

    async def execute_request(self, proxy: Any) -> Any:
        """Run the main stage of a proxy's request."""
        return await self.run(self.client.execute_request, proxy)

    # --- the loop's side -----------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what this turn of the loop has staged."""
        self._flush_is_due = False
        if self.router.books.is_torn:
            self._mend()
        for port in self._ports:
            if port.link.has_output:
                had_backlog = port.has_backlog
                port.send(self.router)
                if port.has_backlog and not had_backlog:
                    self._loop.add_writer(port.command_fd, self._writable, port)
                if port.is_over:
                    self._unwatch(port)
                    tell(self.router, self._on_shard_down)
        if self.router.books.woken:
            self._wake()

    def readable(self, place: int) -> None:
        """Read the replies of the shard at a place of the list."""
        if self.router.books.is_torn:
            self._mend()
        port = self._ports[place]
        port.receive(self.router)
        self._after(port)

    def ended(self, place: int) -> None:
        """Give up the shard at a place of the list, whose worker has ended."""
        if self.router.books.is_torn:
            self._mend()
        port = self._ports[place]
        port.ended(self.router)
        self._after(port)

    def _mend(self) -> None:
        """Give up all shards: an exception has ended the loop between two steps, and it runs again.

        Cancellation comes at an ``await`` and harms nothing; ^C may, where no runner makes it one.
        """
        self._give_up_all()
        for port in self._ports:
            self._after(port)

    def _writable(self, port: Port) -> None:
        port.flush(self.router)
        if not port.has_backlog:
            self._loop.remove_writer(port.command_fd)
        if port.is_over:
            self._after(port)

    def _after(self, port: Port) -> None:
        """Do what follows from what a port has just brought."""
        if port.is_over:
            self._unwatch(port)
        if self.router.books.woken:
            self._wake()
        self._flush()
        if self.router.books.news:
            tell(self.router, self._on_shard_down)

    def _unwatch(self, port: Port) -> None:
        forget(
            self._loop, [fd for fd in (port.reply_fd, port.command_fd, port.death_fd) if fd != GONE]
        )

    def _wake(self) -> None:
        woken = self.router.books.woken
        while woken:
            future = woken.pop().waiter
            if not future.done():
                future.set_result(None)

    def _look(self) -> None:
        """Find the shards that stand still, and end the calls whose time is up."""
        self._timer = None
        now = monotonic()
        self._look_after(now)
        due = min(now + self._look_every, self._watch.due)
        deadlines: dict[Call, tuple[float, float]] = {}
        for call in list(self._waiting):
            if not call.has_deadline or call.done:
                continue  # it ends with its shards
            seen = self._deadlines.get(call)
            if seen is None:
                answer = self._timeout if call.is_sent else max(self._timeout, self._max_wait)
                seen = now + answer, now + self._max_wait
            end = seen[0] if call.is_sent else seen[1]
            if now >= end:
                call.expire(f"no answer within {self._timeout:g} s")
                continue
            due = min(due, end)
            deadlines[call] = seen
        self._deadlines = deadlines
        self._wake()
        self._flush()  # what waited for those alone
        if self._waiting or self.router.books.stalled:
            self._timer = self._loop.call_later(max(due - monotonic(), 0.0), self._look)

    def _look_after(self, now: float) -> None:
        for link, why in self._watch.look(now):
            self._ports[link.number].give_up(self.router, why)
        for port in self._ports:
            if not self._is_told:
                port.look_after(self.router)
            if port.is_over:
                self._unwatch(port)
        if self.router.books.news:
            tell(self.router, self._on_shard_down)

    # --- shards --------------------------------------------------------------------------------

    async def start(self, payload: bytes, deadline: float, seconds: float) -> None:
        """Load the engine in all workers, by a moment; raise ShardStartError if one cannot."""
        router = self.router
        calls = [self.client.start(link, self.clock(), payload) for link in router.links]
        self._flush()
        at = self._loop.time() + deadline - monotonic()
        for call in calls:
            if not call.done:
                call.waiter = self._loop.create_future()
                try:
                    async with asyncio.timeout_at(at):
                        await call.waiter
                except TimeoutError:
                    call.expire(f"not up within {seconds:g} s")
        for call in calls:
            call.result()

    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""
        if self.router.books.is_closed or self._loop.is_closed():
            return
        if get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._pass_on, service, operation)
        else:
            self._pass_on(service, operation)

    def _pass_on(self, service: int, operation: object) -> None:
        router = self.router
        if router.books.is_closed:
            return
        if router.books.is_torn:
            self._mend()
        self.client.quote(self.clock(), service, operation)
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        for port in self._ports:
            if port.link.in_flight > MARKET_BACKLOG:
                self._let_catch_up(port)

    def _let_catch_up(self, port: Port) -> None:
        """Let a shard catch up with its quotes; give it up if it takes none.

        This does block the loop: whoever pushes that many quotes in one turn has it blocked anyway.
        """
        self._flush()
        link = port.link
        if link.is_stalled:  # what it misses, it misses for ever
            port.give_up(self.router, f"{link.in_flight} quotes behind, and taking none")
            self._after(port)
            return
        poller = select.poll()
        poller.register(port.reply_fd, select.POLLIN)
        poller.register(port.command_fd, select.POLLOUT)
        if port.death_fd != GONE:
            poller.register(port.death_fd, select.POLLIN)
        answered, deadline = link.answered, monotonic() + self._timeout
        while link.is_up and link.in_flight > MARKET_BACKLOG:
            remaining = deadline - monotonic()
            if link.answered != answered:
                answered, deadline = link.answered, monotonic() + self._timeout
            elif remaining <= 0:
                port.give_up(self.router, f"{link.in_flight} quotes behind, and taking none")
                break
            poller.modify(port.command_fd, select.POLLOUT if port.has_backlog else 0)
            for fd, _ in poller.poll(remaining * _MILLISECONDS):
                if fd == port.reply_fd:
                    port.receive(self.router)
                elif fd == port.death_fd:
                    port.ended(self.router)
                elif port.has_backlog:
                    port.flush(self.router)
        self._after(port)

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard."""
        return [link.stats() for link in self.router.links]

    async def close(self) -> None:
        """Roll back what is open, end the workers, close the pipes. Idempotent.

        One that is cancelled does so at once, and ends the calls that are in flight still.
        """
        router = self.router
        if self._loop.is_closed():
            self._ends.run()
            return
        if router.books.is_torn:
            self._mend()
        if router.books.is_closed:
            return
        self._kill_stalled()
        call = router.close(self.clock())
        self._flush()
        try:
            if not call.done:
                await self._wait(call)
            await self._ended()
        finally:
            self._end_feeds()
            for link in router.links:
                router.lose(link, "")
            self._wake()
            self._ends.run()

    async def _ended(self) -> None:
        """Wait until the workers have ended, which they do by themselves if they have answered."""
        if self._timer is not None:  # it would have the loop forget what is waited for here
            self._timer.cancel()
            self._timer = None
        for port in self._ports:
            self._unwatch(port)
            if port.link.answered < port.link.next_seq:
                port.worker.kill()
        at = self._loop.time() + self._timeout
        for port in self._ports:
            if port.death_fd == GONE:
                continue
            ended = self._loop.create_future()
            self._loop.add_reader(port.death_fd, set_once, ended)
            try:
                async with asyncio.timeout_at(at):
                    await ended
            except TimeoutError:
                port.worker.kill()
            finally:
                self._loop.remove_reader(port.death_fd)

    def retire(self) -> bool:
        """Close at once, and use no descriptor any more; return whether the loop polls none."""
        router, loop = self.router, self._loop
        self._kill_stalled()
        router.retire()
        for port in self._ports:
            port.close()
        if loop.is_closed():
            return True
        if get_ident() == self._thread or not loop.is_running():
            self._leave_loop()
            return True
        left = Event()

        def leave() -> None:
            self._leave_loop()
            left.set()

        loop.call_soon_threadsafe(leave)
        return left.wait(LEAVE_SECONDS)

    def _leave_loop(self) -> None:
        self.discard()
        self._wake()

    def disown(self) -> None:
        """Close, in a forked copy of this process; its loop is the other's still."""
        self._disown_workers()
        self._ends.forget()

    def discard(self) -> None:
        """Let go of the loop."""
        self._ends.forget()
        if self._timer is not None:
            self._timer.cancel()
        forget(self._loop, self._watched)
        self._watched.clear()


def loop_closed() -> EngineClosed:
    """Return the error of a call whose engine's event loop has ended."""
    return EngineClosed("the event loop of this engine is closed")
