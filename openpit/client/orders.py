"""Orders and reports as commands: the flat row where that says it all, else the whole object."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

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
from openpit.router.router import check_time
from openpit.wire import kinds
from openpit.wire.classes import are_more_told, refuse_untold, share
from openpit.wire.records import has_attributes, is_of_users
from openpit.wire.rows import report_row
from openpit.wire.values import encode, named_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from openpit.pretrade.policies.rate_limit import FixedWindows
    from openpit.router.rates import BroadRates, Counted
    from openpit.wire.classes import Told
    from openpit.wire.values import Packable

__all__ = [
    "OrderEncoder",
    "captured_order",
    "captured_report",
    "counted_row",
    "order_row",
    "timed",
]

Command = tuple[Any, ...]

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


def timed(orders: Iterable[Order], clock: Callable[[], int]) -> tuple[list[Order], list[int]]:
    """Take the orders one by one, each with the time that a call for it alone would have.

    By the system's clock the orders of one call have one time: no program could tell.
    """
    if clock is time.monotonic_ns:
        listed = list(orders)
        return listed, [clock()] * len(listed)
    listed = []
    times: list[int] = []
    for order in orders:
        listed.append(order)
        now = clock()
        check_time(now)
        times.append(now)
    return listed, times


def order_row(order: Order) -> Command:
    """Return the flat row of an order: what built-in policies can see of it."""
    quantity, volume, price = order._quantity_, order._volume_, order._price_
    return (
        EXECUTE,
        order._account_,
        order._underlying_,
        order._settlement_,
        order._side_,
        None if quantity is None else str(quantity),
        None if volume is None else str(volume),
        None if price is None else str(price),
    )


def counted_row(order: Order, broker: int, asset: int) -> Command:
    """Return the flat row of an order with the broker's and the asset's counts that it makes."""
    quantity, volume, price = order._quantity_, order._volume_, order._price_
    return (  # not order_row() and more: that takes 0.3 of 0.8 µs
        EXECUTE_COUNTED,
        order._account_,
        order._underlying_,
        order._settlement_,
        order._side_,
        None if quantity is None else str(quantity),
        None if volume is None else str(volume),
        None if price is None else str(price),
        broker,
        asset,
    )


class OrderEncoder:
    """Makes commands of orders and reports.

    What only a custom policy can see (subclass, attributes, position, margin) travels only if the
    engine has one: nothing else could tell the difference.
    """

    __slots__ = ("_has_custom", "_known", "_offered", "rates")

    def __init__(
        self, rates: BroadRates | None, *, has_custom: bool, told: Told | None = None
    ) -> None:
        self.rates = rates
        self._has_custom = has_custom
        self._offered = () if told is None else told.values
        # The users' classes that the workers know; None: as many as anybody.
        self._known = None if told is None else told.objects.union(told.values)

    def share(self, lacking: Collection[int]) -> None:
        """Record which of the classes that were offered a worker lacks, by their places.

        Raises:
            WireError: there are no such places.
        """
        if not all(place < len(self._offered) for place in lacking):
            raise WireError(f"a worker lacks more than it was offered: {lacking!r:.100}")
        share(self._offered, frozenset(lacking))
        if self._known is not None:
            self._known = self._known.difference(self._offered[place] for place in lacking)

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
            refuse_untold(named_classes(packed), self._known)
        return packed

    @property
    def counts_nothing(self) -> bool:
        """Whether no rate window spans accounts."""
        return self.rates is None or not self.rates.policy.counts_broadly

    def broker_window(self) -> FixedWindows | None:
        """Return the windows where the broker's is the only one, and no field has to be read."""
        rates = self.rates
        if rates is None or not rates.policy.counts_broker_only:
            return None
        return rates.broker_windows()

    def is_flat(self, order: Order) -> bool:
        """Tell whether the flat row of an order says all that any policy can see."""
        return not self._has_custom or not (
            has_attributes(order, Order)
            or order.position is not None
            or order.margin is not None
            or is_of_users(getattr(order, "_operation_", None), OrderOperation)
        )

    def execute(self, now: int, order: Order) -> tuple[Command, Counted | None]:
        """Return the command that runs both stages, and what it counted."""
        if self._has_custom and not self.is_flat(order):
            return self.whole(kinds.EXECUTE_WHOLE, now, order)
        rates = self.rates
        if rates is None or not rates.policy.counts_broadly:
            return order_row(order), None
        if rates.policy.counts_broker_only:
            broker, counted = rates.count_broker(now)
            return counted_row(order, broker, 0), counted
        broker, asset, tally = rates.count(now, order._account_, order._settlement_)
        return counted_row(order, broker, asset), tally

    def whole(
        self, kind: int, now: int, order: Order, *, is_peek: bool = False
    ) -> tuple[Command, Counted | None]:
        """Return a command that carries the order as a value, and what it counted."""
        value = self.value(order)
        broker = asset = 0
        counted: Counted | None = None
        rates = self.rates
        if rates is not None and rates.policy.counts_broadly:
            if is_peek:
                broker, asset = rates.peek(now, order._account_, order._settlement_)
            else:
                broker, asset, counted = rates.count(now, order._account_, order._settlement_)
        return (kind, order._account_, value, broker, asset), counted

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
