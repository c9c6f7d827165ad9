"""A server that is there already: what a load test has to know of it, and may find out."""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openpit.faces.connecting import connect

__all__ = ["CheckedServer", "checked_server", "processes_of"]

_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class CheckedServer:
    """A server that takes orders from this user."""

    path: str
    shards: int


def checked_server(path: str) -> CheckedServer:
    """Look at a server before a load is made for it.

    Raises:
        ServerRefused: nobody listens there, or it does not take this session.
        NotPermitted: this user may not trade there.
    """
    engine = connect(path, name="loadtest")
    try:
        engine.execute_pre_trade_many([])  # who may not is refused before anything is sent
        return CheckedServer(os.path.abspath(path), engine.shards)  # noqa: PTH100 - no link followed
    finally:
        engine.close()


def processes_of(path: str, shards: int) -> list[int]:
    """Return the ids of a server's processes: its own, then its workers', as far as known.

    The kernel tells whose the socket is, and what its children are: as many as shards, in the order
    in which they were started.
    """
    if not sys.platform.startswith("linux"):
        return []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(path)
            data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return []
    own = int(_CREDENTIALS.unpack(data)[0])
    children: list[int] = []
    with suppress(OSError):
        listed = Path(f"/proc/{own}/task/{own}/children").read_text("ascii")
        children = sorted(map(int, listed.split()))
    return [own, *children] if len(children) == shards else [own]
