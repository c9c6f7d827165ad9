"""A session's group, which the shards look at before any of it is passed on. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.router.own_commands import Unattended
from openpit.wire.frames import Flag
from openpit.wire.sessions import Bye

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.router.shard_link import ShardLink
    from openpit.server.session import Session
    from openpit.wire.sessions import Batch

__all__ = ["Checked", "GroupCheck"]


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
