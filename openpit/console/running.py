"""The console's process: it listens, until it is told to end or what it belongs to has ended."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["run"]

NICE: Final = 5
"""By how much the console gives way to the server and its workers, where they want a core."""

CONNECTIONS: Final = 256
"""Requests and streams at once; one more is told so (503)."""

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
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        loop="asyncio",
        http="h11",
        ws="none",
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=END_SECONDS,
    )
    asyncio.run(_serve(_Uvicorn(config, is_listening), listening, lifeline))


class _Uvicorn(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, is_listening: Callable[[], object]) -> None:
        super().__init__(config)
        self._is_listening: Final = is_listening

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
