"""What of a log may go: it is old, and in snapshots that a start can begin with."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from openpit.journal.layout import ROUTER, log_folder, logs_of
from openpit.journal.segments import FRONT_BYTES, drop_segments, header_in, segments_of
from openpit.journal.snapshots import LEAST_KEPT, is_whole, snapshots_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpit.journal.files import Disk
    from openpit.journal.segments import Segment

__all__ = ["began_first", "covered", "cut_router_log", "prune"]


def covered(disk: Disk, folder: Path) -> int:
    """Return the number of the last record that is in as many snapshots as there have to be.

    0: none is. A damaged snapshot counts for nothing.
    """
    whole = [file for file in snapshots_of(disk, folder) if is_whole(disk, file)]
    return whole[-LEAST_KEPT].number if len(whole) >= LEAST_KEPT else 0


def prune(disk: Disk, folder: Path, before: int) -> tuple[int, int]:
    """Remove the segments of a log that are :func:`covered` whole, and older than a time.

    ``before`` is in nanoseconds since 1970. A segment is as old as the one behind it: when that was
    begun, it had its last record. Return how many were removed, and how many are as old and stay,
    since no start could do without them.

    Raises:
        JournalDamaged: a segment is of another format.
        OSError: something could not be read, or removed.
    """
    segments = segments_of(disk, folder)
    behind = takewhile(lambda one: _begun(disk, one) < before, segments[1:])
    old = [one.first for one in behind]
    end = covered(disk, folder)
    gone = [first for first in old if first <= end + 1]
    removed = drop_segments(disk, folder, gone[-1]) if gone else 0
    return removed, len(old) - removed


def cut_router_log(
    disk: Disk, directory: Path, summaries: Sequence[tuple[int, int, int]], keep: int | None
) -> int:
    """Remove the segments of the router's log that nobody goes back to; return how many.

    ``summaries`` are its records that sum up all before them, by their numbers, each with the epoch
    that had begun, and when it was written in nanoseconds since 1970, 0 of one that a start has;
    they are on the disk. The last ``keep`` of them stay, with all behind the first of those (None:
    all stays), and so does what is as old as anything in a shard's log.

    Raises:
        JournalDamaged: a segment is of another format.
        OSError: something could not be read, or removed.
    """
    if keep is None or len(summaries) <= keep:
        return 0
    shards = [log_folder(directory, log) for log in logs_of(disk, directory) if log != ROUTER]
    oldest = min((began_first(disk, folder) for folder in shards), default=(0, 0))
    ends = [number for number, *began in summaries[: 1 - keep] if (*began,) <= oldest]
    return drop_segments(disk, log_folder(directory, ROUTER), ends[-1]) if ends else 0


def began_first(disk: Disk, folder: Path) -> tuple[int, int]:
    """Return the epoch of a shard's oldest segment, and when that was begun; 0 if nothing tells.

    Raises:
        JournalDamaged: it is of another format.
        OSError: it could not be read.
    """
    for segment in segments_of(disk, folder)[:1]:
        header = header_in(disk.read(segment.path, FRONT_BYTES), segment)
        if header is not None:
            return int(header.fields.get("epoch", 0)), int(header.fields["wall"])
    return 0, 0


def _begun(disk: Disk, segment: Segment) -> float:
    """Return when a segment was begun; infinity where its header is not whole."""
    header = header_in(disk.read(segment.path, FRONT_BYTES), segment)
    return float("inf") if header is None else header.fields["wall"]
