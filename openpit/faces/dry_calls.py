"""Calls that ask what an engine in this process would answer, and record nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from openpit.engine.arguments import checked_order
from openpit.faces import handles
from openpit.faces.many_calls import ManyCalls

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.core.order import Order
    from openpit.pretrade.narrowed import DryRunReport

__all__ = ["DryCalls"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class DryCalls(ManyCalls):
    """The part of :class:`openpit.Engine` that makes dry runs."""

    __slots__ = ()

    def _call(self, method: Callable[[_Item, int], _Result], item: _Item) -> _Result:
        raise NotImplementedError

    def start_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        """Answer as :meth:`start_pre_trade` would, and record nothing.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`.
            Exception: the first one that a custom policy raised.
        """
        # At run time a result has one class for its cases; which one it is, each result says.
        return handles.show_dry_run(self._call(self._core.start_dry_run, checked_order(order)))  # type: ignore[return-value]  # see above

    def execute_pre_trade_dry_run(self, order: Order) -> DryRunReport:
        """Answer as :meth:`execute_pre_trade` would, and record nothing.

        Raises:
            TypeError: ``order`` is no :class:`openpit.Order`.
            Exception: the first one that a custom policy raised.
        """
        return handles.show_dry_run(self._call(self._core.execute_dry_run, checked_order(order)))  # type: ignore[return-value]  # as above
