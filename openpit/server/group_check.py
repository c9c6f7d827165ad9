"""A session's group, which the shards look at before any of it is passed on. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from openpit.router.own_commands import Unattended
from openpit.server.changes import Changes
from openpit.wire.frames import Flag
from openpit.wire.sessions import Bye

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpit.router.shard_link import ShardLink
    from openpit.server.session import Session
    from openpit.wire.sessions import Batch

__all__ = ["Absent", "Checked", "GroupCheck", "Row", "absent_in", "going_of", "told_by"]

Row: TypeAlias = tuple[int, int, bytes]
"""What a batch of a group tells a shard: its number, that of the first command there, the body."""

Absent: TypeAlias = tuple[int, int]
"""A shard that is down, and the number that its next command would have."""


class GroupCheck:
    """A session's group, while the shards look at it: it is passed on if all of it may be."""

    def __init__(self, session: Session, go_on: Callable[[], None]) -> None:
        self._session: Final = session
        self._go_on: Final = go_on
        self.left = 0  # batches that are being looked at
        self.changes: Final[dict[int, list[bytes]]] = {}  # of settings, by shard

    def answered(self, link: ShardLink, flags: int, batch: Batch, body: bytes) -> None:
        """Record what a shard says of a batch."""
        if flags == Flag.REFUSED:
            self._session.close(Bye.MALFORMED, body.decode(errors="replace"))
        elif flags & Flag.SETTINGS:
            self.changes.setdefault(link.number, []).append(batch.rest)
        self.ended()

    def ended(self) -> None:
        """Record that a shard has nothing more to say of a batch."""
        self.left -= 1
        if not self.left:
            self._go_on()

    def check_changes(self, links: Sequence[ShardLink]) -> None:
        """End the session if it would change settings on some shards, or not everywhere alike."""
        bodies = [self.changes.get(link.number, []) for link in links if link.is_up]
        if any(one != bodies[0] for one in bodies):
            self._session.close(Bye.MALFORMED, "a change of settings that is not everybody's")


class Checked(Unattended):
    """A batch that a shard is to look at, and no more."""

    __slots__ = ("_batch", "_check", "client_number")

    def __init__(self, check: GroupCheck, batch: Batch, session: Session) -> None:
        super().__init__(batch.commands, 0)
        self._check: GroupCheck | None = check
        self._batch: Final = batch
        self.client_number = session.number

    def answered(self, link: ShardLink, flags: int, body: bytes) -> None:
        """Record what a shard says, unless the group has gone on without."""
        check, self._check = self._check, None
        if check is not None:
            check.answered(link, flags, self._batch, body)

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """Go on without the shard."""
        self.answered(link, 0, b"")

    def stalled(self, link: ShardLink, why: str) -> None:
        """Go on without the shard: what it owes is told to it ahead of all else."""
        self.answered(link, 0, b"")


def going_of(
    session: Session, pressing: Mapping[int, int], links: Sequence[ShardLink], version: int
) -> list[tuple[ShardLink, Batch]]:
    """Return the batches of a group that go to their shards now, in order.

    What counts by the settings that are being changed goes when they are known, with all behind it.
    """
    going: list[tuple[ShardLink, Batch]] = []
    for number, count in pressing.items():
        link = links[number]
        for batch in [*session.inbox[number]][: count if link.is_up or link.is_stalled else 0]:
            if isinstance(batch, Changes) or (batch.rows and batch.settings != version):
                break
            going.append((link, batch))
    return going


def told_by(going: Sequence[tuple[ShardLink, Batch]]) -> list[Row]:
    """Return what the batches of a group tell shards that may change what spans them."""
    told: list[Row] = []
    behind: dict[int, int] = {}
    for link, batch in going:
        number = behind.get(link.number, link.next_seq)
        behind[link.number] = number + batch.commands
        if not (batch.rows or batch.op):  # what has rows are orders
            told.append((link.number, number, batch.rest))
    return told


def absent_in(links: Sequence[ShardLink]) -> list[Absent]:
    """Return the shards that are told nothing: what all have, they have to be told at a start."""
    return [(link.number, link.next_seq) for link in links if not (link.is_up or link.is_stalled)]
