"""Texts of decimals that have been read before: most prices and quantities of a flow come again.

A table of a bounded size that fills itself. Once it is full, what is not in it is passed by, and
after so many of them it starts anew: so it follows a market that moves, and a flow in which hardly
anything comes again pays for a look, and for writing down every third text.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["IS_FULL", "known", "passing", "remember"]

MOST: Final = 4096
"""Texts that are kept at most, about half a megabyte."""

LONGEST: Final = 32
"""Characters of a text that is kept."""

IS_FULL: Final[list[bool]] = []
"""Whether the table is full: something in it says so."""

_table: Final[dict[str, Decimal]] = {}

known: Final = _table.get
"""``known(text)`` is the decimal that such a text was read as, None if it is not in the table."""

# An iterator, since that counts in a third of the time that it takes to add one.
passing: Final = cycle(bytes(2 * MOST) + b"\x01")
"""Asked for each text that a full table lacks: whether it is time to start anew."""


def remember(text: str, value: Decimal) -> None:
    """Keep what a text was read as; a table that is full starts anew with it."""
    if IS_FULL:
        IS_FULL.clear()
        _table.clear()
    if len(text) <= LONGEST:
        _table[text] = value
    if len(_table) >= MOST:
        IS_FULL.append(True)
