"""A share of a load, made before the run: its events with the engine's objects in them.

It is a client's, or that of an actor in a worker. What these do while they are measured is to be as
little of their own as can be. Of a report only what holds its order's lock has to be made when that
is known.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

import openpit
from openpit.loadtest.engine_objects import EngineObjects
from openpit.loadtest.flow import ORDER, REPORT, flow
from openpit.loadtest.generator import shard_finder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.loadtest.flow import Event
    from openpit.loadtest.plan import Plan
    from openpit.pretrade import Lock

__all__ = ["PreparedObjects", "Share", "client_of", "filling", "share_of"]


def client_of(account: int, clients: int) -> int:
    """Return which client drives an account."""
    return account % clients


class Share:
    """The events of one client, or of one shard, in the order of their times, and these."""

    __slots__ = ("events", "times")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times = array("q")


class PreparedObjects(EngineObjects):
    """Makes objects as they are needed of what was made before."""

    __slots__ = ()

    def order(self, event: Event) -> openpit.Order:
        """Return the order that an event places."""
        made: openpit.Order = event[4]
        return made

    def report(self, event: Event, lock: Lock) -> openpit.ExecutionReport:
        """Return the report of a fill or a cancel; ``lock`` is its order's."""
        _, _, _, _, is_final, operation, impact, details = event
        return openpit.ExecutionReport(
            operation=operation,
            financial_impact=impact,
            fill=openpit.ExecutionReportFillDetails(lock=lock, is_final=is_final, **details),
        )


_HEAD: Final = 4
"""Columns of an event that say what it is, when, and whose."""


def share_of(plan: Plan, client: int) -> Share:
    """Return the events of one of a plan's clients.

    Raises:
        ValueError: no account sends orders.
    """
    share = Share()
    for _ in filling(share, plan, lambda account: client_of(account, plan.clients) == client):
        pass
    return share


def filling(share: Share, plan: Plan, is_its: Callable[[int], bool]) -> Iterator[None]:
    """Add to a share the events of its accounts; every step goes through one of the plan's events.

    Raises:
        ValueError: no account sends orders; at the first step.
    """
    shard_of, only = shard_finder(plan.shards), plan.only_shard
    made = EngineObjects(plan.workload.currency)
    makers: dict[int, Callable[[Event], Event]] = {
        ORDER: lambda event: (*event[:_HEAD], made.order(event)),
        REPORT: lambda event: (*event[: _HEAD + 1], *made.report_parts(event)),
    }
    for event in flow(plan.load, lambda account: only is None or shard_of(account) == only):
        if is_its(event[3]):
            make = makers.get(event[0])
            share.events.append(event if make is None else make(event))
            share.times.append(event[2])
        yield
