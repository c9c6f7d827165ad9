"""Attempts to have a server again, on a socket that the test answers."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from openpit.errors import ServerRefused
from openpit.faces.returning import LOOK_SECONDS, Attempts
from openpit.wire.frames import FrameReader
from openpit.wire.sessions import bye_frame, hello_in

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ends:
    """What keeps the list of an engine's descriptors."""

    def __init__(self) -> None:
        self.open: list[int] = []

    def own(self, fd: int) -> None:
        self.open.append(fd)

    def is_own(self, fd: int) -> bool:
        return fd in self.open

    def close(self, fd: int) -> None:
        if fd in self.open:
            self.open.remove(fd)
            os.close(fd)


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="openpit-") as path:
        yield path


def attempts(folder: str, timeout: float = 2.0) -> tuple[Attempts, Any]:
    def make(driver: object, greeting: object) -> Any:
        raise ServerRefused("time", f"{driver} is not wanted")

    return Attempts(f"{folder}/s", "desk", timeout, make), Ends()


def listening(folder: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(f"{folder}/s")
    made.listen()
    return made


def test_nothing_is_tried_before_its_time(folder: str) -> None:
    trying, ends = attempts(folder)
    assert trying.due(10.0) == pytest.approx(0.05)
    assert trying.look(10.04, None, ends) is None
    assert trying.why == ""
    assert trying.look(10.05, None, ends) is None
    assert trying.why == f"no server listens at {folder}/s: No such file or directory"
    assert trying.due(10.05) == pytest.approx(0.1)
    assert ends.open == []


def test_a_server_that_says_no_is_asked_again_later(folder: str) -> None:
    trying, ends = attempts(folder)
    with ExitStack() as stack:
        server = stack.enter_context(listening(folder))
        assert trying.due(10.0) == pytest.approx(0.05)
        assert trying.look(11.0, None, ends) is None
        assert trying.due(11.0) == LOOK_SECONDS
        connection, _ = server.accept()
        stack.enter_context(connection)
        assert [hello_in(frame) for frame in FrameReader().feed(connection.recv(4096))] == ["desk"]
        assert trying.look(11.1, None, ends) is None
        connection.sendall(bye_frame("full", "there are 2 sessions already"))
        assert trying.look(11.2, None, ends) is None
        assert trying.why == "there are 2 sessions already"
        assert trying.due(11.2) == pytest.approx(0.1)
        assert ends.open == []


def test_a_server_that_says_nothing_is_left(folder: str) -> None:
    trying, ends = attempts(folder, timeout=2.0)
    with listening(folder):
        trying.due(10.0)
        trying.look(11.0, None, ends)
        trying.look(12.9, None, ends)
        assert len(ends.open) == 1
        trying.look(13.0, None, ends)
        assert trying.why == f"the server at {folder}/s has not answered in time"
        assert ends.open == []


def test_a_descriptor_that_the_program_took_is_not_read(folder: str) -> None:
    trying, ends = attempts(folder)
    with listening(folder):
        trying.due(10.0)
        trying.look(11.0, None, ends)
        (fd,) = ends.open
        ends.open.clear()  # it is a stranger's by now
        assert trying.look(11.1, None, ends) is None
        assert trying.why == "the program has closed the connection"
        os.close(fd)
