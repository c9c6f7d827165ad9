"""Quotes for market orders and currency conversion."""

from __future__ import annotations

from openpit.marketdata.errors import (
    AlreadyRegistered,
    MarketDataError,
    QuoteExpired,
    QuoteUnavailable,
    RegistrationError,
    UnknownInstrument,
    UnknownInstrumentId,
)
from openpit.marketdata.quotes import Quote, QuoteTtl
from openpit.marketdata.service import MarketDataBuilder, MarketDataService
from openpit.param.enums import QuoteResolution
from openpit.param.ids import InstrumentId

__all__ = [
    "AlreadyRegistered",
    "InstrumentId",
    "MarketDataBuilder",
    "MarketDataError",
    "MarketDataService",
    "Quote",
    "QuoteExpired",
    "QuoteResolution",
    "QuoteTtl",
    "QuoteUnavailable",
    "RegistrationError",
    "UnknownInstrument",
    "UnknownInstrumentId",
]
