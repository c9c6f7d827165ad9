"""Decisions where a limit over all accounts binds, and several clients drive one server.

Which orders such a limit refuses depends on the order in which they reached the router, which
nobody writes down. So the run says which they were: the oracle leaves these out and has to decide
all others as the run did, and what else was said of them it has to say, too. Whether a limit
refused as many as it had to is seen by how many it let pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from openpit.limits.reading import rate_axes
from openpit.limits.tables import Table, parse
from openpit.loadtest.children import START_SECONDS
from openpit.loadtest.flow import ORDER
from openpit.loadtest.plan import SECOND
from openpit.loadtest.recording import MISSING
from openpit.param import Asset

if TYPE_CHECKING:
    from openpit.loadtest.flow import Event
    from openpit.loadtest.plan import Plan
    from openpit.loadtest.recording import Recording, Row

__all__ = ["Beside", "lift", "unfit"]

POLICY: Final = "RateLimitPolicy"
BARRIERS: Final = {
    "broker": "rate limit exceeded: broker barrier",
    "asset": "rate limit exceeded: asset barrier",
}
"""What a barrier over all accounts says of an order that it refuses."""

_REASONS: Final = frozenset(BARRIERS.values())
_OF_ACCOUNT: Final = "account"


def _is_spanning(row: Row) -> bool:
    return row[3] == POLICY and row[1] in _REASONS


def lift(engine: Any) -> None:
    """Take the barriers over all accounts away from an engine that has some."""
    engine.configure().rate_limit(POLICY, clear_broker=True, asset_barriers=[])


class Beside:
    """The orders of a run that a barrier over all accounts has refused."""

    def __init__(self, recording: Recording) -> None:
        self._recording: Final = recording
        self._refused: Final = {
            number for number, rows in recording.rejects.items() if any(map(_is_spanning, rows))
        }

    def has(self, event: Event) -> bool:
        """Tell whether an event is one of these orders."""
        return event[0] == ORDER and event[1] in self._refused

    def decide(self, number: int, engine: Any, order: Any, right: Recording) -> None:
        """Write down what is right for one of them: the other policies' rejects beside that one."""
        told = self._recording.rejects[number]
        right.reject(number, engine.start_pre_trade_dry_run(order).rejects or ())
        others = [row for row in right.rejects[number] if row[3] != POLICY]
        if others == [row for row in told if row[3] != POLICY]:
            right.rejects[number] = told


@dataclass(frozen=True, slots=True)
class _Barrier:
    """A limit over all accounts: so many orders in so many nanoseconds."""

    axis: str
    most: int
    window: int


def unfit(plan: Plan, recording: Recording) -> list[tuple[int, str]]:
    """Return the barriers that let too many orders of a run pass, or refused some too early.

    Each with how many decisions that makes wrong.
    """
    passed = stopped = 0
    refused = dict.fromkeys(BARRIERS.values(), 0)
    for number in range(1, len(recording.verdicts)):
        rows = recording.rejects.get(number, ())
        for reason in {row[1] for row in rows if _is_spanning(row)}:
            refused[reason] += 1
        if recording.verdicts[number] == MISSING or any(row[4] == _OF_ACCOUNT for row in rows):
            stopped += 1  # it may not have counted: a block stopped it
        elif not any(map(_is_spanning, rows)):
            passed += 1
    found: list[tuple[int, str]] = []
    total = len(recording.verdicts) - 1
    span = max(recording.decided) - min((at for at in recording.asked if at), default=0)
    for barrier in _barriers(plan):
        reason = BARRIERS[barrier.axis]
        most = barrier.most * _windows(barrier.window, span)
        if passed > most:
            text = f"the {barrier.axis} barrier let {passed:,} orders pass, where {most:,} may"
            found.append((passed - most, text))
        let = total - refused[reason]
        if refused[reason] and let < barrier.most:
            text = f"the {barrier.axis} barrier refused orders after {let:,} of {barrier.most:,}"
            found.append((min(barrier.most - let, refused[reason]), text))
    return found


def _windows(window: int, span: int) -> int:
    """Return in how many windows orders of so many nanoseconds may have been at most.

    The first began when the server did, which is no longer ago than that may take.
    """
    if span + START_SECONDS * SECOND < window:
        return 1
    return span // window + 2


def _barriers(plan: Plan) -> list[_Barrier]:
    """Return those that the orders of a plan are under: all are settled in one currency."""
    values = parse(plan.policies).get("rate_limit")
    if not isinstance(values, dict):  # there is none
        return []
    axes = rate_axes(Table("rate_limit", values))
    currency = Asset(plan.workload.currency)
    found = [("broker", each.limit) for each in axes["broker"]]
    found += [
        ("asset", each.limit)
        for each in axes["asset_barriers"]
        if each.settlement_asset == currency
    ]
    return [
        _Barrier(axis, limit.max_orders, limit.window // timedelta(microseconds=1) * 1000)
        for axis, limit in found
    ]
