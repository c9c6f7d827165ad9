"""Whether the logs of a journal are of one another: none of them lacks its end.

Each start of an engine begins a segment in each log, the router's first, and its header names the
start's epoch; it is on the disk before anything else is. So a log whose last segment is gone, or
that is gone as a whole, is told by what the others know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.errors import JournalDamaged
from openpit.journal.layout import ROUTER, log_folder, shard_log
from openpit.journal.segments import FRONT_BYTES, header_in, segments_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpit.journal.files import Disk

__all__ = ["check_begun", "check_ends", "last_starts"]


def last_starts(disk: Disk, directory: Path, shards: int) -> list[int | None]:
    """Return of each shard the epoch of its log's last segment, -1 where it has none.

    None: nothing tells.

    Raises:
        JournalDamaged: a segment is of another format.
        OSError: one could not be read.
    """
    return [_last_start(disk, log_folder(directory, shard_log(one))) for one in range(shards)]


def _last_start(disk: Disk, folder: Path) -> int | None:
    segments = segments_of(disk, folder)
    if not segments:
        return -1
    header = header_in(disk.read(segments[-1].path, FRONT_BYTES), segments[-1])
    epoch = None if header is None else header.fields.get("epoch")
    return None if epoch is None else int(epoch)


def check_begun(directory: Path, lasts: Sequence[int | None], epoch: int) -> None:
    """Check that the router's log knows of each start that a shard's is of.

    ``epoch`` is that of the last one that it knows, -1 if of none.

    Raises:
        JournalDamaged: it does not.
    """
    for number, last in enumerate(lasts):
        if last is not None and last > epoch:
            path = log_folder(directory, ROUTER)
            knows = f"it ends with start {epoch}" if epoch >= 0 else "it has none"
            text = f"{path} at 0: {shard_log(number)} has start {last} of the engine, and {knows}"
            raise JournalDamaged(text, path, 0)


def check_ends(directory: Path, lasts: Sequence[int | None], epoch: int) -> None:
    """Check that no shard's log lacks what was written in a start.

    ``epoch`` is that of the last one in which all shards were up, -1 if there was none.

    Raises:
        JournalDamaged: one does.
    """
    for number, last in enumerate(lasts):
        if last is not None and last < epoch:
            path = log_folder(directory, shard_log(number))
            has = f"it ends with start {last}" if last >= 0 else "it has no segment"
            text = f"{path} at 0: all shards were up in start {epoch} of the engine, and {has}"
            raise JournalDamaged(text, path, 0)
