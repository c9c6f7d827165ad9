"""What a driver writes down while it drives: times in arrays that are there from the start."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ACCEPTED", "DENIED", "MISSING", "REJECTED", "Recording"]

MISSING: Final = 0
"""No decision came back."""

ACCEPTED: Final = 1
REJECTED: Final = 2

DENIED: Final = 3
"""Refused because the shard could not be asked."""

ROUTER: Final = "Router"
UNAVAILABLE: Final = "SystemUnavailable"

Row = tuple[str, ...]
"""Code, reason, details, policy and, for a reject, scope."""


class Recording:
    """One run's decisions by order number, from 1; lanes write to places of their own."""

    __slots__ = (
        "asked",
        "blocks",
        "calls",
        "decided",
        "deposits",
        "failures",
        "rejects",
        "reports",
        "starved",
        "verdicts",
    )

    def __init__(self, orders: int, lanes: int = 1) -> None:
        self.asked = array("q", bytes(8 * (orders + 1)))
        """When the engine was called with the order, nanoseconds from the start."""
        self.decided = array("q", bytes(8 * (orders + 1)))
        """When its decision was there."""
        self.verdicts = bytearray(orders + 1)
        self.rejects: dict[int, list[Row]] = {}
        self.blocks: dict[tuple[int, int], list[Row]] = {}
        """Account blocks that reports raised, by order number and time of the report."""
        self.failures: Counter[str] = Counter()
        """Calls that raised, by type of the exception."""
        self.reports = [0] * lanes
        self.deposits = [0] * lanes
        self.calls = [0] * lanes
        """Calls of the engine that decided orders."""
        self.starved = [0] * lanes
        """Nanoseconds from the first event on in which the lane had nothing to do."""

    def add(self, other: Recording) -> None:
        """Take over what a client has recorded: of other orders than everybody else's."""
        for number in compress(range(len(other.verdicts)), other.verdicts):
            self.asked[number] = other.asked[number]
            self.decided[number] = other.decided[number]
            self.verdicts[number] = other.verdicts[number]
        self.rejects |= other.rejects
        self.blocks |= other.blocks
        self.failures += other.failures
        for ours, theirs in (
            (self.reports, other.reports),
            (self.deposits, other.deposits),
            (self.calls, other.calls),
        ):
            ours[0] += sum(theirs)

    def reject(self, number: int, rejects: Iterable[Any]) -> None:
        """Write down that an order was refused, and why."""
        rows: list[Row] = [(r.code, r.reason, r.details, r.policy, r.scope) for r in rejects]
        self.rejects[number] = rows
        is_denied = any(row[3] == ROUTER and row[0] == UNAVAILABLE for row in rows)
        self.verdicts[number] = DENIED if is_denied else REJECTED

    def block(self, number: int, time: int, blocks: Iterable[Any]) -> None:
        """Write down the blocks that a report raised."""
        self.blocks[number, time] = [(b.code, b.reason, b.details, b.policy) for b in blocks]

    def fail(self, error: BaseException) -> None:
        """Count a call that raised; of a group, each member."""
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                self.fail(member)
        else:
            self.failures[type(error).__name__] += 1
