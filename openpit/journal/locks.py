"""Locks on files: of one process alone, ended by its end, and by nobody that it has started."""

from __future__ import annotations

import errno
import fcntl
import os
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from openpit.errors import JournalInUse

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileLock"]

_LOOK_SECONDS: Final = 0.01
"""How often a lock is tried for that another process holds: it dies, or it does not."""

_MODE: Final = 0o640

_HELD: Final[set[tuple[int, int]]] = set()
"""What this process has locked: the system would give it the same lock twice."""


class FileLock:
    """The lock on a file, from here to :meth:`release`.

    It is the process's (``fcntl``), so a copy that is forked off does not hold it. Where another
    has it, it is waited for that many seconds.

    Raises:
        JournalInUse: somebody has it still.
        OSError: the file could not be opened, locked or written; the lock is nobody's then.
    """

    __slots__ = ("_fd", "_key", "_pid")

    def __init__(self, path: Path, seconds: float = 0.0) -> None:
        if path.exists() and _key_of(path.stat()) in _HELD:
            # Not opened: to close it would end the lock of the one that has it.
            raise JournalInUse(f"{path.parent} is in use by this process")
        fd = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
        self._key: Final = _key_of(os.fstat(fd))
        self._pid: Final = os.getpid()
        self._fd = fd
        try:
            self._take(path, monotonic() + seconds)
        except BaseException as error:
            self._fd = -1
            os.close(fd)
            if isinstance(error, OSError):
                error.filename = str(path)
            raise
        _HELD.add(self._key)

    def _take(self, path: Path, deadline: float) -> None:
        while not _is_taken(self._fd):
            if monotonic() >= deadline:
                raise JournalInUse(f"{path.parent} is in use by another process")
            sleep(_LOOK_SECONDS)
        os.ftruncate(self._fd, 0)
        os.write(self._fd, b"%d\n" % self._pid)

    def release(self) -> None:
        """Let go of the lock; in a forked copy, of the copied descriptor alone."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
            if os.getpid() == self._pid:
                _HELD.discard(self._key)


def _key_of(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _is_taken(fd: int) -> bool:
    """Try for the lock; tell whether it is this process's now."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return False
        raise
    return True
