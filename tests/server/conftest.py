"""Servers for tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from server_processes import FUNDS, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers, which end with the test."""
    servers: list[Server] = []

    def start(config: str = FUNDS, *options: str, shards: int = 2, path: str = "") -> Server:
        server = Server(config, *options, shards=shards, path=path)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.remove()
