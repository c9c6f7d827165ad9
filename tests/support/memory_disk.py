"""A disk in memory that can run full, fail a sync, and lose the power.

What was written and not synced may be lost then: page by page, as a cache writes them back, with
zeros where a later page came to the disk and an earlier one did not; so may a name that was made in
a folder, or removed from it, since the folder was synced.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

PAGE = 512


class PowerLost(BaseException):
    """The power went; whoever writes goes no further."""


class MemoryFile:
    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk
        self.data = bytearray()
        self.synced = b""
        self.is_closed = False

    def write(self, data: bytes) -> int:
        assert not self.is_closed
        self.disk.step()
        room = self.disk.room
        if room is not None and not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = data if room is None else data[:room]
        if self.disk.most is not None:
            taken = taken[: self.disk.most]
        self.data += taken
        if room is not None:
            self.disk.room = room - len(taken)
        return len(taken)

    def sync(self) -> None:
        assert not self.is_closed
        self.disk.step()
        if self.disk.failing_syncs:
            self.disk.failing_syncs -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.disk.syncs += 1
        self.synced = bytes(self.data)

    def truncate(self, size: int) -> None:
        if self.disk.refuses_cuts:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        del self.data[size:]

    def close(self) -> None:
        self.is_closed = True

    def fileno(self) -> int:
        return -1


class MemoryDisk:
    def __init__(self) -> None:
        self.files: dict[Path, MemoryFile] = {}
        self.kept: dict[Path, MemoryFile] = {}  # the names that outlast the power
        self.room: int | None = None
        self.most: int | None = None  # bytes that one write takes
        self.failing_syncs = 0
        self.refuses_cuts = False
        self.syncs = 0
        self.steps_left: int | None = None

    def step(self) -> None:
        """Lose the power if this was the last step that there is."""
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise PowerLost

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.files if path.parent == folder)

    def make_folder(self, folder: Path) -> None:
        self.step()

    def create(self, path: Path) -> MemoryFile:
        self.step()
        if path in self.files and self.files[path].data:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        file = self.files.setdefault(path, MemoryFile(self))
        file.is_closed = False
        return file

    def read(self, path: Path, most: int = -1) -> bytes:
        data = bytes(self.files[path].data)
        return data if most < 0 else data[:most]

    def cut(self, path: Path, size: int) -> None:
        self.step()
        self.files[path].truncate(size)
        self.files[path].synced = bytes(self.files[path].data)

    def remove(self, path: Path) -> None:
        self.step()
        del self.files[path]

    def rename(self, path: Path, to: Path) -> None:
        self.step()
        self.files[to] = self.files.pop(path)

    def sync_folder(self, folder: Path) -> None:
        self.step()
        for path in [one for one in self.kept if one.parent == folder]:
            del self.kept[path]
        self.kept |= {path: file for path, file in self.files.items() if path.parent == folder}

    def free(self, folder: Path) -> int:
        return 2**40 if self.room is None else self.room

    def after_power_loss(self, random: Random) -> MemoryDisk:
        """Return what the disk holds when the power is back."""
        disk = MemoryDisk()
        names = dict(self.kept)
        for path, file in self.files.items():
            if path not in names and random.random() < 0.5:
                names[path] = file
        for path in self.kept:
            if path not in self.files and random.random() < 0.5:
                del names[path]
        for path, file in names.items():
            kept = MemoryFile(disk)
            kept.data = bytearray(self._remains(file, random))
            kept.synced = bytes(kept.data)
            disk.files[path] = disk.kept[path] = kept
        return disk

    def _remains(self, file: MemoryFile, random: Random) -> bytes:
        written = bytes(file.data)
        if not written.startswith(file.synced):  # it was cut, and that may be lost
            return random.choice((written, file.synced))
        first = len(file.synced)
        data = bytearray(file.synced)
        for start in range(first - first % PAGE, len(written), PAGE):
            if random.random() < 0.5:
                end = min(start + PAGE, len(written))
                data.extend(bytes(max(0, end - len(data))))
                data[max(start, first) : end] = written[max(start, first) : end]
        return bytes(data)
