"""What changes a shard's engine beside its orders: reports, adjustments, accounts and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.shards.administration import RECENT, administer, configure, rates_after
from openpit.shards.answering import adjusted, answer_of, reported
from openpit.shards.change_log import ChangeLog
from openpit.wire import kinds

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts
    from openpit.shards.recent import Recent

__all__ = ["Steering"]

Command = tuple[Any, ...]


class Steering:
    """Handles such commands; ``client`` is whose the batch in hand is, None for nobody's."""

    __slots__ = ("_changes", "_counts", "_engine", "_recent", "client")

    def __init__(self, shard: int, engine: EngineCore, counts: BatchCounts, recent: Recent) -> None:
        self._engine: Final = engine
        self._counts: Final = counts
        self._changes: Final = ChangeLog(engine, shard)
        self._recent: Final = recent
        self.client = 0

    def report(self, _seq: int, command: Command, now: int) -> Reply | None:
        """Apply an execution report."""
        answer = self._engine.apply_report(command[2], now)
        if answer[0]:
            self._changes.blocked(command[1], answer[0], self.client)
        return reported(answer)

    def adjust(self, _seq: int, command: Command, now: int) -> Reply:
        """Apply an account's adjustments."""
        _, account, adjustments = command
        answer = self._engine.apply_adjustment(account, adjustments, now)
        if answer[3]:
            self._changes.blocked(account, answer[3], self.client)
        self._recent.change(now, self.client, command)
        return adjusted(answer)

    def administer(self, _seq: int, command: Command, now: int) -> Reply | None:
        """Change or tell what the engine knows of accounts."""
        _, account, method, arguments = command
        if method == RECENT:
            return answer_of(self._recent.told(self._engine, now))
        answer = administer(self._engine, method, arguments)
        self._changes.administered(account, method, arguments, self.client)
        self._recent.change(now, self.client, command)
        return None if answer is None else answer_of(answer)

    def configure(self, _seq: int, command: Command, now: int) -> Reply | None:
        """Change settings."""
        _, account, method, arguments = command
        before = self._changes.before(account)
        answer = configure(self._engine, method, arguments)
        self._changes.configured(before, account, method, self.client)
        self._recent.change(now, self.client, command)
        # Orders that were submitted before have no ranks: there was no limit to count for.
        self._counts.supply(0, 0)
        self._counts.version += account is None
        return None if answer is None else answer_of(answer)

    def check_settings(self, _seq: int, command: Command, now: int) -> Reply:
        """Return the axes that settings would bring; change nothing."""
        rates = rates_after(self._engine, command[2], command[3])
        return (kinds.CHECKED, *self._counts.axes_after(rates, now))
