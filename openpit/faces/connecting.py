"""Connecting to a server: an engine of either face whose workers are another process's."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from importlib import import_module
from math import inf
from types import ModuleType
from typing import TYPE_CHECKING, Any

from openpit.client.remote import Greeting, new_remote
from openpit.errors import ServerRefused
from openpit.faces.options import ShardedOptions
from openpit.faces.returning import Attempts, has_greeted, refused
from openpit.faces.sockets import ServerPort, read_by
from openpit.wire.limits import READ_BYTES

if TYPE_CHECKING:
    import os
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable

    from openpit.client.remote import Remote
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
    modules: Iterable[ModuleType | str] = (),
) -> ShardedEngine:
    """Connect to the server that listens at a path: its engine, shared with other programs.

    ``name`` is the session's, for lists and logs; of a server with a journal, also what the program
    has its open reservations by again, when it or the server was away for less than the server's
    ``--grace``: see :meth:`openpit.ShardedEngine.open_reservations`, and
    :meth:`openpit.ShardedEngine.missed_answers`. ``timeout`` and ``max_wait`` are those of
    ``EngineBuilder.sharded()``; the first is also what the server has to take this session. Where a
    server with a journal puts another worker in the place of one that stands still or has ended,
    calls on their way there wait for that. ``close()`` ends the session, which rolls back what it
    left open, or leaves it to its name; nothing else.

    Time is the server's. One that was started with ``--client-time`` takes the program's, as
    simulations need it: ``clock()`` returns nanoseconds, as ``EngineBuilder.clock()`` has it.

    What a policy of the server's raises is of its own class here if the program has imported the
    class's module, or names it in ``modules``, which are imported now; else it is a
    ``ShardCallbackError`` with the class's name. An order of a class that the server has not
    imported is a TypeError.

    If the server goes, orders are denied (``SystemUnavailable``), other calls raise
    :class:`openpit.errors.ShardDown`, and those that were in flight
    :class:`openpit.errors.OutcomeUnknown`. The session is looked for with pauses from 0.05 s to
    5 s, by the calls that come meanwhile (``poll()`` among them); none of them waits for it. Once
    there is a new one, calls go there. The old one has been rolled back, as far as the server
    lived: its handles raise ``ShardDown``.

    Raises:
        ServerRefused: nobody listens there, or the server does not take this session or its clock;
            its ``reason`` says which.
        ImportError: one of the modules is not to be found.
        TypeError: ``timeout`` or ``max_wait`` is no number, or ``path`` no path.
        ValueError: one of them is out of its range.
    """
    from openpit.client.handles import BLOCKING  # noqa: PLC0415 - as in faces/starting.py
    from openpit.faces.blocking.engine import (  # noqa: PLC0415
        new_sharded_engine,
        renew_sharded_engine,
    )
    from openpit.faces.blocking.returning import ReturningBlockingDriver  # noqa: PLC0415

    options = ShardedOptions(shards=1, timeout=timeout, max_wait=max_wait)
    _import_all(modules)
    greeting = Greeting(name)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        until = time.monotonic() + timeout
        try:
            connection.connect(_text(path))
            with suppress(BrokenPipeError):  # it has said no already, and that can be read
                connection.sendall(greeting.sent)
            _greet(connection, greeting, path, until)
        except OSError as error:
            raise refused(path, error) from error
        driver = ReturningBlockingDriver(clock or time.monotonic_ns, options)
        make = _Maker(clock, BLOCKING, options)
        driver.attach_server(_port_of(make(driver, greeting), connection))
    except BaseException:
        connection.close()
        raise
    engine = new_sharded_engine(driver)
    attempts = Attempts(_text(path), name, timeout, make)
    driver.come_back(engine, renew_sharded_engine, attempts)
    return engine


def _greet(connection: socket.socket, greeting: Greeting, path: object, until: float) -> None:
    """Read until a server has said its first word; a loop of its own: see tests/unit/test_loops."""
    while not has_greeted(greeting, read_by(connection, until), path):
        pass


async def connect_async(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    timeout: float = 5.0,  # noqa: ASYNC109 - of the engine's calls, too
    max_wait: float | None = None,
    clock: Callable[[], int] | None = None,
    modules: Iterable[ModuleType | str] = (),
) -> AsyncShardedEngine:
    """Connect to a server on the running event loop; as :func:`connect`.

    A session whose server has gone is looked for by the loop, whether calls come or not.

    Raises:
        ServerRefused: as :func:`connect`.
        ImportError: as :func:`connect`.
        RuntimeError: no loop is running.
    """
    import asyncio  # noqa: PLC0415 - as in faces/starting.py

    from openpit.faces.aio.engine import (  # noqa: PLC0415
        new_async_sharded_engine,
        renew_async_sharded_engine,
    )
    from openpit.faces.aio.handles import ASYNC  # noqa: PLC0415
    from openpit.faces.aio.returning import ReturningAsyncDriver  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    options = ShardedOptions(shards=1, timeout=timeout, max_wait=max_wait)
    _import_all(modules)
    greeting = Greeting(name)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        try:
            async with asyncio.timeout(timeout):
                await loop.sock_connect(connection, _text(path))
                with suppress(BrokenPipeError):  # as above
                    await loop.sock_sendall(connection, greeting.sent)
                await _greet_async(loop, connection, greeting, path)
        except OSError as error:  # TimeoutError among them
            raise refused(path, error) from error
        driver = ReturningAsyncDriver(clock or time.monotonic_ns, options)
        make = _Maker(clock, ASYNC, options)
        driver.attach_server(_port_of(make(driver, greeting), connection))
    except BaseException:
        connection.close()
        raise
    engine = new_async_sharded_engine(driver)
    attempts = Attempts(_text(path), name, timeout, make)
    driver.come_back(engine, renew_async_sharded_engine, attempts)
    return engine


async def _greet_async(
    loop: AbstractEventLoop, connection: socket.socket, greeting: Greeting, path: object
) -> None:
    """Read as :func:`_greet` does."""
    while not has_greeted(greeting, await loop.sock_recv(connection, READ_BYTES), path):
        pass


class _Maker:
    """Makes the client of a session that a server has welcomed."""

    def __init__(
        self, clock: Callable[[], int] | None, handles: Any, options: ShardedOptions
    ) -> None:
        self._has_clock = clock is not None
        self._handles = handles
        self._patience = options.patience

    def __call__(self, driver: Any, greeting: Greeting) -> Remote:
        """Return it.

        Raises:
            ServerRefused: the program has a clock, and the server one of its own.
        """
        welcome = greeting.welcome
        if self._has_clock and (welcome is None or not welcome.client_time):
            raise ServerRefused("time", "the server has a clock of its own (no --client-time)")
        patience = self._patience._replace(stall_timeout=inf)
        if welcome is not None and welcome.away:  # until then the server says what becomes of it
            patience = patience._replace(
                stall_timeout=welcome.away,
                recovery_timeout=welcome.away,
                word=welcome.timeout,
            )
        remote = new_remote(greeting, self._handles, driver, patience=patience)
        if remote.client.left.before:
            remote.client.left.due = time.monotonic() + remote.welcome.grace
        return remote


def _port_of(remote: Remote, connection: socket.socket) -> ServerPort:
    return ServerPort(remote, connection.detach())


def _import_all(modules: Iterable[ModuleType | str]) -> None:
    for module in modules:
        if isinstance(module, str):
            import_module(module)
        elif not isinstance(module, ModuleType):
            raise TypeError(f"modules are modules or their names, not {module!r:.100}")


def _text(path: str | os.PathLike[str]) -> str:
    return path if isinstance(path, str) else path.__fspath__()
