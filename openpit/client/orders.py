"""Orders and reports as commands: the flat row where that says it all, else the whole object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.core.instrument import Instrument
from openpit.core.order import Order, OrderOperation, ensure_captured
from openpit.core.report import (
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    FinancialImpact,
)
from openpit.core.report import ensure_captured as ensure_report_captured
from openpit.errors import WireError
from openpit.param.classes import is_of
from openpit.wire import kinds
from openpit.wire.axes import BROKER, NO_AXES
from openpit.wire.class_table import has_attributes, is_of_users
from openpit.wire.classes import are_more_told, refuse_untold, share
from openpit.wire.flat_rows import report_row
from openpit.wire.values import encode, named_classes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from openpit.router.rates import Counting
    from openpit.wire.axes import CountingAxes
    from openpit.wire.classes import Told
    from openpit.wire.values import Packable

__all__ = [
    "Declared",
    "OrderEncoder",
    "Ranked",
    "Ranks",
    "captured_order",
    "captured_report",
    "order_row",
    "ranked_row",
]

Command = tuple[Any, ...]

Declared: TypeAlias = "Sequence[tuple[str, int]]"
"""How many orders of a message may count that are settled in an asset, by asset."""

Ranked: TypeAlias = "tuple[tuple[str, int, int], ...]"
"""The same with the first rank of each, 0 where no rate of the asset is limited."""

EXECUTE: Final = kinds.EXECUTE
EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED


def captured_order(order: object) -> Order:
    """Return an order whose values can be read; TypeError for anything that is none."""
    if type(order) is not Order and not is_of(order, Order):
        raise TypeError("order must inherit from openpit.Order")
    ensure_captured(order)
    return order


def captured_report(report: object) -> ExecutionReport:
    """Return a report whose values can be read; TypeError for anything that is none."""
    if type(report) is not ExecutionReport and not is_of(report, ExecutionReport):
        raise TypeError("report must inherit from openpit.ExecutionReport")
    ensure_report_captured(report)
    return report


def order_row(order: Order) -> Command:
    """Return the flat row of an order: what built-in policies can see of it.

    Its decimals are packed as texts.
    """
    return (
        EXECUTE, order._account_, order._underlying_, order._settlement_, order._side_,
        order._quantity_, order._volume_, order._price_,
    )  # fmt: skip


def ranked_row(order: Order, broker: int, asset: int) -> Command:
    """Return the flat row of an order with its ranks on the broker's and the asset's axis."""
    return (  # not order_row() and more, which takes twice as long
        EXECUTE_COUNTED, order._account_, order._underlying_, order._settlement_, order._side_,
        order._quantity_, order._volume_, order._price_, broker, asset,
    )  # fmt: skip


class Ranks:
    """Numbers the orders that may count against a rate that spans accounts.

    On each axis one after the other, over all calls: a batch may then hold orders of many.
    """

    __slots__ = (
        "_reads_account",
        "assets",
        "broker",
        "counts_broadly",
        "counts_broker",
        "counts_broker_only",
        "numbers",
        "reads_instrument",
    )

    def __init__(self) -> None:
        self.broker = 0  # the last rank that was given
        self.assets: dict[str | None, int] = {}
        self.retune(NO_AXES)

    def retune(self, axes: CountingAxes) -> None:
        """Give numbers on these axes from here on."""
        _, _, self.reads_instrument, self._reads_account, rows = axes
        self.numbers: dict[str | None, int] = {asset: number for number, asset, _ in rows}
        # What the hot path asks.
        self.counts_broadly = bool(rows)
        self.counts_broker = self.numbers.pop(None, None) is not None
        self.counts_broker_only = self.counts_broker and not (
            self.reads_instrument or self._reads_account
        )

    def axes_of(self, order: Order) -> tuple[bool, int | None]:
        """Tell whether an order may count for the broker, and the number of its asset's axis."""
        settlement = order._settlement_
        if (self.reads_instrument and settlement is None) or (
            self._reads_account and order._account_ is None
        ):
            return False, None  # the policy rejects it before it counts
        return self.counts_broker, self.numbers.get(settlement)

    def next_of(self, order: Order) -> tuple[int, int]:
        """Return the ranks of the next order: the broker's and the asset's; 0 where it has none."""
        broker, number = self.axes_of(order)
        rank = asset = 0
        if broker:
            rank = self.broker = self.broker + 1
        if number is not None:
            settlement = order._settlement_
            asset = self.assets[settlement] = self.assets.get(settlement, 0) + 1
        return rank, asset

    def of_one(self, order: Order, now: int, *, is_peek: bool) -> tuple[int, int, list[Counting]]:
        """Return the ranks of an order that is submitted on its own, and what the router counts."""
        broker, number = self.axes_of(order)
        rank = asset = 0
        counting: list[Counting] = []
        count = 0 if is_peek else 1
        if broker:
            before = self.broker
            rank = before + 1
            self.broker = before + count
            counting.append((BROKER, before, 0, count, now, now))
        if number is not None:
            settlement = order._settlement_
            before = self.assets.get(settlement, 0)
            asset = before + 1
            self.assets[settlement] = before + count
            counting.append((number, before, 0, count, now, now))
        return rank, asset, counting

    def of_message(
        self, orders: int, assets: Declared, now: int
    ) -> tuple[tuple[int, int, Ranked], list[Counting]]:
        """Return what a message says of its orders that may count, and what the router counts.

        The first of the broker's ranks, how many they are, and the same of each asset.
        """
        if not orders:
            return (0, 0, ()), []
        counting: list[Counting] = []
        rank = 0
        if self.counts_broker:
            before = self.broker
            rank = before + 1
            self.broker = before + orders
            counting.append((BROKER, before, 0, orders, now, now))
        if not assets:
            return (rank, orders, ()), counting
        ranked: list[tuple[str, int, int]] = []
        for asset, count in assets:
            number = self.numbers.get(asset)
            if number is None:
                ranked.append((asset, 0, count))
                continue
            before = self.assets.get(asset, 0)
            self.assets[asset] = before + count
            ranked.append((asset, before + 1, count))
            counting.append((number, before, 0, count, now, now))
        return (rank, orders, tuple(ranked)), counting


