"""The console's process: it listens, until it is told to end or what it belongs to has ended."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from openpit.console.patience import PatientProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

__all__ = ["config_of", "run"]

NICE: Final = 5
"""By how much the console gives way to the server and its workers, where they want a core."""

CONNECTIONS: Final = 256
"""Requests and streams at once; one more is told so (503)."""

_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

END_SECONDS: Final = 1
"""How long requests may take that are under way at the end."""


def run(
    app: Any, listening: socket.socket, is_listening: Callable[[], object], lifeline: int | None
) -> None:
    """Serve an application on a socket until SIGTERM, ^C, or the end of the ``lifeline``.

    That is a pipe which whoever started the console keeps open as long as it lives.
    """
    with suppress(OSError):
        os.nice(NICE)
    server = _Uvicorn(config_of(app), is_listening, has_lifeline=lifeline is not None)
    asyncio.run(_serve(server, listening, lifeline))


def config_of(app: Any) -> uvicorn.Config:
    """Return how an application is served."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        loop="asyncio",
        http=PatientProtocol,
        ws="none",
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=END_SECONDS,
    )


class _Uvicorn(uvicorn.Server):
    """Says when it listens, and ends in order on a signal.

    One that belongs to a server ends with it: ^C at a terminal goes to both, and the server is to
    end first.
    """

    def __init__(
        self, config: uvicorn.Config, is_listening: Callable[[], object], *, has_lifeline: bool
    ) -> None:
        super().__init__(config)
        self._is_listening: Final = is_listening
        self._has_lifeline: Final = has_lifeline

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End by signals, while the console is served."""
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            if self._has_lifeline and number != signal.SIGTERM:
                loop.add_signal_handler(number, bool)
            else:
                loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _ENDING:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._is_listening()


async def _serve(server: _Uvicorn, listening: socket.socket, lifeline: int | None) -> None:
    loop = asyncio.get_running_loop()
    if lifeline is not None:

        def heard() -> None:
            loop.remove_reader(lifeline)
            server.should_exit = True

        loop.add_reader(lifeline, heard)
    await server.serve(sockets=[listening])
