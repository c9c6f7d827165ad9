"""The path that a server listens at: a dead server's socket is replaced, nothing else is."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ANYBODYS", "OWN", "Address", "AddressInUseError", "check_free"]

OWN: Final = 0o600
ANYBODYS: Final = 0o666
"""Modes. Where others may connect, who is taken their sessions' users decide."""

LOCK_SECONDS: Final = 2.0
"""How long another server may take to make its socket in the same folder: it needs microseconds."""

_LOOK_SECONDS: Final = 0.01


class AddressInUseError(OSError):
    """Another server lives at the path, or something that is no socket."""


class Address:
    """A socket that listens at a path."""

    def __init__(self, path: str, mode: int, backlog: int) -> None:
        """Listen at a path.

        Raises:
            AddressInUseError: a living server, or something that is no socket, is there.
            OSError: there is no such folder, it may not be written, or the path is too long.
        """
        self._path: Final = path
        self.socket: Final = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(~mode & 0o777)
        try:
            # Of two servers that find a dead one's socket, one would remove the other's new one.
            with _alone(path):
                if check_free(path):
                    os.unlink(path)  # noqa: PTH108 - a path as it was given
                self.socket.bind(path)
                self.socket.listen(backlog)
            self._file = _identity(path)
        except BaseException:
            self.socket.close()
            raise
        finally:
            os.umask(before)

    def remove(self) -> None:
        """Remove the path, unless it is another's by now."""
        with suppress(OSError):
            if _identity(self._path) == self._file:
                os.unlink(self._path)  # noqa: PTH108 - as above


def check_free(path: str) -> bool:
    """Tell whether a dead server's socket is at a path, where a new one may then be.

    Raises:
        AddressInUseError: a living server, or something that is no socket, is there.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False  # nothing is there, or who binds is told what is wrong
    if not stat.S_ISSOCK(mode):  # connecting to a file is refused, too
        raise AddressInUseError("something that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a living one that takes nobody now would keep us waiting
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                raise AddressInUseError(f"a socket is there: {error.strerror}") from None
    raise AddressInUseError("a server listens there already")


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Keep other servers from the folder of a path for a moment.

    Raises:
        AddressInUseError: whoever has locked the folder keeps it so; anybody may who can read it.
    """
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120
    try:
        _lock(folder)
        yield
    finally:
        os.close(folder)  # and the lock with it


def _lock(folder: int) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while not _has_locked(folder):
        if time.monotonic() > until:
            raise AddressInUseError("another program keeps the folder locked")
        time.sleep(_LOOK_SECONDS)


def _has_locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino
