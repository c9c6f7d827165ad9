"""The first command of a worker that takes another's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.client.calls import AXES_END, STARTED
from openpit.router.own_commands import Unattended
from openpit.wire import kinds
from openpit.wire.frames import EPOCH_COMMANDS, pack_start
from openpit.wire.recovered import Recovered

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply
    from openpit.wire.shard_limits import ShardLimits

__all__ = ["Resume"]


class Resume(Unattended):
    """Load the engine again and go on: nobody's call, and nothing of it counts as one.

    ``recovered`` is called with the number behind the last command that the shard has had in this
    life of its engine; ``refused`` with why it cannot go on.
    """

    __slots__ = ("_recovered", "_refused")

    def __init__(
        self,
        now: int,
        shards: int,
        limits: ShardLimits,
        payload: bytes,
        recovered: Callable[[int], object],
        refused: Callable[[str], None],
    ) -> None:
        packed = pack_start((kinds.HELLO, shards, limits, payload))
        super().__init__(1, now, packed, STARTED)
        self._recovered: Final = recovered
        self._refused: Final = refused

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        """Go on where the shard is, or do not."""
        if reply[0] == kinds.REFUSED:
            self._refused(reply[1].partition("\n")[0])
            return
        begun = link.epoch * EPOCH_COMMANDS + 1
        number = dict(Recovered(*reply[AXES_END:]).lives).get(link.epoch, begun)
        if number < link.answered:
            self._refused(f"its journal ends before command {number}, which it has answered")
            return
        self._recovered(number)
