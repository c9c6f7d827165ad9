"""What a replay has come to, for whoever reports it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from openpit.cli.tally import Tally
from openpit.cli.turnover import Turnover

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.events import BadLine

__all__ = ["MAX_TOLD", "StrictStopError", "Totals"]

MAX_TOLD = 100
"""Bad lines that are told one by one; the others are counted."""


class StrictStopError(Exception):
    """A bad line ended a strict replay."""

    def __init__(self, bad: BadLine) -> None:
        super().__init__(f"line {bad.line}: {bad.reason}")


class Totals:
    """Counts of a flow and of what was decided about it.

    ``shards`` is 1 for an engine in this process. ``complain`` is given each of the first MAX_TOLD
    bad lines; ``strict`` stops at the first of those instead.
    """

    def __init__(
        self,
        shards: int = 1,
        *,
        complain: Callable[[BadLine], object] = lambda _: None,
        strict: bool = False,
    ) -> None:
        self._complain = complain
        self.is_strict = strict
        """Whether the first bad line ends the replay; that line is not complained of."""
        self.tallies = [Tally() for _ in range(shards)]
        self.events = 0
        """Lines that were read, and made sense."""
        self.bad_lines = 0
        self.first_bad: list[BadLine] = []
        """The bad lines that were told."""
        self.turnover = Turnover()
        self.skipped: Counter[str] = Counter()
        """Fills and cancels that were left out, by reason."""
        self.observations: Counter[str] = Counter()
        """Events that concern no order, by their kind."""

    def add_bad(self, bad: BadLine) -> None:
        """Count a bad line, and tell it.

        Raises:
            StrictStopError: the replay is strict.
        """
        self.bad_lines += 1
        if len(self.first_bad) < MAX_TOLD:
            self.first_bad.append(bad)
        if self.is_strict:
            raise StrictStopError(bad)
        if self.bad_lines <= MAX_TOLD:
            self._complain(bad)
