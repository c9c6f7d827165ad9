"""What `openpit journal` says of a log's snapshots, and of a log that was cut behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openpit.errors import JournalDamaged
from openpit.journal.files import DISK
from openpit.journal.snapshots import read_snapshot, snapshots_of

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.journal.reading import LogReader

__all__ = ["FoundSnapshot", "found_snapshots", "missing_before", "said_of"]


class FoundSnapshot(NamedTuple):
    """One file, read whole."""

    record: int
    """The number of the last record that is in it."""
    size: int
    """Bytes of its state."""
    wall: int | None
    """When it was taken, in nanoseconds since 1970; None where it is damaged."""
    damage: JournalDamaged | None

    @property
    def document(self) -> dict[str, Any]:
        """What there is to say of it to a machine."""
        return {
            "record": self.record,
            "bytes": self.size,
            "wall": self.wall,
            "damaged": self.damage and str(self.damage),
        }


def found_snapshots(folder: Path) -> list[FoundSnapshot]:
    """Read the snapshots of a log, in order.

    Raises:
        OSError: one could not be read.
    """
    found = []
    for file in snapshots_of(DISK, folder):
        try:
            fields, state = read_snapshot(DISK, file)
        except JournalDamaged as error:
            found.append(FoundSnapshot(file.number, 0, None, error))
        else:
            found.append(FoundSnapshot(file.number, len(state), fields.get("wall"), None))
    return found


def missing_before(reader: LogReader, found: list[FoundSnapshot]) -> JournalDamaged | None:
    """Return the damage of a log that begins behind what any whole snapshot has."""
    if not reader.segments:
        return None
    path, first = reader.segments[0]
    whole = [one.record for one in found if one.damage is None]
    if first == 1 or any(record >= first - 1 for record in whole):
        return None
    why = f"the records before {first} are not there, nor in a snapshot that is whole"
    return JournalDamaged(f"{path} at 0: {why}", path, 0)


def said_of(found: list[FoundSnapshot]) -> str:
    """Return what there is to say of snapshots behind what is said of their log."""
    texts = [
        f"; damaged snapshot: {one.damage}"
        if one.damage
        else f"; snapshot of record {one.record}: {one.size:,} bytes"
        for one in found
    ]
    return "".join(texts)
