"""Changes of market data that a session has sent: one body, for every shard alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.server.limits import BATCH_BYTES
from openpit.wire.frames import HEAD
from openpit.wire.limits import CHANGES_BYTES, CHANGES_PER_FRAME
from openpit.wire.sessions import count_of, time_of

if TYPE_CHECKING:
    from openpit.wire.frames import Frame

__all__ = ["Changes"]


class Changes:
    """Some changes that are made together; it waits in line with its session's batches.

    Raises:
        WireError: the frame has none, or too many.
    """

    __slots__ = ("commands", "cost", "is_passed", "rest", "time")

    op = 0
    rows = ()

    def __init__(self, frame: Frame, shards: int) -> None:
        self.commands: Final = count_of(frame)
        if not 0 < self.commands <= CHANGES_PER_FRAME or len(frame) > CHANGES_BYTES:
            raise WireError(f"{self.commands} changes of market data in {len(frame)} bytes")
        self.time: Final = time_of(frame)
        self.rest: Final = frame[HEAD.size :]
        self.cost: Final = len(frame) + BATCH_BYTES * shards
        self.is_passed = False
