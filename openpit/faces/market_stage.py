"""The part of a builder that makes market data services for its engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core.opaque import InProcess
from openpit.marketdata.service import new_market_data_builder

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.marketdata import MarketDataBuilder, QuoteTtl

__all__ = ["MarketStage"]


class MarketStage(InProcess):
    """The part of :class:`openpit.SyncedEngineBuilder` and its like that knows market data."""

    __slots__ = ()

    _clock: Callable[[], int]
    _is_no_sync: bool

    def market_data(self, default_ttl: QuoteTtl) -> MarketDataBuilder:
        """Start a market data service with the engine's clock and synchronisation.

        Raises:
            TypeError: ``default_ttl`` is no :class:`openpit.marketdata.QuoteTtl`.
        """
        return new_market_data_builder(default_ttl, self._clock, not self._is_no_sync)
