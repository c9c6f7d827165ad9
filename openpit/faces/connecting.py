"""Connecting to a server: an engine of either face whose workers are another process's."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from openpit.client.remote import Greeting, new_remote
from openpit.errors import ServerRefused, WireError
from openpit.faces.options import ShardedOptions
from openpit.faces.sockets import ServerPort
from openpit.wire.limits import READ_BYTES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from openpit.client.deadlines import Patience
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.blocking.engine import ShardedEngine

__all__ = ["connect", "connect_async"]


def connect(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    timeout: float = 5.0,
    max_wait: float | None = None,
    clock: Callable[[], int] | None = None,
) -> ShardedEngine:
    """Connect to the server that listens at a path: its engine, shared with other programs.

    ``name`` is the session's, for lists and logs. ``timeout`` and ``max_wait`` are those of
    ``EngineBuilder.sharded()``; the first is also what the server has to take this session.
    ``close()`` ends the session, which rolls back what it left open, and nothing else.

    Time is the server's. One that was started with ``--client-time`` takes the program's, as
    simulations need it: ``clock()`` returns nanoseconds, as ``EngineBuilder.clock()`` has it.

    Raises:
        ServerRefused: nobody listens there, or the server does not take this session or its clock;
            its ``reason`` says which.
    """
    from openpit.client.handles import BLOCKING  # noqa: PLC0415 - as in faces/starting.py
    from openpit.faces.blocking.driver import BlockingDriver  # noqa: PLC0415
    from openpit.faces.blocking.engine import new_sharded_engine  # noqa: PLC0415

    options = ShardedOptions(shards=1, timeout=timeout, max_wait=max_wait)
    greeting = Greeting(name)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        try:
            connection.connect(_text(path))
            with suppress(BrokenPipeError):  # it has said no already, and that can be read
                connection.sendall(greeting.sent)
            while not _has_greeted(greeting, connection.recv(READ_BYTES), path):
                pass
        except OSError as error:
            raise _refused(path, error) from error
        driver = BlockingDriver(_clock_of(clock, greeting), options)
        remote = new_remote(greeting, BLOCKING, driver, patience=_patience(options))
        driver.attach_server(ServerPort(remote, connection))
    except BaseException:
        connection.close()
        raise
    return new_sharded_engine(driver)


async def connect_async(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    timeout: float = 5.0,  # noqa: ASYNC109 - of the engine's calls, too
    max_wait: float | None = None,
    clock: Callable[[], int] | None = None,
) -> AsyncShardedEngine:
    """Connect to a server on the running event loop; as :func:`connect`."""
    import asyncio  # noqa: PLC0415 - as in faces/starting.py

    from openpit.faces.aio.driver import AsyncDriver  # noqa: PLC0415
    from openpit.faces.aio.engine import new_async_sharded_engine  # noqa: PLC0415
    from openpit.faces.aio.handles import ASYNC  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    options = ShardedOptions(shards=1, timeout=timeout, max_wait=max_wait)
    greeting = Greeting(name)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        try:
            async with asyncio.timeout(timeout):
                await loop.sock_connect(connection, _text(path))
                with suppress(BrokenPipeError):  # as above
                    await loop.sock_sendall(connection, greeting.sent)
                while not _has_greeted(
                    greeting, await loop.sock_recv(connection, READ_BYTES), path
                ):
                    pass
        except OSError as error:  # TimeoutError among them
            raise _refused(path, error) from error
        driver = AsyncDriver(_clock_of(clock, greeting), options)
        remote = new_remote(greeting, ASYNC, driver, patience=_patience(options))
        driver.attach_server(ServerPort(remote, connection))
    except BaseException:
        connection.close()
        raise
    return new_async_sharded_engine(driver)


def _patience(options: ShardedOptions) -> Patience:
    """Return for how long callers wait; which shards are given up, and when, the server says."""
    return options.patience._replace(stall_timeout=inf)


def _clock_of(clock: Callable[[], int] | None, greeting: Greeting) -> Callable[[], int]:
    if clock is None:
        return time.monotonic_ns
    if greeting.welcome is None or not greeting.welcome.client_time:
        raise ServerRefused("time", "the server has a clock of its own (no --client-time)")
    return clock


def _text(path: str | os.PathLike[str]) -> str:
    return path if isinstance(path, str) else path.__fspath__()


def _has_greeted(greeting: Greeting, data: bytes, path: object) -> bool:
    """Take what a server has sent; tell whether its first frame has come."""
    if not data:
        raise ServerRefused("closed", f"the server at {path} has closed the connection")
    try:
        return greeting.receive(data)
    except WireError as error:
        raise ServerRefused("malformed", f"what listens at {path} is no server: {error}") from None


def _refused(path: object, error: OSError) -> ServerRefused:
    """Return the error of a connection that did not come about."""
    if isinstance(error, TimeoutError):
        return ServerRefused("absent", f"the server at {path} has not answered in time")
    if isinstance(error, PermissionError):
        return ServerRefused("user", f"this user may not connect to {path}: {error.strerror}")
    return ServerRefused("absent", f"no server listens at {path}: {error.strerror}")
