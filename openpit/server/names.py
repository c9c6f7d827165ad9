"""The numbers of sessions that have a name: a program that comes back has the one that it had.

What it had open is under that number in the shards, and stays so while it is away, for a while.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from openpit.errors import JournalFailed
from openpit.server.limits import AWAY
from openpit.wire.roles import Role
from openpit.wire.sessions import Bye

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openpit.server.session import Session

__all__ = ["Away", "Names"]


class Away:
    """A session with a name that has gone, and may come back."""

    __slots__ = ("is_at", "name", "number", "user")

    def __init__(self, number: int, name: str, user: int, is_at: Iterable[int]) -> None:
        self.number: Final = number
        self.name: Final = name
        self.user: Final = user
        self.is_at: Final = frozenset(is_at)  # the shards that have heard of it


class Names:
    """Which number is whose, while what it has open is kept for ``grace`` seconds.

    ``note`` writes a number down with its name and user, before any shard hears of it; ``forget``
    does so when nothing is kept under it any more. ``expire`` is called when somebody has gone:
    whoever waits calls :meth:`over` in so many seconds. Without a grace nothing is kept.
    """

    def __init__(
        self,
        grace: float = 0.0,
        note: Callable[[int, str, int], object] = lambda *_: None,
        forget: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.grace: Final = grace
        self._note: Final = note
        self._forget: Final = forget
        self.expire: Callable[[Away], object] = bool
        self.away: Final[dict[int, Away]] = {}
        self._known: Final[set[int]] = set()  # numbers that are written down
        self._last = 0

    def next_number(self) -> int:
        """Return the number of a new session: no other that is open anywhere has it."""
        self._last += 1
        return self._last

    def begin(
        self,
        known: Mapping[int, tuple[str, int]],
        open_at: Mapping[int, set[int]],
        last: int = 0,
    ) -> None:
        """Take up what a server before this one knew.

        ``open_at`` has, for each number under which something is open, the shards where it is.
        ``last`` is the highest number that any name has ever had: none is given twice, as calls
        may be asked for by it that nobody knows of any more.
        """
        self._last = max([last, *known, *open_at])
        for number, (name, user) in [*known.items()]:
            self._known.add(number)
            if len(self.away) < AWAY:  # one that has nothing open may have missed answers
                self._leave(Away(number, name, user, open_at.get(number, ())))
            else:
                self._drop(number)

    def keeps(self, session: Session) -> bool:
        """Tell whether what a session has open is kept when it goes."""
        return self.grace > 0 and session.name is not None and session.role >= Role.TRADER

    def number_of(self, session: Session) -> int:
        """Return the number that a session has from now on, which has just said its name.

        It is closed if that cannot be written down.
        """
        if session.is_over or not self.keeps(session):
            return session.number
        assert session.name is not None  # noqa: S101 - see keeps()
        for away in self.away.values():
            if (away.name, away.user) == (session.name, session.user):
                del self.away[away.number]
                session.is_at.update(away.is_at)
                return away.number
        try:
            self._note(session.number, session.name, session.user)
        except JournalFailed as error:
            session.close(Bye.CLOSED, str(error))
        else:
            self._known.add(session.number)
        return session.number

    def leave(self, session: Session) -> bool:
        """Record that a session has gone; tell whether what it has open stays.

        One that has said nothing to any shard may have sent what none has had: it is told so.
        """
        if session.number not in self._known:
            return False
        if session.name is None or len(self.away) >= AWAY:
            self._drop(session.number)
            return False
        self._leave(Away(session.number, session.name, session.user, session.is_at))
        return True

    def _leave(self, away: Away) -> None:
        self.away[away.number] = away
        self.expire(away)

    def over(self, away: Away) -> bool:
        """Tell whether one has not come back by now, and is forgotten with that."""
        if self.away.get(away.number) is not away:
            return False
        del self.away[away.number]
        self._drop(away.number)
        return True

    def _drop(self, number: int) -> None:
        self._known.discard(number)
        with suppress(JournalFailed):  # the next server finds that nothing is open there
            self._forget(number)
