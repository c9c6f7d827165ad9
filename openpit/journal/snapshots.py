"""The files of snapshots: beside a log's segments, named by the number of the last record in them.

::

    magic    8 bytes
    format   u16
    length   u32    of the header
    crc      u32    CRC32C of the header
    header   JSON: an object
    size     u64    of the state
    crc      u32    CRC32C of the state
    state    all that is left of the file

A file has its name when all of it is on the disk: it is written under another one, synced, renamed,
and its folder is synced. What a state holds is its writer's affair.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.files import write_all
from openpit.journal.records import crc32c
from openpit.journal.segments import HEADER_BYTES, drop_segments

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openpit.journal.files import Disk

__all__ = [
    "FORMAT",
    "LEAST_KEPT",
    "Snapshot",
    "SnapshotFile",
    "cut_behind",
    "drop_unfinished",
    "is_whole",
    "read_snapshot",
    "snapshot_path",
    "snapshots_of",
    "write_snapshot",
]

FORMAT: Final = 1
"""Of these files: a reader reads exactly its own."""

LEAST_KEPT: Final = 2
"""Snapshots that stay: where the last one is damaged, or has more than is asked for, the one before
and what the log has behind that one serve as well."""

_MAGIC: Final = b"openpitS"
_FRONT: Final = Struct(">8sHII")
_STATE: Final = Struct(">QI")
_NAME: Final = re.compile(r"(\d{20})\.snap")
_UNFINISHED: Final = ".unfinished"


class SnapshotFile(NamedTuple):
    """One file, of which only the name is known."""

    path: Path
    number: int  # of the last record that is in it


class Snapshot(NamedTuple):
    """What a file holds."""

    fields: Mapping[str, Any]
    state: bytes


def snapshot_path(folder: Path, number: int) -> Path:
    """Return where the snapshot stands whose last record has a number."""
    return folder / f"{number:020d}.snap"


def snapshots_of(disk: Disk, folder: Path) -> list[SnapshotFile]:
    """Return a log's snapshots, in order."""
    return [
        SnapshotFile(folder / name, int(match[1]))
        for name in disk.names(folder)
        if (match := _NAME.fullmatch(name))
    ]


def write_snapshot(
    disk: Disk,
    folder: Path,
    number: int,
    fields: Mapping[str, Any],
    state: bytes,
    *,
    suffix: str = "",
) -> int:
    """Write a snapshot; return its bytes when it is on the disk under its name.

    With a ``suffix`` behind that it is one that nobody finds.

    Raises:
        ValueError: the header is over ``HEADER_BYTES``.
        OSError: it could not be written, or there is no room for it; nothing is left of it.
    """
    header = json.dumps(
        {"number": number, **fields}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    if len(header) > HEADER_BYTES:
        raise ValueError(f"a header of {len(header)} bytes is over the limit of {HEADER_BYTES}")
    front = _FRONT.pack(_MAGIC, FORMAT, len(header), crc32c(header)) + header
    front += _STATE.pack(len(state), crc32c(state))
    path = snapshot_path(folder, number)
    path = path.with_name(path.name + suffix)
    size = len(front) + len(state)
    if disk.free(folder) < size:  # the last of it is the log's
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{_UNFINISHED}")
    file = disk.create(unfinished)
    try:
        try:
            write_all(file, front)
            write_all(file, state)
            file.sync()
        finally:
            file.close()
        disk.rename(unfinished, path)
    except OSError:
        with suppress(OSError):
            disk.remove(unfinished)
        raise
    disk.sync_folder(folder)
    return size


def read_snapshot(disk: Disk, file: SnapshotFile) -> Snapshot:
    """Read a snapshot whole.

    Raises:
        JournalDamaged: a byte of it is another than was written, or missing, or more than that; or
            it is of another format.
        OSError: it could not be read.
    """
    data = disk.read(file.path)
    if len(data) < _FRONT.size:
        raise _damaged(file, 0, "it lacks its header")
    magic, version, length, crc = _FRONT.unpack_from(data)
    begin = _FRONT.size + length + _STATE.size
    header = data[_FRONT.size : _FRONT.size + length]
    if magic != _MAGIC or length > HEADER_BYTES or len(data) < begin or crc32c(header) != crc:
        raise _damaged(file, 0, "its header is damaged")
    if version != FORMAT:
        raise _damaged(file, 0, f"format {version}, where this version reads {FORMAT}")
    fields = json.loads(header)
    if fields["number"] != file.number:
        raise _damaged(file, 0, f"its header says that its last record is {fields['number']}")
    size, crc = _STATE.unpack_from(data, begin - _STATE.size)
    state = data[begin:]
    if len(state) != size:
        raise _damaged(file, begin, f"a state of {size} bytes, of which {len(state)} are there")
    if crc32c(state) != crc:
        raise _damaged(file, begin, "a state whose checksum is another")
    return Snapshot(fields, state)


def is_whole(disk: Disk, file: SnapshotFile) -> bool:
    """Tell whether a snapshot can be read whole. Raises OSError: it could not be looked at."""
    try:
        read_snapshot(disk, file)
    except JournalDamaged:
        return False
    return True


def _damaged(file: SnapshotFile, position: int, why: str) -> JournalDamaged:
    return JournalDamaged(f"{file.path} at {position}: {why}", file.path, position)


def drop_unfinished(disk: Disk, folder: Path) -> int:
    """Remove what was not finished, when nobody is at work on it any more; return how many."""
    names = [name for name in disk.names(folder) if name.endswith(_UNFINISHED)]
    for name in names:
        disk.remove(folder / name)
    return len(names)


def cut_behind(disk: Disk, folder: Path, keep: int | None) -> tuple[int, int]:
    """Remove all snapshots but the last ``keep``, and the segments that are wholly behind those.

    None keeps all segments, and as many snapshots as there have to be. What another process has
    removed already is gone. Return how many of both have been removed.
    """
    files = snapshots_of(disk, folder)
    kept = files[-(keep or LEAST_KEPT) :]
    gone = files[: len(files) - len(kept)]
    for file in gone:
        with suppress(FileNotFoundError):
            disk.remove(file.path)
    if keep is None or len(kept) < keep:
        return len(gone), 0
    return len(gone), drop_segments(disk, folder, kept[0].number + 1)
