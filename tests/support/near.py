"""Both faces around shards of this very process: real pipes, real drivers, and no worker.

A shard works whenever its face waits for something, so that a test has every step of a call in its
hands: which turn of the loop, which line of the router. Nothing depends on a clock.
"""

from __future__ import annotations

import asyncio
import os
import select
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from link import CLEAR

from openpit.client.handles import BLOCKING
from openpit.faces.aio.driver import AsyncDriver
from openpit.faces.aio.engine import AsyncShardedEngine
from openpit.faces.aio.handles import ASYNC
from openpit.faces.blocking.driver import BlockingDriver
from openpit.faces.blocking.engine import ShardedEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from link import Clear

    from openpit.client.client import Client
    from openpit.faces.embedded import ReadyShardedEngineBuilder
    from openpit.faces.starting import StartPlan

__all__ = ["NearWorker", "near", "near_async", "workers_of"]

FOREVER = 1e6
"""A timeout in seconds that no test sees the end of."""


class NearWorker:
    """What a face holds of a worker, and the worker itself."""

    def __init__(self, number: int, slowness: int = 0, bodies: Clear = CLEAR) -> None:
        self.number = number
        self.pid = 0
        self.commands_in, self.command_fd = os.pipe()
        self.reply_fd, self._replies_out = os.pipe()
        self.death_fd, self._alive = os.pipe()
        for fd in (self.commands_in, self.command_fd, self.reply_fd, self._replies_out):
            os.set_blocking(fd, False)
        self.stub = bodies.shard()
        self.slowness = slowness  # how often it is given the processor before its replies leave
        self._delays: list[int] = []
        self._replies: list[bytes] = []
        self.is_running = True
        self._has_pipes = True
        self._why = ""
        self.at_end: Callable[[], object] = lambda: None  # called before its descriptors close

    @property
    def open_handles(self) -> frozenset[int]:
        """What waits in this shard for a commit, a rollback or a main stage."""
        return frozenset() if self.stub.core is None else self.stub.core.open_handles

    def work(self) -> bool:
        """Do what a worker does until it would sleep; tell whether there was anything to do."""
        if not self.is_running:
            return False
        try:
            data = os.read(self.commands_in, 1 << 20)
        except BlockingIOError:
            data = None
        if data:
            self._replies.append(self.stub.receive(data))
            self._delays.append(self.slowness)
        elif data is not None:
            if self.stub.core is not None:
                self.stub.core.finish()
            self._end("its worker ended with exit code 0")
            return True
        if not self._delays:
            return False
        self._delays[0] -= 1
        if self._delays[0] < 0:
            del self._delays[0]
            replies = self._replies.pop(0)
            try:
                assert os.write(self._replies_out, replies) == len(replies), (
                    "a pipe takes this much"
                )
            except BrokenPipeError:
                self._end("its worker ended with exit code 0")
            else:
                if self.stub.core is not None and self.stub.core.closed:
                    self._end("its worker ended with exit code 0")
        return True

    def _end(self, why: str) -> None:
        self.is_running = False
        self._why = why
        self.at_end()
        for fd in (self.commands_in, self._replies_out, self._alive):
            os.close(fd)

    # --- what a face asks of its worker ----------------------------------------------------------

    def ending(self, _seconds: float) -> str:
        return self._why

    def kill(self) -> None:
        if self.is_running:
            self._end("its worker was killed by signal 9")

    def disown(self) -> None:
        self.close_pipes()

    def close_pipes(self) -> None:
        if self._has_pipes:
            self._has_pipes = False
            for fd in (self.command_fd, self.reply_fd):
                os.close(fd)

    def stop(self, _seconds: float) -> None:
        self.close_pipes()
        if self.is_running:
            self.work()
        self.kill()
        if self.death_fd is not None:
            os.close(self.death_fd)
            self.death_fd = None  # type: ignore[assignment]  # it has ended, and this is known


class _Poller:
    """A poller that lets the shards work before it would sleep."""

    def __init__(self, workers: list[NearWorker]) -> None:
        self._poller = select.poll()
        self._workers = workers
        self.register = self._poller.register
        self.unregister = self._poller.unregister

    def poll(self, milliseconds: float = 0) -> list[tuple[int, int]]:
        ready = self._poller.poll(0)
        while not ready:
            moved = any([worker.work() for worker in self._workers])  # noqa: C419 - all of them work
            ready = self._poller.poll(0)
            if not moved:
                break
        assert ready or not milliseconds, "somebody waits for what never comes"
        return ready


def near(
    builder: ReadyShardedEngineBuilder, *slowness: int, bodies: Clear = CLEAR
) -> ShardedEngine:
    """Return the engine of ``builder.build()``; ``slowness`` says how slow each shard is."""
    plan = _patient(builder._plan())
    driver = BlockingDriver(builder._clock, plan.options)
    client = plan.client(BLOCKING, driver)
    workers = _workers(client, slowness, bodies)
    poller: Any = _Poller(workers)
    poller.register(driver._wake_in, select.POLLIN)
    driver._poller = poller
    driver.attach(client, workers)  # type: ignore[arg-type]  # they have what a worker has
    driver.start(plan.payload, FOREVER, FOREVER)
    driver.follow(plan.services)
    return ShardedEngine._of(driver)


async def near_async(
    builder: ReadyShardedEngineBuilder, *slowness: int, bodies: Clear = CLEAR
) -> AsyncShardedEngine:
    """Return the engine of ``builder.build_async()``, as :func:`near` does."""
    plan = _patient(builder._plan())
    driver = AsyncDriver(builder._clock, plan.options)
    client = plan.client(ASYNC, driver)
    workers = _workers(client, slowness, bodies)
    driver.attach(client, workers)  # type: ignore[arg-type]  # they have what a worker has
    loop = asyncio.get_running_loop()
    for worker in workers:
        loop.add_reader(worker.commands_in, _work, loop, worker)
        worker.at_end = partial(loop.remove_reader, worker.commands_in)
    await driver.start(plan.payload, FOREVER, FOREVER)
    driver.follow(plan.services)
    return AsyncShardedEngine._of(driver)


def _patient(plan: StartPlan) -> StartPlan:
    """Return a plan of which nothing is ever due."""
    max_wait = FOREVER if plan.options.max_wait is None else plan.options.max_wait
    return replace(plan, options=replace(plan.options, timeout=FOREVER, max_wait=max_wait))


def _work(loop: asyncio.AbstractEventLoop, worker: NearWorker) -> None:
    """Work once in each turn of the loop until there is nothing to do."""
    if worker.work():
        loop.call_soon(_work, loop, worker)


def _workers(client: Client, slowness: tuple[int, ...], bodies: Clear) -> list[NearWorker]:
    bodies.keep_from(client.router)
    slow = [*slowness, *[0] * len(client.router.links)]
    return [NearWorker(link.number, slow[link.number], bodies) for link in client.router.links]


def workers_of(engine: Any) -> list[NearWorker]:
    """Return the workers of an engine that was made here."""
    workers: list[NearWorker] = engine._driver._ends.workers
    return workers
