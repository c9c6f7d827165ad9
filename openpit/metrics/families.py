"""What was found, as families of metrics and as their text. The names are those of the docs."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from openpit.wire.roles import role_name

try:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
except ModuleNotFoundError as error:  # the package is an extra
    raise ModuleNotFoundError(
        f"{error.name} is not installed: metrics are an extra of openpit-sharded, [metrics]",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.faces.scraping import Scrape
    from openpit.wire.figures import RouterFigures
    from openpit.wire.tallies import ShardTally

__all__ = ["CONTENT_TYPE", "families_of", "text_of"]

CONTENT_TYPE: Final[str] = CONTENT_TYPE_LATEST

SHARD: Final = ("shard",)

_NANOSECONDS: Final = 1e9

FIRST_TIME: Final = 10
LAST_TIME: Final = 35
"""Places of the buckets of times that are told: from a microsecond to half a minute."""

LAST_SIZE: Final = 14
"""Of the buckets of batches: 8192 commands, as many as there is credit for."""


class _Families:
    """Families by name, made as they are first added to."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def gauge(self, name: str, what: str, value: float, **labels: object) -> None:
        """Add what goes up and down."""
        self._of(GaugeMetricFamily, name, what, labels).add_metric(_texts(labels), value)

    def counter(self, name: str, what: str, value: float, **labels: object) -> None:
        """Add what only grows, but for a new start."""
        self._of(CounterMetricFamily, name, what, labels).add_metric(_texts(labels), value)

    def histogram(
        self, name: str, what: str, buckets: Sequence[tuple[str, int]], total: float, shard: int
    ) -> None:
        """Add a distribution: bounds and how many are under each."""
        labels: dict[str, object] = {"shard": shard}
        family = self._of(HistogramMetricFamily, name, what, labels)
        family.add_metric(_texts(labels), buckets=buckets, sum_value=total)

    def _of(self, kind: Any, name: str, what: str, labels: dict[str, object]) -> Any:
        family = self.made.get(name)
        if family is None:
            family = self.made[name] = kind(f"openpit_{name}", what, labels=tuple(labels))
        return family


def _texts(labels: dict[str, object]) -> list[str]:
    return [str(value) for value in labels.values()]


def families_of(found: Scrape) -> list[Metric]:
    """Return the families of what one look has found."""
    families = _Families()
    for figures in found.shards:
        _add_router(families, figures)
    for number, tally in sorted(found.tallies.items()):
        _add_decisions(families, str(number), tally)
        _add_handles(families, str(number), tally)
        _add_worker(families, number, tally)
    for number, why in sorted(found.missing.items()):
        families.gauge(
            "shard_missing",
            "Shards whose own counts are not among these metrics, with the reason",
            1, shard=number, why=why,
        )  # fmt: skip
    if found.sessions is not None:
        roles = [role_name(session.role) for session in found.sessions]
        for role in ("admin", "trader", "reader"):
            count = roles.count(role)
            families.gauge("sessions", "Programs that are connected, by role", count, role=role)
    if found.sessions is not None or found.server:
        families.gauge(
            "server_up", "Whether the server has answered what it was asked", not found.server
        )
    return [*families.made.values()]


def _add_router(families: _Families, figures: RouterFigures) -> None:
    its, trips, trip_time = figures
    gauge, counter, shard = families.gauge, families.counter, its.shard
    gauge("shard_up", "Whether the shard takes orders now", its.state == "up", shard=shard)
    gauge("shard_state", "1 for the state that the shard is in", 1, shard=shard, state=its.state)
    gauge("in_flight", "Commands that are not answered yet", its.in_flight, shard=shard)
    gauge("waiting", "Commands that wait for credit", its.waiting, shard=shard)
    gauge("credits", "How many commands may be in flight", its.credits, shard=shard)
    counter("restarts", "Workers that took the place of one that ended", its.restarts, shard=shard)
    counter("sent_bytes", "Bytes of frames to the worker", its.bytes_sent, shard=shard)
    counter("received_bytes", "Bytes of frames from the worker", its.bytes_received, shard=shard)
    counter(
        "told_in_vain", "Messages without answer at which an actor has raised",
        its.told_in_vain, shard=shard,
    )  # fmt: skip
    if trips:
        families.histogram(
            "round_trip_seconds",
            "From a batch's sending until all that was sent by then is answered",
            _bounds_of_times(trips), trip_time / _NANOSECONDS, shard,
        )  # fmt: skip


