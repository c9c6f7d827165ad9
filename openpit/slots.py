"""Accounts to slots, slots to shards.

A slot is what moves when shards are added one day, so the number of slots is fixed, and an account
never changes its slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_SHARDS",
    "SLOTS",
    "Owners",
    "slot_of",
    "spread_slots",
]

SLOTS: Final = 4096
"""Enough that 64 shards differ by 2 % at most, few enough to be a table."""

MAX_SHARDS: Final = 256
"""More workers than any one machine has cores; each slot still has its shard."""

# Multiplying by the golden ratio of 2**64 and taking the top bits spreads account numbers that
# follow a pattern, as hashed ones do not.
_SPREAD: Final = 0x9E37_79B9_7F4A_7C15
_SLOT_SHIFT: Final = 52
_SLOT_MASK: Final = SLOTS - 1


def slot_of(account: int) -> int:
    """Return the slot of an account number (``AccountId.value``), 0 to 4095."""
    return account * _SPREAD >> _SLOT_SHIFT & _SLOT_MASK


_MOST_REMEMBERED: Final = 16_384
"""Accounts whose shards are remembered, two MiB; those that come later are reckoned each time."""


class Owners(dict[int, int]):
    """The shard of each account, by the account: to look it up takes a third of reckoning it."""

    __slots__ = ("_by_slot",)

    def __init__(self, by_slot: Sequence[int]) -> None:
        self._by_slot: Final = by_slot

    def __missing__(self, account: int) -> int:
        number = self._by_slot[slot_of(account)]
        if len(self) < _MOST_REMEMBERED:
            self[account] = number
        return number


def spread_slots(shards: int) -> list[int]:
    """Return the shard of each slot: consecutive ranges, whose sizes differ by one at most."""
    return [slot * shards // SLOTS for slot in range(SLOTS)]
