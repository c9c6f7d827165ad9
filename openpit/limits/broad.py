"""The rates of a configuration that span accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BroadLimits", "BroadRate"]


class BroadRate(NamedTuple):
    """So many orders at most in a window of so many nanoseconds."""

    max_orders: int
    window: int


class BroadLimits(NamedTuple):
    """The rates of all orders together, and of those that are settled in an asset."""

    broker: BroadRate | None
    assets: Mapping[str, BroadRate]
