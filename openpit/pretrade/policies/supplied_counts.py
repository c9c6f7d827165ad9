"""What stands in for the counters of the broker's and assets' rates, where others count.

The router counts for all shards; see :mod:`openpit.shards.counts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openpit.pretrade.policies.rate_limit_settings import RateLimitSettings

__all__ = ["AxisNumbers", "SuppliedCounts"]


class AxisNumbers:
    """The numbers of the axes that span accounts: 0 is the broker's, then come the assets'.

    An asset has its number from its first barrier on, for good, so whoever sees the same settings
    in the same order has the same numbers.
    """

    __slots__ = ("assets", "of")

    def __init__(self, settings: RateLimitSettings | None) -> None:
        self.of: dict[str | None, int] = {}
        self.assets: list[str | None] = [None]  # by their numbers
        if settings is not None:
            self.add(settings)

    def add(self, settings: RateLimitSettings) -> None:
        """Give numbers to the assets that have none yet."""
        self.of.update(self.with_those_of(settings))
        self.assets[1:] = self.of

    def restore(self, assets: Sequence[str]) -> None:
        """Take over the assets of other settings, by their numbers."""
        self.of.clear()
        self.of.update({asset: number for number, asset in enumerate(assets, 1)})
        self.assets[1:] = self.of

    def with_those_of(self, settings: RateLimitSettings) -> dict[str | None, int]:
        """Return the numbers there would be with the assets of some settings."""
        assets = dict.fromkeys([*self.of, *settings.assets])
        return {asset: number for number, asset in enumerate(assets, 1)}


class SuppliedCounts:
    """Stands in for :class:`FixedWindows` where somebody else counts for all shards."""

    __slots__ = ("began", "highest", "numbers", "supplied", "used")

    def __init__(self, settings: RateLimitSettings | None, began: int = 0) -> None:
        self.began: Final = began
        self.supplied = (0, 0)  # the broker's count of the next order, and its asset's
        # The highest of many orders: the broker's, and of each asset's.
        self.highest: tuple[int, Mapping[str | None, int]] = (0, {})
        self.numbers: Final = AxisNumbers(settings)
        self.used = False

    def supply(self, broker: int, asset: int) -> None:
        """Set the counts for the next order; ``used`` tells afterwards whether it needed them."""
        self.supplied = (broker, asset)
        self.used = False

    def count(self, settlement: str | None, now: int) -> tuple[int, int]:
        """Return the counts that were supplied."""
        self.used = True
        return self.supplied

    def count_broker(self, now: int) -> int:
        """Return the broker's count that was supplied."""
        self.used = True
        return self.supplied[0]

    peek = count

    def each_brokers(self) -> Sequence[int] | None:
        """Return the broker's count of each of many orders; None where they have none of their own.

        0 of an order that has none; the others rise.
        """
        return None

    def each_assets(self, settlements: Sequence[str | None]) -> Sequence[int]:
        """Return the counts in their assets of the first of the same orders, with these; or 0."""
        return (0,) * len(settlements)

    def retune(self, settings: RateLimitSettings, now: int) -> None:
        """Take new settings: the counters are elsewhere, and take the same ones there."""
        self.numbers.add(settings)
