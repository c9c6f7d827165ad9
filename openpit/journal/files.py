"""What a journal asks of a file system, and no more: so that a test can lose the power."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

__all__ = ["DISK", "Disk", "LogFile", "SystemDisk", "boot_name", "write_all"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o750


class LogFile(Protocol):
    """A file that is written at its end."""

    def write(self, data: bytes) -> int:
        """Write some of the bytes, and return how many."""

    def sync(self) -> None:
        """Return when all that was written is on the disk."""

    def truncate(self, size: int) -> None:
        """Cut the file to a size."""

    def close(self) -> None:
        """Let go of the file."""

    def fileno(self) -> int:
        """Return the descriptor; -1 where there is none."""


class Disk(Protocol):
    """The files and folders of a journal."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted; none if there is no such folder."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, where they are not there; they outlast a power loss."""

    def create(self, path: Path) -> LogFile:
        """Make a file that is not there, or is empty, and open it."""

    def read(self, path: Path, most: int = -1) -> bytes:
        """Return what a file holds: all of it, or so many bytes at most."""

    def cut(self, path: Path, size: int) -> None:
        """Cut a file to a size, and return when that is on the disk."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def rename(self, path: Path, to: Path) -> None:
        """Give a file another name in its folder, at once or not at all."""

    def sync_folder(self, folder: Path) -> None:
        """Return when what was made and removed in a folder is on the disk."""

    def free(self, folder: Path) -> int:
        """Return how many bytes may still be written there."""


class SystemDisk:
    """The system's own."""

    def names(self, folder: Path) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths
        return []

    def make_folder(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        for one in missing:
            self.sync_folder(one.parent)

    def create(self, path: Path) -> _SystemFile:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
        if os.fstat(fd).st_size:
            os.close(fd)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        return _SystemFile(fd)

    def read(self, path: Path, most: int = -1) -> bytes:
        with path.open("rb") as file:
            return file.read(most)

    def cut(self, path: Path, size: int) -> None:
        fd = os.open(path, os.O_WRONLY)
        try:
            os.ftruncate(fd, size)
            os.fsync(fd)
        finally:
            os.close(fd)

    def remove(self, path: Path) -> None:
        path.unlink()

    def rename(self, path: Path, to: Path) -> None:
        path.rename(to)

    def sync_folder(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free(self, folder: Path) -> int:
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


class _SystemFile:
    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def sync(self) -> None:
        _sync(self._fd)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def fileno(self) -> int:
        return self._fd


_sync: Final = getattr(os, "fdatasync", os.fsync)  # not every platform has the cheaper one

DISK: Final[Disk] = SystemDisk()


def write_all(file: LogFile, data: bytes) -> None:
    """Write all of the bytes.

    Raises:
        OSError: the file has taken a part of them at most.
    """
    written = file.write(data)
    if written < len(data):
        _write_rest(file, memoryview(data)[written:])


def _write_rest(file: LogFile, rest: memoryview) -> None:
    while rest:
        rest = rest[file.write(bytes(rest)) :]


def boot_name() -> str:
    """Return what names this run of the machine; empty where the system has no name for it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
