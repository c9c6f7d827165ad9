"""What `openpit journal` says of a log's snapshots, and of a log that was cut behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from openpit.errors import JournalDamaged
from openpit.journal.files import DISK
from openpit.journal.snapshots import read_snapshot, snapshots_of
from openpit.shards.shard_state import operations_in
from openpit.shards.snapshots import standing_in

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.journal.reading import LogReader
    from openpit.journal.snapshots import SnapshotFile

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
    """Why no start can begin with it."""
    holds: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    """What is in it, by name; empty where it is damaged."""

    @property
    def document(self) -> dict[str, Any]:
        """What there is to say of it to a machine."""
        return {
            "record": self.record,
            "bytes": self.size,
            "wall": self.wall,
            "damaged": self.damage and str(self.damage),
            "holds": self.holds,
        }

    @property
    def row(self) -> dict[str, Any]:
        """What `dump` says of it."""
        row: dict[str, Any] = {"snapshot": self.record, "bytes": self.size}
        if self.damage:
            return {**row, "damaged": str(self.damage)}
        return {**row, **self.holds}


def found_snapshots(folder: Path) -> list[FoundSnapshot]:
    """Read the snapshots of a log, in order.

    Raises:
        OSError: one could not be read.
    """
    found = []
    for file in snapshots_of(DISK, folder):
        try:
            fields, state = read_snapshot(DISK, file)
            holds = _holds(file)
        except JournalDamaged as error:
            found.append(FoundSnapshot(file.number, 0, None, error))
        else:
            found.append(FoundSnapshot(file.number, len(state), fields.get("wall"), None, holds))
    return found


def _holds(file: SnapshotFile) -> dict[str, Any]:
    """Return what a snapshot holds, in figures and names.

    Raises:
        JournalDamaged: it is not whole, or of another layout than this version's.
    """
    standing, packed = standing_in(file)
    state = msgpack.unpackb(packed, use_list=False, strict_map_key=False)
    _, (registry, policies), _, _, keys, _, clients, _, actors, _, markets, _ = state
    return {
        "time": standing.last,
        "policies": [name for name, _ in policies],
        "actors": [name for name, _ in actors],
        "blocks": len(registry[0]) + len(registry[1]),
        "accounts in groups": len(registry[2]),
        "open": sum(len(rows) for _, rows in clients),
        "keys": len(keys),
        "changes of market data": sum(operations_in(market)[0] for market in markets),
    }


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
        else f"; snapshot of record {one.record}: {one.size:,} bytes, {one.holds['open']} open, "
        f"of {', '.join([*one.holds['policies'], *one.holds['actors']])}"
        for one in found
    ]
    return "".join(texts)
