"""Who connects waits until a time at the most, whatever comes meanwhile."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

import openpit
from openpit.errors import ServerRefused
from openpit.faces.asking import drain_server, sessions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    """A server that sends a byte of a first frame now and then, and no end."""
    at = str(tmp_path / "s")
    over = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(at)
        listening.listen(1)

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.send(b"\0\0\x10\0")  # a frame of 4 KiB is to come
                while not over.wait(0.02):
                    try:
                        connection.send(b"\0")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        yield at
        over.set()
        thread.join()


@pytest.mark.parametrize("ask", [openpit.connect, sessions_of, drain_server])
def test_bytes_that_drip_in_do_not_move_the_deadline(path: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(ServerRefused) as found:
        ask(path, timeout=0.1)
    assert found.value.reason == "absent"
