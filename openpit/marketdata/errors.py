"""What is raised for quotes and their instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpit.core.instrument import Instrument
    from openpit.marketdata.quotes import Quote
    from openpit.param.ids import InstrumentId

__all__ = [
    "AlreadyRegistered",
    "MarketDataError",
    "QuoteExpired",
    "QuoteUnavailable",
    "RegistrationError",
    "UnknownInstrument",
    "UnknownInstrumentId",
]


class MarketDataError(Exception):
    """A quote could not be read."""

    __module__ = "openpit"


class UnknownInstrument(MarketDataError):  # noqa: N818 - the public API's name
    """No instrument is registered under the id that was asked for."""

    __module__ = "openpit"


class QuoteUnavailable(MarketDataError):  # noqa: N818 - the public API's name
    """None of the buckets that may be read holds a quote."""

    __module__ = "openpit"


class QuoteExpired(MarketDataError):  # noqa: N818 - the public API's name
    """The quote is at least as old as its time to live; ``quote`` is that quote."""

    __module__ = "openpit"

    quote: Quote


class AlreadyRegistered(Exception):  # noqa: N818 - the public API's name
    """The instrument has an id already; ``instrument`` is that instrument."""

    __module__ = "openpit"

    instrument: Instrument


class RegistrationError(Exception):
    """The instrument or the wanted id is taken: that one is set, the other is None."""

    __module__ = "openpit"

    instrument: Instrument | None
    instrument_id: InstrumentId | None


class UnknownInstrumentId(Exception):  # noqa: N818 - the public API's name
    """No instrument has ``instrument_id`` in this service."""

    __module__ = "openpit"

    instrument_id: InstrumentId
