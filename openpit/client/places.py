"""What a session says of its orders that may count, so that the server can count them.

The server alone knows the windows. Here each order that may count gets a *place* on its axis, one
after the other in the order of submission, whether it can be sent at once or not. With a batch goes
how far the stretch of places reaches that it is in: the server counts a stretch as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.router.rates import BroadRates, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.router.rates import Counted, Counting
    from openpit.wire.sessions import Row

__all__ = ["GivenPlaces", "rows_of"]


class _Giving:
    """An axis: the last place on it that is given, and that the server has been told of."""

    __slots__ = ("given", "told")

    def __init__(self) -> None:
        self.given = self.told = 0


class _Reach(Window):
    """A stretch of places; it stands where an embedded router has the window of a count."""

    __slots__ = ("_line", "is_told", "reach")

    def __init__(self, begins: int, line: _Giving) -> None:
        super().__init__(begins)
        self._line: Final = line
        self.reach = 0  # its last place
        self.is_told = False  # a batch of it has been sealed: no place is added

    def tell(self) -> None:
        """Record that a batch of it has been sealed."""
        self.is_told = True
        self._line.told = max(self._line.told, self.reach)

    @property
    def is_counted(self) -> bool:
        """Whether the server counts it: this stretch, or one with later places, has been told."""
        return self.reach <= self._line.told


class GivenPlaces(BroadRates):
    """Gives places where an embedded router counts."""

    __slots__ = ("_given_back", "_lines", "_stretches", "has_times")

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[int, _Giving] = {}
        self._stretches: dict[int, _Reach] = {}
        self._given_back: list[tuple[int, Window, int]] = []
        self.has_times = False
        """Whether the server takes the orders' times, so that a call's decides its window."""

    def end_of(self, number: int, now: int) -> int | None:
        """Return None: only the server knows."""
        return None

    def stamp(self, counting: Iterable[Counting]) -> list[Counted]:
        """Give places to orders that are submitted."""
        counted: list[Counted] = []
        for number, base, ahead, count, begins, now in counting:
            if not self.is_counted(number):
                raise WireError(f"no rate is limited on the axis {number}")
            line = self._lines.setdefault(number, _Giving())
            stretch = self._stretches.get(number)
            if stretch is None or stretch.is_told or (self.has_times and stretch.began != begins):
                stretch = self._stretches[number] = _Reach(begins, line)
            before = line.given
            counted.append((number, stretch, before - base - ahead, count, now, base))
            line.given = stretch.reach = before + count
        return counted

    def give_back(self, counted: Iterable[Counted]) -> None:
        """Take back orders that are never sent: the server is told when it knows of the others."""
        self._given_back += [(number, stretch, count) for number, stretch, _, count, *_ in counted]

    @property
    def has_news(self) -> bool:
        """Whether there is anything that the server has to be told beside batches."""
        return bool(self._given_back)

    def take_given_back(self) -> list[tuple[int, int, int]]:
        """Return what the server is to be told that it does not know yet."""
        rows: list[tuple[int, int, int]] = []
        kept: list[tuple[int, Window, int]] = []
        for number, stretch, count in self._given_back:
            if isinstance(stretch, _Reach) and stretch.is_counted:
                rows.append((number, stretch.reach, count))
            else:
                kept.append((number, stretch, count))
        self._given_back = kept
        return rows


def rows_of(counted: Sequence[Counted]) -> list[Row]:
    """Return what the head of a batch says of its orders that may count."""
    rows: dict[int, Row] = {}
    for number, stretch, lacking, count, now, _ in counted:
        assert isinstance(stretch, _Reach)  # noqa: S101 - of this module's making
        stretch.tell()
        if number in rows:
            _, lacking, _, before, _, now = rows[number]  # noqa: PLW2901 - those of the first
            count += before  # noqa: PLW2901 - of both
        rows[number] = (number, lacking, stretch.reach, count, stretch.began, now)
    return [*rows.values()]