def _add_decisions(families: _Families, shard: str, its: ShardTally) -> None:
    counter = families.counter
    for outcome, count in (("accepted", its.accepted), ("rejected", its.refused)):
        counter(
            "decisions", "Orders that were decided, by outcome", count, shard=shard, outcome=outcome
        )
    for code, policy, count in its.rejects:
        counter(
            "rejects", "Rejects, by code and policy; an order may have several",
            count, shard=shard, code=code, policy=policy,
        )  # fmt: skip
    counter("raised", "Calls at which a policy or an actor has raised", its.raised, shard=shard)
    families.gauge(
        "accounts_blocked", "Accounts that a cause of their own or their group's stops",
        its.blocked, shard=shard,
    )  # fmt: skip
    families.gauge(
        "orders_stopped", "Whether a halt or the engine-wide block stops all orders",
        its.is_stopped, shard=shard,
    )  # fmt: skip


def _add_handles(families: _Families, shard: str, its: ShardTally) -> None:
    families.gauge(
        "reservations_open", "Reservations, requests and drop copies that wait for their end",
        its.open, shard=shard,
    )  # fmt: skip
    families.counter(
        "reservations_opened", "Those that ever waited for their end", its.opened, shard=shard
    )
    ends = {"committed": its.committed, "rolled_back": its.rolled_back, "expired": its.expired}
    for how, count in ends.items():
        families.counter(
            "reservations_ended", "Those that have ended, by how", count, shard=shard, how=how
        )


def _add_worker(families: _Families, shard: int, its: ShardTally) -> None:
    counter = families.counter
    families.histogram(
        "batch_commands", "Commands in a batch", _bounds_of_sizes(its.sizes), its.commands, shard
    )
    if its.turns:
        families.histogram(
            "worker_turn_seconds",
            "What a worker takes to check, and write down, what it has read at once",
            _bounds_of_times(its.turns), its.turn_time / _NANOSECONDS, shard,
        )  # fmt: skip
    counter(
        "journal_written_bytes", "Bytes of records, since the worker's start",
        its.journal_bytes, shard=shard,
    )  # fmt: skip
    counter(
        "journal_syncs", "Waits for the disk, since the worker's start",
        its.journal_syncs, shard=shard,
    )  # fmt: skip


def _bounds_of_times(counts: Sequence[int]) -> list[tuple[str, int]]:
    """Return the bounds of counts by the length of a time in bits of nanoseconds."""
    under = [*accumulate(counts)]
    places = range(FIRST_TIME, min(LAST_TIME, len(under) - 1) + 1)
    bounds = [(str(2**place / _NANOSECONDS), under[place]) for place in places]
    return [*bounds, ("+Inf", under[-1])]


def _bounds_of_sizes(counts: Sequence[int]) -> list[tuple[str, int]]:
    under = [*accumulate(counts)]
    bounds = [(str(float(2**place - 1)), under[place]) for place in range(1, LAST_SIZE + 1)]
    return [*bounds, ("+Inf", under[-1])]


class _FoundFamilies:
    """What was found, as something to register."""

    def __init__(self, families: Iterable[Any]) -> None:
        self._families = families

    def collect(self) -> Iterable[Any]:
        return self._families


def text_of(families: Iterable[Any]) -> str:
    """Return families as OpenMetrics text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FoundFamilies(families))
    text: str = generate_latest(registry).decode()  # type: ignore[no-untyped-call]  # as its maker has it
    return text
