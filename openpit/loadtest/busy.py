"""A custom policy that accepts everything and takes its time: what a policy in Python may cost."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from openpit.pretrade import Policy, PolicyDecision

if TYPE_CHECKING:
    from openpit import Order
    from openpit.pretrade import Context

__all__ = ["BusyPolicy"]

_MICROSECOND: Final = 1000


class BusyPolicy(Policy):
    """Keeps the processor busy for a given time in the main stage of every order."""

    def __init__(self, microseconds: float) -> None:
        self._nanoseconds = round(microseconds * _MICROSECOND)

    @property
    def name(self) -> str:
        """Name of the policy."""
        return "BusyPolicy"

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        """Accept, after a while."""
        end = perf_counter_ns() + self._nanoseconds
        while perf_counter_ns() < end:
            pass
        return PolicyDecision.accept()
