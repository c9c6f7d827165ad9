"""What a replay counts, for each shard and in total."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpit.pretrade.rejects import Reject

__all__ = ["Latencies", "Tally", "total"]


class Latencies:
    """How long decisions took, to the microsecond; as many numbers as there are distinct times."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, microseconds: int, decisions: int) -> None:
        """Count ``decisions`` that took this long."""
        self._counts[microseconds] += decisions

    def merge(self, other: Latencies) -> None:
        """Add what ``other`` has counted."""
        self._counts.update(other._counts)

    def percentile(self, share: float) -> int | None:
        """Return the least time, in microseconds, that ``share`` (0 to 1) of decisions kept to."""
        wanted = share * self._counts.total()
        seen = 0
        for microseconds in sorted(self._counts):
            seen += self._counts[microseconds]
            if seen >= wanted:
                return microseconds
        return None


class Tally:
    """Counts of one shard, or of all.

    ``rejects`` counts rejected orders by the code of their first reject, ``refusals`` by that and
    the policy that it came from.
    """

    __slots__ = (
        "accepted",
        "accounts",
        "blocked",
        "latencies",
        "refusals",
        "rejects",
        "reports",
    )

    def __init__(self) -> None:
        self.accounts = 0
        self.accepted = 0
        self.rejects: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.reports = 0
        self.blocked = 0
        self.latencies = Latencies()

    def reject(self, first: Reject) -> None:
        """Count a rejected order by its first reject."""
        self.rejects[first.code] += 1
        self.refusals[first.policy, first.code] += 1

    @property
    def orders(self) -> int:
        """Orders that were decided."""
        return self.accepted + self.rejected

    @property
    def rejected(self) -> int:
        """Orders that were rejected, for whatever reason."""
        return self.rejects.total()


def total(tallies: list[Tally]) -> Tally:
    """Return the sum over all shards."""
    summed = Tally()
    for tally in tallies:
        summed.accounts += tally.accounts
        summed.accepted += tally.accepted
        summed.rejects.update(tally.rejects)
        summed.refusals.update(tally.refusals)
        summed.reports += tally.reports
        summed.blocked += tally.blocked
        summed.latencies.merge(tally.latencies)
    return summed