class OrderEncoder:
    """Makes commands of orders and reports.

    What only a custom policy can see (subclass, attributes, position, margin) travels only if the
    engine has one: nothing else could tell the difference.
    """

    __slots__ = ("_has_custom", "_is_servers", "_known", "_offered", "ranks")

    def __init__(self, *, has_custom: bool, told: Told | None = None) -> None:
        self.ranks: Final = Ranks()
        self._has_custom = has_custom
        self._offered = () if told is None else told.values
        self._is_servers = told is not None and told.is_servers
        # The users' classes that the workers know; None: as many as anybody.
        self._known = None if told is None else told.objects.union(told.values)

    def share(self, lacking: Collection[int], axes: CountingAxes) -> None:
        """Record which of the classes that were offered a worker lacks, by their places.

        From here on, orders are numbered on its axes.

        Raises:
            WireError: there are no such places.
        """
        if not all(place < len(self._offered) for place in lacking):
            raise WireError(f"a worker lacks more than it was offered: {lacking!r:.100}")
        share(self._offered, frozenset(lacking))
        if self._known is not None:
            self._known = self._known.difference(self._offered[place] for place in lacking)
        self.ranks.retune(axes)

    def value(self, thing: object) -> Packable:
        """Return an order, a report or adjustments as the value that travels.

        Raises:
            TypeError: something in it cannot travel, or is of a class that only an engine which was
                built later was told of.
        """
        if not self._has_custom:
            return encode(thing, bare=True)
        packed = encode(thing)
        if self._known is not None and are_more_told(self._known):
            refuse_untold(named_classes(packed), self._known, is_servers=self._is_servers)
        return packed

    @property
    def counts_nothing(self) -> bool:
        """Whether no rate window spans accounts."""
        return not self.ranks.counts_broadly

    def is_flat(self, order: Order) -> bool:
        """Tell whether the flat row of an order says all that any policy can see."""
        if not self._has_custom:
            return True
        operation = getattr(order, "_operation_", None)
        if (
            type(order) is Order
            and type(operation) is OrderOperation
            and type(instrument := getattr(operation, "_instrument_", None)) is Instrument
        ):  # what is below, in a third of the time: the classes of most orders
            return (
                order._position_ is None
                and order._margin_ is None
                and not (vars(order) or vars(operation) or vars(instrument))
            )
        return not (
            has_attributes(order, Order)
            or order.position is not None
            or order.margin is not None
            or is_of_users(getattr(order, "_operation_", None), OrderOperation)
        )

    def execute(self, now: int, order: Order) -> tuple[Command, Sequence[Counting]]:
        """Return the command that runs both stages, and what the router counts for it."""
        if self._has_custom and not self.is_flat(order):
            return self.whole(kinds.EXECUTE_WHOLE, now, order)
        ranks = self.ranks
        if not ranks.counts_broadly:
            return order_row(order), ()
        if ranks.counts_broker_only:  # of_one(), spelt out for the hot path of one order at a time
            before = ranks.broker
            ranks.broker = rank = before + 1
            return ranked_row(order, rank, 0), ((BROKER, before, 0, 1, now, now),)
        broker, asset, counting = ranks.of_one(order, now, is_peek=False)
        return ranked_row(order, broker, asset), counting

    def whole(
        self, kind: int, now: int, order: Order, *, is_peek: bool = False
    ) -> tuple[Command, Sequence[Counting]]:
        """Return a command that carries the order as a value, and what the router counts for it."""
        value = self.value(order)
        broker, asset, counting = self.ranks.of_one(order, now, is_peek=is_peek)
        return (kind, order._account_, value, broker, asset), counting

    def ranked(self, order: Order) -> Command:
        """Return the command that runs both stages of an order of many."""
        ranks = self.ranks
        if self._has_custom and not self.is_flat(order):
            return (
                kinds.EXECUTE_WHOLE, order._account_, self.value(order), *ranks.next_of(order)
            )  # fmt: skip
        if not ranks.counts_broadly:
            return order_row(order)
        return ranked_row(order, *ranks.next_of(order))

    def report(self, report: ExecutionReport) -> Command:
        """Return the command that applies a report."""
        if self._has_custom and (
            has_attributes(report, ExecutionReport)
            or report.position_impact is not None
            or is_of_users(report.fill, ExecutionReportFillDetails)
            or is_of_users(getattr(report, "_operation_", None), ExecutionReportOperation)
            or is_of_users(getattr(report, "_financial_impact_", None), FinancialImpact)
        ):
            return (kinds.REPORT_WHOLE, report._account_, self.value(report))
        return report_row(kinds.REPORT, report)
