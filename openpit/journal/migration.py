"""A journal that becomes another engine's: written aside, then put in place whole or not at all.

A new snapshot of each shard is written beside its log, under a name that nobody reads. What makes
them hold is one file in the directory, that comes to be at once. From then on whoever opens the
journal puts them in place, and has the router's log say so; before, whoever opens it removes them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.files import write_all
from openpit.journal.layout import ROUTER, log_folder, logs_of
from openpit.journal.reading import LogReader
from openpit.journal.records import crc32c
from openpit.journal.snapshots import write_snapshot
from openpit.journal.writing import LogWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openpit.journal.files import Disk

__all__ = ["NAME", "Migration", "commit", "finish", "is_under_way", "put_aside"]

NAME: Final = "migration"
"""Of the file by which what was written aside holds."""

_ASIDE: Final = ".aside"
_UNFINISHED: Final = f"{NAME}.unfinished"


class Migration(NamedTuple):
    """What the router's log is to say, and what its segment's header says of the new engine."""

    header: Mapping[str, Any]
    record: Mapping[str, Any]
    number: int
    """That the record has in the router's log."""


def put_aside(
    disk: Disk, folder: Path, number: int, fields: Mapping[str, Any], state: bytes
) -> None:
    """Write a snapshot of a shard that does not hold yet; return when it is on the disk.

    Raises:
        ValueError, OSError: as :func:`write_snapshot`.
    """
    write_snapshot(disk, folder, number, fields, state, suffix=_ASIDE)


def commit(disk: Disk, directory: Path, migration: Migration) -> None:
    """Make what was written aside hold; :func:`finish` puts it in place.

    Raises:
        OSError: it could not be written. The journal is what it was.
    """
    said = json.dumps(migration._asdict(), ensure_ascii=False).encode()
    unfinished = directory / _UNFINISHED
    file = disk.create(unfinished)
    try:
        write_all(file, b"%08x %b" % (crc32c(said), said))
        file.sync()
    finally:
        file.close()
    disk.rename(unfinished, directory / NAME)
    disk.sync_folder(directory)


def is_under_way(disk: Disk, directory: Path) -> bool:
    """Tell whether a migration holds that is not in place yet."""
    return NAME in disk.names(directory)


def finish(disk: Disk, directory: Path) -> None:
    """Put in place what holds, and remove what does not. Called again, it goes on.

    Raises:
        JournalDamaged: the file that says what holds is damaged, or the router's log is.
        JournalFailed, OSError: something could not be written; it holds still.
    """
    names = disk.names(directory)
    if NAME not in names:
        if _UNFINISHED in names:
            disk.remove(directory / _UNFINISHED)
        _drop_aside(disk, directory)
        return
    migration = _committed(disk, directory)
    for folder, name in _aside(disk, directory):
        if name.endswith(_ASIDE):
            disk.rename(folder / name, folder / name.removesuffix(_ASIDE))
            disk.sync_folder(folder)
    _tell(disk, log_folder(directory, ROUTER), migration)
    disk.remove(directory / NAME)
    disk.sync_folder(directory)


def _aside(disk: Disk, directory: Path) -> list[tuple[Path, str]]:
    folders = [log_folder(directory, log) for log in logs_of(disk, directory)]
    return [(one, name) for one in folders for name in disk.names(one) if _ASIDE in name]


def _drop_aside(disk: Disk, directory: Path) -> None:
    for folder, name in _aside(disk, directory):
        with suppress(FileNotFoundError):
            disk.remove(folder / name)


def _committed(disk: Disk, directory: Path) -> Migration:
    path = directory / NAME
    check, _, said = disk.read(path).partition(b" ")
    if check != b"%08x" % crc32c(said):
        raise JournalDamaged(f"{path} at 0: its checksum is another", path, 0)
    return Migration(**json.loads(said))


def _tell(disk: Disk, folder: Path, migration: Migration) -> None:
    """Have the router's log say it, once, in a segment of the new engine's."""
    reader = LogReader(disk, folder)
    for _ in reader:
        pass
    if reader.next > migration.number:
        return
    reader.cut()
    writer = LogWriter(disk, folder, ROUTER, reader.next, migration.header, sync="power")
    try:
        writer.append([(json.dumps(migration.record, separators=(",", ":")).encode(), 0)])
    finally:
        writer.close()
