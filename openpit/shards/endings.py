"""Commits, rollbacks and what is let go of: the end of what the client in hand has open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from openpit.engine.answers import Started
from openpit.errors import ReservationExpired
from openpit.pretrade.effects import Effects
from openpit.shards.held import settle
from openpit.wire import kinds
from openpit.wire.failures import failure_row

if TYPE_CHECKING:
    from openpit.pretrade.policy_contract import HeldRow
    from openpit.shards.answering import Reply
    from openpit.shards.expiry import Expiry
    from openpit.shards.held import Open
    from openpit.shards.plain_holds import PlainHolds
    from openpit.shards.raised_log import RaisedLog
    from openpit.shards.tallies import Tallies

__all__ = ["Endings"]

_FAILURES_IN_FULL: Final = 16
"""Failures in one reply that are told in full: all that there can be have to fit into a frame."""

Command = tuple[Any, ...]

_T = TypeVar("_T", Effects, Started)


class Endings:
    """Ends what one client of a shard has open; ``open`` is that of the batch in hand."""

    __slots__ = ("_expiry", "_plain", "_raised", "_shard", "_tallies", "open")

    def __init__(
        self,
        shard: int,
        expiry: Expiry,
        tallies: Tallies,
        raised: RaisedLog,
        plain: PlainHolds,
    ) -> None:
        self._shard: Final = shard
        self._expiry: Final = expiry
        self._tallies: Final = tallies
        self._raised: Final = raised
        self._plain: Final = plain
        self.open: Open = {}

    def take(self, handle: int, kind: type[_T]) -> _T:
        """Return what a handle names, which is over with that; what is no such thing stays.

        Raises:
            RuntimeError: it names nothing of the kind.
            ReservationExpired: it did, for too long.
        """
        held = self.open.get(handle)
        if held is None and self._expiry.has_ended(handle):
            seconds = self._expiry.ttl / 1e9
            text = f"shard {self._shard}: it was open for {seconds:g} s, and is rolled back"
            raise ReservationExpired(text, self._shard)
        if type(held) is tuple and kind is Effects:
            held = self._plain.effects_of(held)
        if not isinstance(held, kind):
            raise RuntimeError(f"shard {self._shard} knows no handle {handle}")  # noqa: TRY004 - the caller's word
        del self.open[handle]
        self._expiry.ended(handle)
        return held

    def commit(self, _seq: int, command: Command, _now: int) -> None:
        """Commit one."""
        held = self.open.get(command[2])
        if type(held) is tuple:
            self._commit_plain(command[2], held)
            self._tallies.committed += 1
            return
        effects = self.take(command[2], Effects)
        self._tallies.committed += 1
        effects.commit()

    def _commit_plain(self, handle: int, row: HeldRow) -> None:
        """Commit what is held in a row: it is let go of, and there is nothing else to do."""
        del self.open[handle]
        self._expiry.ended(handle)
        self._plain.committed(row)

    def rollback(self, _seq: int, command: Command, _now: int) -> None:
        """Roll back one."""
        self.take(command[2], Effects).rollback()

    def commit_many(self, _seq: int, command: Command, _now: int) -> Reply | None:
        """Commit several; each is finished, whatever becomes of the others."""
        handles = command[2]
        done = 0 if self._expiry.ttl else self._plain.commit_many(handles, self.open)
        self._tallies.committed += done
        return None if done == len(handles) else self._each(command, done, is_commit=True)

    def rollback_many(self, _seq: int, command: Command, _now: int) -> Reply | None:
        """Roll back several, as above."""
        return self._each(command, 0, is_commit=False)

    def _each(self, command: Command, done: int, *, is_commit: bool) -> Reply | None:
        failures: list[tuple[Any, ...]] = []
        committed = 0
        for place, handle in enumerate(command[2][done:], done):
            try:
                effects = self.take(handle, Effects)
                if is_commit:
                    committed += 1
                    effects.commit()
                else:
                    effects.rollback()
            except BaseException as error:  # noqa: BLE001 - every item is finished; told together
                self._raised.answered(error, command)
                brief = len(failures) >= _FAILURES_IN_FULL
                failures.append((place, *failure_row(error, brief=brief)))
        self._tallies.committed += committed
        return (kinds.FAILURES, tuple(failures)) if failures else None

    def drop(self, _seq: int, command: Command, _now: int) -> None:
        """Roll back what nobody holds any more."""
        for handle in command[2]:
            self.let_go(handle)

    def let_go(self, handle: int) -> None:
        """Roll back what a handle names, if anything: nobody can know of it."""
        self._expiry.ended(handle)
        settle([self.open.pop(handle, None)], self._raised, self._plain)
