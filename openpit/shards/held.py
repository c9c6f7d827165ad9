"""What a shard keeps open: by client, and by the number of the command that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from openpit.pretrade.effects import Effects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.engine.answers import Started
    from openpit.pretrade.policy_contract import HeldRow
    from openpit.shards.plain_holds import PlainHolds
    from openpit.shards.raised_log import RaisedLog

__all__ = ["Held", "Open", "OpenOne", "settle"]

OpenOne: TypeAlias = "Effects | Started | HeldRow"
"""What waits for a commit, a rollback or a main stage; see openpit.shards.plain_holds for a row."""

Open: TypeAlias = "dict[int, OpenOne]"
"""What one client has open."""


def settle(held: Iterable[OpenOne | None], raised: RaisedLog, plain: PlainHolds) -> None:
    """Roll back for somebody who is gone: a failure arms the engine, and only the log has why."""
    for each in held:
        one = plain.effects_of(each) if type(each) is tuple else each
        if isinstance(one, Effects):
            account = one.key  # gone with the rollback
            try:
                one.rollback()
            except BaseException as error:  # noqa: BLE001 - see the docstring
                raised.unheard(error, account)


class Held:
    """What all clients of a shard have open. None sees or ends what another one has."""

    __slots__ = ("_by_client", "_handed_over", "_plain", "_raised")

    def __init__(self, raised: RaisedLog, plain: PlainHolds) -> None:
        self._raised: Final = raised
        self._plain: Final = plain
        self._by_client: dict[int, Open] = {}
        # What is another's than the client's that has opened it, which may name it still.
        self._handed_over: set[int] = set()

    def of(self, client: int) -> Open:
        """Return what a client has open; what it opens is put there."""
        return self._by_client.setdefault(client, {})

    def is_anothers(self, client: int, handle: int) -> bool:
        """Tell whether a handle names what another client has open."""
        return any(handle in its for other, its in self._by_client.items() if other != client)

    def hand_over(self, handle: int, client: int) -> None:
        """Make what another client has open a client's own: the other's handle is void."""
        for its in self._by_client.values():
            if handle in its:
                self._by_client[client][handle] = its.pop(handle)
                break
        self._handed_over &= self.handles
        self._handed_over.add(handle)

    def was_handed_over(self, handle: int) -> bool:
        """Tell whether a handle names what a client had open before another one has it."""
        return handle in self._handed_over

    def expire(self, handle: int) -> bool:
        """Roll back what somebody has open under a handle; tell whether anybody had."""
        for its in self._by_client.values():
            if handle in its:
                settle([its.pop(handle)], self._raised, self._plain)
                return True
        return False

    def let_go(self, client: int, handles: Iterable[int]) -> None:
        """Roll back what a client has open of these."""
        own = self.of(client)
        settle([own.pop(handle, None) for handle in handles], self._raised, self._plain)

    def end(self, client: int) -> None:
        """Roll back what a client has open that is gone, the last first."""
        its = self._by_client.pop(client, {})
        settle(reversed(its.values()), self._raised, self._plain)

    def end_all(self) -> None:
        """Roll back what is still open."""
        for client in [*self._by_client]:
            self.end(client)

    def items(self) -> list[tuple[int, Open]]:
        """Return what each client has open that has anything."""
        return [(client, its) for client, its in self._by_client.items() if its]

    @property
    def handed_over(self) -> list[int]:
        """What is another's than the client's that has opened it."""
        return sorted(self._handed_over)

    def restore(self, handed_over: Iterable[int]) -> None:
        """Take over which handles were handed over, beside what is put into :meth:`of`."""
        self._handed_over = set(handed_over)

    @property
    def clients(self) -> tuple[int, ...]:
        """The numbers of those that have something open."""
        return tuple(client for client, its in self._by_client.items() if its)

    @property
    def count(self) -> int:
        """How much all of them have open."""
        return sum(map(len, self._by_client.values()))

    @property
    def handles(self) -> frozenset[int]:
        """The numbers of all that is open."""
        return frozenset().union(*self._by_client.values())
