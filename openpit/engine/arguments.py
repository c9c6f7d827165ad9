"""The classes of what callers hand in: orders, reports, adjustments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.account_adjustment import Adjustment
from openpit.core.order import Order
from openpit.core.report import ExecutionReport
from openpit.param.classes import is_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["checked_adjustments", "checked_order", "checked_report"]


def checked_order(order: object) -> Order:
    """Return an order; TypeError for anything else."""
    if type(order) is not Order and not is_of(order, Order):
        raise TypeError("order must inherit from openpit.Order")
    return order


def checked_report(report: object) -> ExecutionReport:
    """Return an execution report; TypeError for anything else."""
    if type(report) is not ExecutionReport and not is_of(report, ExecutionReport):
        raise TypeError("report must inherit from openpit.ExecutionReport")
    return report


def checked_adjustments(adjustments: Iterable[object]) -> list[Adjustment]:
    """Return account adjustments as a list; TypeError if there is anything else among them."""
    listed = list(adjustments)
    for adjustment in listed:
        if not is_of(adjustment, Adjustment):
            raise TypeError("adjustment must inherit from openpit.AccountAdjustment")
    return listed  # type: ignore[return-value]  # each was checked
