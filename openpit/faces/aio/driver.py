"""The asyncio face: one loop, no thread, around client and router.

Calls of one turn of the loop leave as one frame per shard at its end. A cancelled call is given up:
the answer, when it comes, is let go. One timer serves all that is ever due.
"""

from __future__ import annotations

import asyncio
import select
import weakref
from contextlib import suppress
from functools import partial
from math import inf
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import EngineClosed
from openpit.faces.aio.loop import ask, forget, in_loop, let_go, tell
from openpit.faces.driver import Driver
from openpit.marketdata.service import is_empty
from openpit.shards.process import GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.client.recovery import Told
    from openpit.faces.engine_journal import EngineJournal
    from openpit.faces.options import ShardedOptions
    from openpit.faces.pipes import Port
    from openpit.faces.sockets import ServerPort
    from openpit.marketdata.service import MarketDataService
    from openpit.router.calls import Call
    from openpit.shards.process import Worker

__all__ = ["AsyncDriver"]

FRAMES_PER_TURN: Final = 16
"""Frames of one call that are encoded before the loop gets its turn: a millisecond of work."""

_MILLISECONDS: Final = 1000.0


class AsyncDriver(Driver):
    """Runs the core's calls on the event loop that it was made on."""

    def __init__(self, clock: Callable[[], int], options: ShardedOptions) -> None:
        self._loop: Final = asyncio.get_running_loop()
        self._thread: Final = get_ident()
        self._this: Final = weakref.ref(self)  # a loop must not keep an engine that nobody holds
        self._flush_is_due = False
        self._begun: list[Call] = []  # whose callers have begun to wait in this turn of the loop
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._settled: asyncio.Event | None = None  # of an end that waits for shards
        self._watched: list[int] = []  # descriptors that the loop may be polling
        super().__init__(clock, options)
        self._ends.unused = partial(let_go, self._loop, self._thread, self._watched)

    def attach(self, client: Client, workers: list[Worker]) -> None:
        super().attach(client, workers)
        self._begin_looking(client)

    def attach_server(self, port: ServerPort) -> None:
        super().attach_server(port)
        self._begin_looking(self.client)

    def _begin_looking(self, client: Client) -> None:
        self._soonest = min(client.deadlines.soonest, self._look_every)
        self.router.books.dropped.tell = partial(tell, self._loop, self._this, "let_go")
        now = monotonic()
        self._set_timer(client.left.due - now, now)

    def _watch(self, port: Port) -> None:
        place = port.link.number
        self._loop.add_reader(port.reply_fd, ask, self._this, "readable", place)
        self._watched += (port.reply_fd, port.command_fd)
        if port.death_fd != GONE:
            self._loop.add_reader(port.death_fd, ask, self._this, "ended", place)
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
            self._begun.append(call)
            try:
                await future
            except BaseException:
                call.abandon()
                raise
        return call.result()

    async def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""
        return (await self.run_part(method, *arguments)).result()

    async def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""
        if self._loop.is_closed():
            raise loop_closed()
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
        if call.done:
            self._flush()
        else:
            await self._wait(call)
        return call

    async def _wait(self, call: Call) -> None:
        call.waiter = future = self._loop.create_future()
        self._begun.append(call)
        self._flush()
        try:
            await future
        except BaseException:
            call.abandon()
            raise

    # --- the loop's side -----------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what this turn of the loop has staged; its time counts from now on."""
        self._flush_is_due = False
        if self.router.books.is_torn:
            self._mend()
        self._send()
        self._expect()

    def _expect(self) -> None:
        """Have what has been sent answered in time."""
        now = monotonic()
        begun, self._begun = self._begun, []
        deadlines = self.client.deadlines
        deadlines.expect(begun, now)
        if now + self._soonest < self._timer_at:
            self._set_timer(deadlines.next_deadline() - now, now)
        if self.router.books.news:
            self._tell()

    def readable(self, place: int) -> None:
        """Read the replies of the shard at a place of the list."""
        if self.router.books.is_torn:
            self._mend()
        port = self._ports[place]
        port.receive(self.router)
        self._after(port)

    def ended(self, place: int) -> None:
        """Give up the shard at a place of the list, whose worker has ended."""
        self._mend()
        port = self._ports[place]
        port.ended(self.router)
        self._after(port)

    def let_go(self) -> None:
        """Tell the shards what nobody holds any more."""
        self._mend()
        self.router.let_go()
        self._flush()

    def poll(self) -> None:
        if self._loop.is_closed():
            return
        self._mend()
        for port in self._ports:
            port.drain(self.router)
        self._after_all()
        self.let_go()

    def _mend(self) -> None:
        """Give up all shards if an exception has ended the loop between two steps: it runs again.

        Cancellation comes at an ``await`` and harms nothing; ^C may, where no runner makes it one.
        """
        if self.router.books.is_torn:
            super()._mend()
            self._after_all()

    def _await_room(self, port: Port) -> None:
        self._loop.add_writer(port.command_fd, ask, self._this, "writable", port.link.number)

    def writable(self, place: int) -> None:
        """Send the shard at a place of the list what its pipe had no room for."""
        port = self._ports[place]
        port.flush(self.router)
        if not port.has_backlog:
            self._loop.remove_writer(port.command_fd)
        if port.is_over:
            self._after(port)

    def _after(self, port: Port) -> None:
        """Do what follows from what a port has just brought."""
        books = self.router.books
        if port.is_over:
            self._unwatch(port)
            now = monotonic()
            self._set_timer(self._next_replacement() - now, now)
        self._heed_expiry()
        if books.dropped:  # answers that came too late
            self.router.let_go()
        if self._send():  # a block to be armed, the next step of a procedure
            self._expect()
        if books.news:
            self._tell()
        self._look_at_end()

    def _look_at_end(self) -> None:
        """Let the end go on that waits for shards that come back."""
        if self._settled is not None and self._is_settled:
            self._settled.set()

    def _heed_expiry(self) -> None:
        """Come back when the next reservation expires."""
        if self.client.expiring is not None:
            self._set_timer(self._next_expiry(), monotonic())

    def _after_all(self) -> None:
        for port in self._ports:
            self._after(port)

    def _unwatch(self, port: Port) -> None:
        descriptors = {port.reply_fd, port.command_fd, port.death_fd} - {GONE}
        forget(self._loop, [*descriptors])
        # Once the worker is replaced, these numbers may be those of the program's own files.
        self._watched[:] = [fd for fd in self._watched if fd not in descriptors]

    def _wake(self) -> None:
        woken = self.router.books.woken
        while woken:
            future = woken.pop().waiter
            if not future.done():
                future.set_result(None)

    def on_time(self) -> None:
        """Do what is due by now."""
        self._timer, self._timer_at = None, inf
        self._mend()
        seconds = self._on_time()
        self._tell()
        self._look_at_end()
        self._set_timer(seconds, monotonic())

    def _set_timer(self, seconds: float, now: float) -> None:
        """Come back in so many seconds, unless that happens earlier anyway."""
        if now + seconds < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(max(seconds, 0.0), ask, self._this, "on_time")
            self._timer_at = now + seconds

    # --- shards --------------------------------------------------------------------------------

    async def start(
        self, payload: bytes, deadline: float, seconds: float, epoch: int = 0
    ) -> list[Told]:
        """Load the engine in all workers, by a moment; raise ShardStartError if one cannot."""
        calls = self._begin_start(payload, deadline, seconds, epoch)
        self._flush()
        for call in calls:
            if not call.done:
                await self._wait(call)
        return [call.result() for call in calls]

    async def recover(
        self, journal: EngineJournal, told: Sequence[Told], options: ShardedOptions, payload: bytes
    ) -> None:
        """Go on from what the shards have come back with."""
        self._begin_again(journal, told, options, payload)
        await self.run(self._complete, journal, told)
        journal.settle()
        now = monotonic()
        self._set_timer(self.client.left.due - now, now)

    async def restore(
        self,
        journal: EngineJournal,
        services: Sequence[MarketDataService],
        readers: Sequence[tuple[str, ...]],
    ) -> None:
        """Take up the market data that the journal has."""
        if services:
            are_empty = [is_empty(service) for service in services]
            self._offset = journal.offset
            self._restored = await self.run(self._restore, are_empty, readers)

    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""
        if self.router.books.is_closed or self._loop.is_closed():
            return
        if get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._pass_on, service, operation)
        else:
            self._pass_on(service, operation)

    def _pass_on(self, service: int, operation: object) -> None:
        if self.router.books.is_closed:
            return
        self._mend()
        self.client.quote(self.clock(), service, operation)
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)
        self._let_catch_up()

    def _give_up(self, port: Port, why: str, *, returns: bool = False) -> None:
        port.give_up(self.router, why, returns=True) if returns else port.end(self.router, why)
        self._after(port)

    def _wait_at(self, port: Port, is_over: Callable[[], bool], seconds: float) -> None:
        self._send()
        # This does block the loop: whoever pushes that many quotes in one turn has it blocked
        # anyway.
        poller = select.poll()
        poller.register(port.reply_fd, select.POLLIN)
        if port.has_backlog:
            poller.register(port.command_fd, select.POLLOUT)
        if port.death_fd != GONE:
            poller.register(port.death_fd, select.POLLIN)
        for fd, _ in poller.poll(seconds * _MILLISECONDS):
            if fd == port.reply_fd:
                self.readable(port.link.number)
            elif fd == port.death_fd:
                self.ended(port.link.number)
            else:
                self.writable(port.link.number)

    async def close(self, *, rollback: bool = False) -> None:
        """Roll back what is open, unless it is kept, end the workers, close the pipes. Idempotent.

        One that is cancelled does so at once, and ends the calls that are in flight still.
        """
        router = self.router
        if self._loop.is_closed():
            self._ends.run()
            return
        self._mend()
        if router.books.is_closed:
            return
        keeps = self.client.is_kept and not rollback
        try:
            self._stop_taking()
            await self._settle()
            call = self._say_goodbye(keeps=keeps)
            if not call.done:
                await self._wait(call)
            await self._ended(keeps=keeps)
        finally:
            self._end_feeds()
            router.retire()
            self._wake()
            self._ends.run()

    async def _settle(self) -> None:
        """Wait until no call waits any more for a shard that comes back."""
        if self._is_settled:
            return
        self._settled = settled = asyncio.Event()
        self._after_all()  # what followed from that
        self._set_timer(0.0, monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(max(self._settled_by - monotonic(), 0.0)):
                await settled.wait()

    async def _ended(self, *, keeps: bool) -> None:
        """Wait until the workers have ended, which they do by themselves if they have answered.

        Those that keep what is open do when their pipes end.
        """
        self._stop_timer()  # it would have the loop forget what is waited for here
        for port in self._ports:
            self._unwatch(port)
            if port.link.answered < port.link.next_seq:
                port.kill()
            elif keeps and port.death_fd != GONE:
                port.worker.close_pipes()
        at = self._loop.time() + self._timeout
        for port in self._ports:
            if port.death_fd == GONE:
                continue
            ended = asyncio.Event()
            self._loop.add_reader(port.death_fd, ended.set)
            try:
                async with asyncio.timeout_at(at):
                    await ended.wait()
            except TimeoutError:
                port.kill()
            finally:
                self._loop.remove_reader(port.death_fd)

    def retire(self) -> bool:
        """Close at once, and use no descriptor any more; return whether the loop polls none."""
        router, loop = self.router, self._loop
        self._kill_stalled()
        router.retire()
        for port in self._ports:
            port.close()
        return loop.is_closed() or in_loop(loop, self._thread, self._leave_loop)

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
        self._stop_timer()
        forget(self._loop, self._watched)
        self._watched.clear()

    def _stop_timer(self) -> None:
        self._timer_at = -inf
        if self._timer is not None:
            self._timer.cancel()


def loop_closed() -> EngineClosed:
    """Return the error of a call whose engine's event loop has ended."""
    return EngineClosed("the event loop of this engine is closed")
