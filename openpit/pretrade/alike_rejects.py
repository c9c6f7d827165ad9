"""Rejects of many orders that are alike but for a number: told once, with the numbers beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openpit.pretrade.rejects import new_reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.pretrade.rejects import Reject

__all__ = ["AlikeReject", "RefusedRun", "RefusedRuns"]


class AlikeReject(NamedTuple):
    """What such rejects say; the number stands in the details, between two texts."""

    code: str
    reason: str
    before: str
    behind: str
    policy: str
    scope: str
    user_data: int = 0

    def row(self, number: int) -> tuple[str, str, str, str, str, int]:
        """Return what the reject of a number says, as ``reject_row`` does."""
        code, reason, before, behind, policy, scope, user_data = self
        return code, reason, f"{before}{number}{behind}", policy, scope, user_data

    def of(self, number: int) -> Reject:
        """Return the reject of a number."""
        return new_reject(*self.row(number))


class RefusedRun(NamedTuple):
    """Consecutive orders that are rejected alike: the place of the first, and a number of each."""

    first: int
    numbers: Sequence[int]
    reject: AlikeReject


class RefusedRuns:
    """The orders of many that are rejected, by runs in their order; the others are not."""

    __slots__ = ("runs",)

    def __init__(self, runs: Sequence[RefusedRun]) -> None:
        self.runs = runs

    def places(self) -> Iterator[int]:
        """Yield the places of the orders, in order."""
        for first, numbers, _ in self.runs:
            yield from range(first, first + len(numbers))
