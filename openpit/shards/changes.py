"""What changes accounts, groups, funds and settings; remembered for those who watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.shards.administration import RECENT, administer, configure, rates_after
from openpit.shards.answering import adjusted, answer_of
from openpit.wire import kinds

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts
    from openpit.shards.recent import Recent

__all__ = ["Changes"]

Command = tuple[Any, ...]


class Changes:
    """The answers of one shard to what is changed; ``client`` is whose batch is in hand."""

    __slots__ = ("_counts", "_engine", "_recent", "client")

    def __init__(self, engine: EngineCore, counts: BatchCounts, recent: Recent) -> None:
        self._engine: Final = engine
        self._counts: Final = counts
        self._recent: Final = recent
        self.client = 0

    def adjust(self, _seq: int, command: Command, now: int) -> Reply:
        """Answer an account's adjustments."""
        _, account, adjustments = command
        answer = self._engine.apply_adjustment(account, adjustments, now)
        self._recent.change(now, self.client, command)
        return adjusted(answer)

    def administer(self, _seq: int, command: Command, now: int) -> Reply | None:
        """Answer a call of administration."""
        if command[2] == RECENT:
            return answer_of(self._recent.told(self._engine, now))
        answer = administer(self._engine, command[2], command[3])
        self._recent.change(now, self.client, command)
        return None if answer is None else answer_of(answer)

    def configure(self, _seq: int, command: Command, now: int) -> Reply | None:
        """Answer a change of settings."""
        answer = configure(self._engine, command[2], command[3])
        self._recent.change(now, self.client, command)
        # Orders that were submitted before have no ranks: there was no limit to count for.
        self._counts.supply(0, 0)
        self._counts.version += command[1] is None
        return None if answer is None else answer_of(answer)

    def check_settings(self, _seq: int, command: Command, now: int) -> Reply:
        """Answer whether settings could be changed so, with the axes that there would be."""
        rates = rates_after(self._engine, command[2], command[3])
        return (kinds.CHECKED, *self._counts.axes_after(rates, now))
