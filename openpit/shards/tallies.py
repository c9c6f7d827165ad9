"""What a shard has counted of its work: a part of its state, so that a recovery counts it once.

Counted by what was answered, once a batch. What was rolled back is not counted: it is all that was
opened, and is neither open, nor committed, expired or used up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.pretrade.effects import Effects
from openpit.wire import kinds
from openpit.wire.tallies import ShardTally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.engine.answers import Checked
    from openpit.pretrade.rejects import Reject
    from openpit.pretrade.state_values import State
    from openpit.wire.tallies import OfProcess

__all__ = ["Tallies", "no_process"]

ACCEPTED: Final = kinds.ACCEPTED
DONE: Final = kinds.DONE
FUNDED: Final = kinds.FUNDED
RESERVED: Final = kinds.RESERVED

SIZES: Final = 33
"""A batch has fewer than 2**32 commands."""

_OTHERS: Final = frozenset(
    {kinds.REJECTED, kinds.REJECTED_ALIKE, kinds.RAISED, kinds.STARTED, kinds.RECORDED}
)


def no_process() -> OfProcess:
    """Return what a shard has of its process that has none of its own."""
    return (), 0, 0, 0


class Tallies:
    """The counts of one shard."""

    __slots__ = (
        "_commands", "_sizes", "accepted", "alone", "committed", "expired", "opened", "raised",
        "refused", "rejects", "used",
    )  # fmt: skip

    def __init__(self) -> None:
        self.accepted = self.refused = self.raised = 0
        self.opened = self.committed = self.expired = 0
        self.used = 0  # requests whose main stage was run
        self.alone = 0  # batches of one command
        self._commands = 0  # in the others
        self.rejects: dict[tuple[str, str], int] = {}
        self._sizes = [0] * SIZES

    def note(self, replies: Sequence[Sequence[Any]], count: int) -> None:
        """Count a batch of so many commands by the replies to it."""
        if count == 1:  # the hot path of one call at a time
            self.alone += 1
            reply = replies[0]
            kind = reply[0]
            if kind == RESERVED:
                self.accepted += 1
                if reply[1]:
                    self.opened += 1
            elif kind == FUNDED:
                self.accepted += 1
                self.opened += 1
            elif kind == ACCEPTED:
                self.accepted += 1
            elif kind in _OTHERS:
                self._note_other(reply)
            return
        self._sizes[count.bit_length()] += 1
        self._commands += count
        accepted = opened = funded = 0
        for reply in replies:
            kind = reply[0]
            if kind == FUNDED:
                funded += 1
            elif kind == ACCEPTED:
                accepted += reply[1]
            elif kind == RESERVED:
                accepted += 1
                if reply[1]:
                    opened += 1
            elif kind != DONE and kind in _OTHERS:
                self._note_other(reply)
        self.accepted += accepted + funded
        self.opened += opened + funded

    @property
    def commands(self) -> int:
        """All commands that were counted."""
        return self._commands + self.alone

    @property
    def sizes(self) -> list[int]:
        """How many batches there were, by the length of their size in bits."""
        none, ones, *others = self._sizes
        return [none, ones + self.alone, *others]

    def _note_other(self, reply: Sequence[Any]) -> None:
        kind = reply[0]
        if kind == kinds.REJECTED:
            self.refused += 1
            for code, _, _, policy, *_ in reply[1]:
                self._reject(code, policy)
        elif kind == kinds.REJECTED_ALIKE:
            _, numbers, (code, _, _, _, policy, *_) = reply
            self.refused += len(numbers)
            self._reject(code, policy, len(numbers))
        elif kind == kinds.RAISED:
            self.raised += 1
        elif kind == kinds.STARTED:
            self.opened += 1
        else:  # a drop copy, which holds something or not
            self.opened += reply[1]

    def note_first(self, reply: Sequence[Any], *, is_open: bool) -> None:
        """Count the first answer to a call with a key; the others to it are no decisions."""
        kind = reply[0]
        if kind in {ACCEPTED, FUNDED, RESERVED}:
            self.accepted += 1
        elif kind in {kinds.REJECTED, kinds.RAISED}:
            self._note_other(reply)
        self.opened += is_open

    def decided(self, answer: Checked) -> None:
        """Count what an actor was answered to an order."""
        if answer is None or isinstance(answer, Effects):
            self.accepted += 1
        else:
            self.refuse(answer)

    def refuse(self, rejects: Sequence[Reject]) -> None:
        """Count an order of an actor's that was rejected."""
        self.refused += 1
        for one in rejects:
            self._reject(str(one.code), one.policy)

    def _reject(self, code: str, policy: str, orders: int = 1) -> None:
        key = code, policy
        self.rejects[key] = self.rejects.get(key, 0) + orders

    def told(
        self,
        is_open: int,
        blocked: int,
        process: OfProcess,
        *,
        is_stopped: bool,
    ) -> ShardTally:
        """Return all of it, with how much is open and blocked now, and what the process adds."""
        rolled_back = self.opened - is_open - self.committed - self.expired - self.used
        rejects = tuple((*key, count) for key, count in sorted(self.rejects.items()))
        turns, turn_time, journal_bytes, journal_syncs = process
        return ShardTally(
            accepted=self.accepted,
            refused=self.refused,
            raised=self.raised,
            opened=self.opened,
            open=is_open,
            committed=self.committed,
            rolled_back=rolled_back,
            expired=self.expired,
            blocked=blocked,
            is_stopped=is_stopped,
            commands=self.commands,
            rejects=rejects,
            sizes=tuple(self.sizes),
            turns=turns,
            turn_time=turn_time,
            journal_bytes=journal_bytes,
            journal_syncs=journal_syncs,
        )

    def export(self) -> State:
        """Return what to :meth:`restore`."""
        return (
            *(self.accepted, self.refused, self.raised, self.opened, self.committed),
            *(self.expired, self.used, self.commands),
            [(*key, count) for key, count in sorted(self.rejects.items())],
            self.sizes,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Go on from what another has exported."""
        (
            self.accepted, self.refused, self.raised, self.opened, self.committed,
            self.expired, self.used, commands, rejects, sizes,
        ) = state  # fmt: skip
        self.rejects = {(code, policy): count for code, policy, count in rejects}
        self._sizes = [*sizes]
        self._commands, self.alone = commands, 0
