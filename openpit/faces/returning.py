"""A session whose server has gone, and the attempts to have it again. Nothing in here waits.

What came of the session that was lost stays lost: its client, its router, and all handles, whose
numbers would name something else in the next session. The face goes on with new ones.
"""

from __future__ import annotations

import os
import socket
import weakref
from contextlib import suppress
from logging import getLogger
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.client.remote import Greeting, Pauses
from openpit.errors import ServerRefused, WireError
from openpit.faces.driver import Driver
from openpit.faces.sockets import ServerPort
from openpit.shards.process import GONE
from openpit.wire.limits import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.client.remote import Remote
    from openpit.faces.ends import Ends

__all__ = ["Attempts", "Returning", "has_greeted", "refused"]


LOOK_SECONDS: Final = 0.005
"""How often it is looked whether a server has answered that a connection has been made to: one that
lives does so within a millisecond."""

_log = getLogger("openpit.client")


def has_greeted(greeting: Greeting, data: bytes, path: object) -> bool:
    """Take what a server has sent; tell whether its first frame has come.

    Raises:
        ServerRefused: it does not want this session, or is no server.
    """
    if not data:
        raise ServerRefused("closed", f"the server at {path} has closed the connection")
    try:
        return greeting.receive(data)
    except WireError as error:
        raise ServerRefused("malformed", f"what listens at {path} is no server: {error}") from None


def refused(path: object, error: OSError) -> ServerRefused:
    """Return the error of a connection that did not come about."""
    if isinstance(error, TimeoutError):
        return ServerRefused("absent", f"the server at {path} has not answered in time")
    if isinstance(error, PermissionError):
        return ServerRefused("user", f"this user may not connect to {path}: {error.strerror}")
    return ServerRefused("absent", f"no server listens at {path}: {error.strerror}")


class Attempts:
    """Tries to have a session of a server again, with growing pauses."""

    def __init__(
        self,
        path: str,
        name: str | None,
        timeout: float,
        make: Callable[[Any, Greeting], Remote],
    ) -> None:
        self.path: Final = path
        self.why = ""  # the last attempt has failed
        self.name: Final = name
        self._timeout: Final = timeout
        self._make: Final = make
        self._pauses: Final = Pauses()
        self._greeting = Greeting(name)
        self._fd = GONE  # of the attempt under way
        self._until = inf

    def due(self, now: float) -> float:
        """Return for how many seconds there is nothing to do, of a server that is gone."""
        if self._fd != GONE:
            return LOOK_SECONDS
        if self._pauses.due == inf:
            self._pauses.begin(now)
        return max(self._pauses.due - now, 0.0)

    def look(self, now: float, driver: Any, ends: Ends) -> ServerPort | None:
        """Do what is due; return the connection to a server that has taken the session."""
        try:
            if self._fd == GONE:
                if self.due(now):
                    return None
                self._begin(now, ends)
            if self._has_answered(now, ends):
                remote = self._make(driver, self._greeting)
                fd, self._fd = self._fd, GONE
                self._pauses.over()
                self.why = ""
                return ServerPort(remote, fd)
        except OSError as error:
            self._fail(now, ends, refused(self.path, error))
        except (ServerRefused, WireError) as error:
            self._fail(now, ends, error)
        return None

    def _begin(self, now: float, ends: Ends) -> None:
        self._greeting = Greeting(self.name)
        self._until = now + self._timeout
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            connection.connect(self.path)
            with suppress(BrokenPipeError):  # it has said no already, and that can be read
                connection.send(self._greeting.sent)
            self._fd = connection.detach()
        ends.own(self._fd)

    def _has_answered(self, now: float, ends: Ends) -> bool:
        while True:
            if not ends.is_own(self._fd):
                raise ServerRefused("closed", "the program has closed the connection")
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                if now >= self._until:
                    raise TimeoutError from None
                return False
            if has_greeted(self._greeting, data, self.path):
                return True

    def _fail(self, now: float, ends: Ends, error: Exception) -> None:
        fd, self._fd = self._fd, GONE
        ends.close(fd)
        self._pauses.begin(now)
        self.why = str(error)


class Returning(Driver):
    """A driver whose server may go, and come back."""

    _next: ServerPort | None = None  # it has been found, and not all goes there yet
    _attempts: Attempts
    _engine: weakref.ref[Any]
    _renew: Callable[[Any], None]

    def come_back(self, engine: Any, renew: Callable[[Any], None], attempts: Attempts) -> None:
        """Have a new session whenever the server has gone; ``renew`` tells the engine."""
        self._engine = weakref.ref(engine)
        self._renew = renew
        self._attempts = attempts
        self.server_path = attempts.path

    @property
    def _is_away(self) -> bool:
        """Whether the server has gone, and is to be had again."""
        is_lost = self._next is not None or self._ports[0].is_over
        return is_lost and not self.router.books.is_closed

    def _on_time(self) -> float:
        seconds = super()._on_time()
        if not self._is_away:
            return seconds
        return min(seconds, self._look_for_server(monotonic()))

    def _look_for_server(self, now: float) -> float:
        """Do what is due to have the server again; return for how many seconds nothing is."""
        if self._next is None:
            self._next = self._attempts.look(now, self, self._ends)
        if self._next is not None:
            self._go_on(self._next)
            self._next = None
            return inf
        if self._attempts.why:
            lost = self._ports[0].source.why
            for link in self.router.links:
                link.why = f"{lost}; {self._attempts.why}"
        return self._attempts.due(now)

    def _go_on(self, port: ServerPort) -> None:
        """Leave the session that is lost for a new one.

        A signal's handler may raise between any two steps: all are then taken again.
        """
        self._wake()  # whoever waited for the old one
        old = self._ports[0]
        if old is not port:
            self._say_what_to_do(port.remote)
            closing = old.command_fd, old.reply_fd
            old.close()  # first: once they are closed, the numbers may be another's
            self._ends.close(*closing)
        is_held = self.client.is_held
        self.attach_server(port)
        engine = self._engine()
        if engine is None:
            self.client.is_held = is_held
        else:
            self._renew(engine)
        _log.warning(
            "connected to the server at %s again, as session %d",
            self._attempts.path,
            port.remote.welcome.session,
            extra={
                "event": "connected",
                "path": self._attempts.path,
                "session": port.remote.welcome.session,
            },
        )

    def _say_what_to_do(self, remote: Remote) -> None:
        """Have the handles of the session that is lost say what has become of them."""
        told = f"{self._ports[0].source.why}; this is of the session before"
        if remote.client.is_kept and self._attempts.name is not None:
            told += ", and open_reservations() gives back what that has left open"
        for link in self.router.links:
            link.why = told
