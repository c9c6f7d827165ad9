"""A copy of an engine's journal, made while the engine is at work, that another can begin with.

The shards' logs are copied first, the router's last. What spans shards is written into the router's
log before any shard is told of it: so the copy of that has every change that a shard's copy has,
and a start on it completes what some shards lack. The one thing that would spoil it is a start of
the engine meanwhile, which writes down that all shards have all of it: then it begins anew.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

from openpit.errors import JournalError
from openpit.journal.copying import copy_log
from openpit.journal.files import DISK
from openpit.journal.layout import ROUTER, log_folder, logs_of
from openpit.journal.migration import is_under_way
from openpit.journal.reading import LogReader

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.journal.copying import CopiedLog

__all__ = ["TRIES", "back_up"]

TRIES: Final = 5
"""How often a copy is begun before it is given up: each time the engine was started anew, or has
removed what was being copied."""

PART: Final = ".part"
"""What follows the name of the copy until it is whole."""


def back_up(directory: Path, target: Path) -> dict[str, CopiedLog]:
    """Copy the journal in a directory to where nothing is; return what there is of each log.

    It has its name when all of it is on the disk and was read again. The directory is not locked.

    Raises:
        FileExistsError: something is there.
        JournalError: there is no journal, or its engine was started anew each time.
        JournalDamaged: a log has a hole, or a copy is not what was copied.
        OSError: something could not be read, or written.
    """
    target = target.absolute()
    if target.exists():
        raise FileExistsError(17, "File exists", str(target))
    if ROUTER not in logs_of(DISK, directory):
        raise JournalError(f"{directory} is no journal: no engine has been started on it")
    part = target.with_name(target.name + PART)
    try:
        copied = _copied(directory, part)
        part.rename(target)
        DISK.sync_folder(target.parent)
    finally:
        _remove(part)
    return copied


def _copied(directory: Path, part: Path) -> dict[str, CopiedLog]:
    for _ in range(TRIES):
        _remove(part)
        copied = _tried(directory, part)
        if copied is not None:
            return copied
    text = f"the engine of {directory} was started anew, or its logs cut, while they were copied"
    raise JournalError(f"{text}: {TRIES} times")


def _tried(directory: Path, target: Path) -> dict[str, CopiedLog] | None:
    """Copy a journal; None if it has changed in a way that makes its copy no prefix."""
    begun = _settled(directory)
    shards = [name for name in logs_of(DISK, directory) if name != ROUTER]
    try:
        found = {
            name: copy_log(
                DISK,
                log_folder(directory, name),
                log_folder(target, name),
                has_snapshots=name != ROUTER,
            )
            for name in (*shards, ROUTER)
        }
    except FileNotFoundError:
        return None
    if is_under_way(DISK, directory):
        return None
    return found if begun == _settled(target) == _settled(directory) else None


def _settled(directory: Path) -> int:
    """Return how many records of a router's log are of starts, and of what all shards have."""
    reader = LogReader(DISK, log_folder(directory, ROUTER))
    return sum(
        not json.loads(record.batch).keys().isdisjoint({"life", "migrated", "settled"})
        for record in reader
    )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
