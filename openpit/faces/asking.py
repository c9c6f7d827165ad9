"""Questions to a server that it answers itself: no engine is made for them."""

from __future__ import annotations

import os
import socket
from time import monotonic
from typing import TYPE_CHECKING

from openpit.client.remote import Greeting
from openpit.errors import NotPermitted, ServerRefused, WireError
from openpit.faces.sockets import read_by
from openpit.wire.figures import figures_in
from openpit.wire.roles import Role, role_name
from openpit.wire.sessions import SessionOp, bye_in, note_frame, op_of, sessions_in

if TYPE_CHECKING:
    from openpit.wire.figures import RouterFigures
    from openpit.wire.frames import Frame
    from openpit.wire.sessions import SessionStats, Welcome

__all__ = ["Asking", "drain_server", "server_figures", "sessions_of"]


def sessions_of(path: str | os.PathLike[str], *, timeout: float = 5.0) -> list[SessionStats]:
    """Return who is connected to the server at a path, beside the one that asks.

    Raises:
        ServerRefused: nobody listens there, or the server does not take this session.
    """
    with Asking(path, timeout) as asking:
        mine = asking.session
        answer = asking.ask(SessionOp.SESSIONS)
    return [one for one in sessions_in(answer) if one.number != mine]


def server_figures(
    path: str | os.PathLike[str], *, timeout: float = 5.0
) -> tuple[list[RouterFigures], list[SessionStats]]:
    """Return what the server at a path knows of its shards, and who else is connected.

    Raises:
        ServerRefused: as in :func:`sessions_of`.
    """
    with Asking(path, timeout) as asking:
        mine = asking.session
        figures, _ = figures_in(asking.ask(SessionOp.FIGURES))
        found = sessions_in(asking.ask(SessionOp.SESSIONS))
    return figures, [one for one in found if one.number != mine]


def drain_server(path: str | os.PathLike[str], *, timeout: float = 5.0, wait: float = 30.0) -> bool:
    """Have the server at a path end when what is in flight is answered; tell whether it has.

    It is waited for ``wait`` seconds at the most.

    Raises:
        ServerRefused: as in :func:`sessions_of`.
        NotPermitted: this user's sessions do not administer.
    """
    with Asking(path, timeout) as asking:
        if asking.role < Role.ADMIN:
            what = "the server's end"
            raise NotPermitted(what, role_name(asking.role), role_name(Role.ADMIN))
        asking.ask(SessionOp.DRAIN)
        return asking.has_ended(wait)


class Asking:
    """A connection of its own, for questions one after the other; ``timeout`` is of each.

    Use it with ``with``. What it raises leaves it of no use.

    Raises:
        ServerRefused: nobody listens there, does not take this session, or does not answer in time.
    """

    def __init__(
        self, path: str | os.PathLike[str], timeout: float, name: str | None = None
    ) -> None:
        self._path = os.fspath(path)
        self._timeout = timeout
        self._greeting = Greeting(name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._until = monotonic() + timeout

    def __enter__(self) -> Asking:
        try:
            self._socket.connect(self._path)
            self._socket.sendall(self._greeting.sent)
            welcome = self._greeted()
        except BaseException as error:
            self._socket.close()
            if isinstance(error, OSError):
                raise self._absent(error) from error
            raise
        self.session, self.role = welcome.session, welcome.role
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, op: int) -> Frame:
        """Return the server's answer."""
        self._greeting.behind.clear()  # an answer of before, and news
        self._until = monotonic() + self._timeout
        self._socket.settimeout(self._timeout)
        try:
            self._socket.sendall(note_frame(op))
            return self._answer(op)
        except OSError as error:
            raise self._absent(error) from error

    def has_ended(self, seconds: float) -> bool:
        """Wait until the server has closed the connection; tell whether it has."""
        self._until = monotonic() + seconds
        try:
            self._read_out()
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    # Loops have functions of their own, without handlers around them: see tests/unit/test_loops.

    def _greeted(self) -> Welcome:
        while self._greeting.welcome is None:
            self._read()
        return self._greeting.welcome

    def _answer(self, op: int) -> Frame:
        while True:
            for frame in self._greeting.behind:
                if op_of(frame) == op:
                    return frame
                if op_of(frame) == SessionOp.BYE:
                    raise ServerRefused(*bye_in(frame))
            self._greeting.behind.clear()
            self._read()

    def _read_out(self) -> None:
        while read_by(self._socket, self._until):
            pass

    def _read(self) -> None:
        data = read_by(self._socket, self._until)
        if not data:
            raise ServerRefused("closed", f"the server at {self._path} has closed the connection")
        try:
            self._greeting.receive(data)
        except WireError as error:
            why = f"what listens at {self._path} is no server: {error}"
            raise ServerRefused("malformed", why) from None

    def _absent(self, error: OSError) -> ServerRefused:
        why = error.strerror or "no answer in time"
        return ServerRefused("absent", f"no server answers at {self._path}: {why}")
