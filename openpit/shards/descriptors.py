"""Whether a number is still the pipe that was opened under it, or a stranger's file by now.

A program may close what is not its own (``os.closerange``), or put something in its place
(``os.dup2``), and open files that get the numbers. An order must not be written into one of those,
nor read from it, and it must not be closed.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

__all__ = [
    "REPLACED",
    "close_own",
    "identity_of",
    "inode_of",
    "is_still",
    "is_still_socket",
    "mark_of",
]

REPLACED: Final = "the program closed the engine's pipes, or put files of its own in their place"

_PIPE_SIZE: Final[int | None] = getattr(fcntl, "F_GETPIPE_SZ", None)  # Linux
_control = fcntl.fcntl

Identity = tuple[int, int]
"""Device and inode: what a descriptor leads to."""


def mark_of(fd: int) -> int:
    """Return what tells a pipe from most else in a third of a microsecond.

    Its size, which is an unusual one where the system grants it; elsewhere its inode, for three
    times as much.
    """
    return os.fstat(fd).st_ino if _PIPE_SIZE is None else _control(fd, _PIPE_SIZE)


def is_still(fd: int, mark: int) -> bool:
    """Tell whether a number leads to a pipe of that mark: to ask before each read and write."""
    try:
        return mark_of(fd) == mark
    except (OSError, ValueError):  # no pipe, or nothing at all
        return False


def inode_of(fd: int) -> int:
    """Return what tells a socket from anything else."""
    return os.fstat(fd).st_ino


def is_still_socket(fd: int, mark: int) -> bool:
    """Tell whether a number leads to the socket of that inode."""
    try:
        return inode_of(fd) == mark
    except OSError:
        return False


def identity_of(fd: int) -> Identity:
    """Return what a descriptor leads to, without a doubt."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def close_own(fd: int, identity: Identity) -> None:
    """Close a descriptor unless it is another's by now."""
    try:
        if identity_of(fd) == identity:
            os.close(fd)
    except OSError:
        return  # closed already
