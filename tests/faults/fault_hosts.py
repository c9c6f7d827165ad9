"""A program around an engine, on either face, so that one test tells the story for both.

A call is begun in a thread of its own on the blocking face, and as a task on asyncio: either way it
gives a future, and a test sees what becomes of calls that are in flight.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import makers
import pytest
import uvloop
from fault_traces import eventually, state_of

import openpit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from openpit.wire.shard_stats import ShardStats

    Ask = Callable[[Any], Any]

__all__ = ["HOSTS", "PATIENCE", "PROMPT", "Host", "an_order", "denial_of", "on_every_loop"]

PROMPT = 4.0
"""Seconds in which what must not wait is over: less than the timeout of a call, which is 5.

Within one second on a machine that has nothing else to do; these tests run where others do, too.
"""

PATIENCE = 20.0
"""Seconds after which a test takes a call to hang."""


class Host:
    """One engine and the calls to it."""

    def __init__(self) -> None:
        self.engine: Any = None
        self.down: list[ShardStats] = []

    def build(
        self,
        *policies: Any,
        shards: int = 2,
        actors: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Build the engine of policies, built-in (ready builders) or custom, and of actors."""
        options.setdefault("on_shard_down", self.down.append)
        stage: Any = openpit.Engine.builder().sharded(shards=shards, **options)
        for policy in policies:
            stage = stage.builtin(policy) if hasattr(policy, "_build") else stage.pre_trade(policy)
        for name, factory in (actors or {}).items():
            stage = stage.actor(name, factory)
        self.engine = self._built(stage)

    def _built(self, stage: Any) -> Any:
        raise NotImplementedError

    def begin(self, ask: Ask) -> Future[Any]:
        """Make a call; the future has its outcome."""
        raise NotImplementedError

    def ask(self, ask: Ask) -> Any:
        """Make a call and wait for its outcome."""
        return self.begin(ask).result(PATIENCE)

    def end(self) -> None:
        """Close the engine and end everything around it."""
        raise NotImplementedError

    # --- what tests ask for most ---------------------------------------------------------------

    def execute(self, number: int, name: str = "AAPL") -> Any:
        return self.ask(lambda engine: engine.execute_pre_trade(order=an_order(number, name)))

    def begin_execute(self, number: int, name: str = "AAPL") -> Future[Any]:
        return self.begin(lambda engine: engine.execute_pre_trade(order=an_order(number, name)))

    def stats(self, shard: int) -> ShardStats:
        pictures: list[ShardStats] = self.ask(lambda engine: engine.stats())
        return pictures[shard]

    def pid(self, shard: int) -> int:
        pid = self.engine.stats()[shard].pid
        assert pid is not None
        return int(pid)

    def account_of(self, shard: int, place: int = 0) -> int:
        """Return an account of a shard: the first one, or the next ones by their place."""
        found = (n for n in range(1, 1_000_000) if self.engine.shard_of(makers.account(n)) == shard)
        for _ in range(place):
            next(found)
        return next(found)

    def in_flight(self, shard: int, commands: int) -> None:
        """Wait until that many commands of a shard are in flight."""
        assert eventually(lambda: self.stats(shard).in_flight == commands), self.stats(shard)

    # --- signals -------------------------------------------------------------------------------

    def kill(self, shard: int) -> None:
        os.kill(self.pid(shard), signal.SIGKILL)

    def stop(self, shard: int) -> None:
        """Stop a worker; it takes nothing and answers nothing until it goes on."""
        pid = self.pid(shard)
        os.kill(pid, signal.SIGSTOP)
        assert eventually(lambda: state_of(pid) == "T")

    def go_on(self, shard: int) -> None:
        os.kill(self.pid(shard), signal.SIGCONT)


class BlockingHost(Host):
    """A program of threads."""

    def __init__(self) -> None:
        super().__init__()
        self._threads: list[threading.Thread] = []

    def _built(self, stage: Any) -> Any:
        return stage.build()

    def ask(self, ask: Ask) -> Any:
        future, thread = self._begun(ask)
        try:
            return future.result(PATIENCE)
        finally:
            thread.join(PATIENCE)  # it has the outcome in its hands, which the test may let go of

    def begin(self, ask: Ask) -> Future[Any]:
        return self._begun(ask)[0]

    def _begun(self, ask: Ask) -> tuple[Future[Any], threading.Thread]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(ask(self.engine))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
                future.set_exception(error)

        thread = threading.Thread(target=run)
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()
        return future, thread

    def end(self) -> None:
        if self.engine is not None:
            self.engine.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a call never ended"
        self._threads.clear()
        self.engine = None


class AsyncioHost(Host):
    """A program of tasks, on the standard loop."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = self._new_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    def _built(self, stage: Any) -> Any:
        return self._run(stage.build_async()).result(PATIENCE)

    def begin(self, ask: Ask) -> Future[Any]:
        async def run() -> Any:
            answer = ask(self.engine)
            return await answer if inspect.isawaitable(answer) else answer

        return self._run(run())

    def _run(self, awaitable: Awaitable[Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop)  # type: ignore[arg-type]  # a coroutine

    def end(self) -> None:
        async def finish() -> None:
            if self.engine is not None:
                await self.engine.close()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"calls never ended: {left}"

        try:
            self._run(finish()).result(PATIENCE)
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(PATIENCE)
            self.loop.close()
            self.engine = None


class UvloopHost(AsyncioHost):
    """A program of tasks, on uvloop."""

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop


HOSTS: dict[str, type[Host]] = {
    "blocking": BlockingHost,
    "asyncio": AsyncioHost,
    "uvloop": UvloopHost,
}

on_every_loop = pytest.mark.parametrize("host", list(HOSTS), indirect=True)


def an_order(number: int, name: str = "AAPL") -> openpit.Order:
    """10 of the instrument at 100 USD, for account ``number``."""
    return makers.order(number, instrument=(name, "USD"))


def denial_of(result: Any) -> tuple[str, str, str, str]:
    """Code, policy, scope and details of the one reject of an order that was not checked."""
    assert not result
    (found,) = result.rejects
    return found.code, found.policy, found.scope, found.details
