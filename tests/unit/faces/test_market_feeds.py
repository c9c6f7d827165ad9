"""What a service's feed passes on, and what it is given of a journal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from openpit.core.instrument import Instrument
from openpit.faces.market_feeds import Feed
from openpit.marketdata.quotes import Quote, QuoteTtl
from openpit.marketdata.service import MarketDataBuilder, MarketDataService, store_of

AAPL, MSFT = Instrument("AAPL", "USD"), Instrument("MSFT", "USD")


class Face:
    def __init__(self) -> None:
        self.passed: list[Any] = []

    def pass_on(self, place: int, operation: Any) -> None:
        self.passed.append((place, operation))


def service(now: int) -> MarketDataService:
    return MarketDataBuilder._of(QuoteTtl.infinite(), lambda: now, True).build()


def test_instants_are_by_the_engines_time_where_its_clock_is_ahead() -> None:
    face, market = Face(), service(100)
    number = market.push_by_instrument(AAPL, Quote(mark="5"), timedelta(0))
    feed = Feed(face, 3, market, 7)
    market.push_for(number, Quote(bid="4"), timedelta(0), [], [2])  # type: ignore[list-item]
    feed.end()
    market.clear(number)

    assert face.passed == [
        (3, ("default_ttl", -1)),
        (3, ("register", 0, "AAPL", "USD", None)),
        (3, ("push_for", 0, Decimal(5), None, None, 107, (), (0,))),
        (3, ("push_for", 0, None, Decimal(4), None, 107, (), (2,))),
    ]


def test_what_a_journal_has_the_service_is_given_and_the_shards_are_not() -> None:
    face, market = Face(), service(100)
    restored = [
        ("default_ttl", 50),
        ("register", 4, "AAPL", "USD", None),
        ("push", 4, Decimal(5), None, None, 90),
    ]

    feed = Feed(face, 0, market, 7, restored)
    market.register(MSFT)

    assert face.passed == [(0, ("register", 0, "MSFT", "USD", None))]
    assert store_of(market).books[4].groups[0] == ((Decimal(5), None, None), 83)
    assert store_of(market).default_ttl == 50
    feed.end()


def test_one_that_is_not_empty_by_now_is_refused() -> None:
    face, market = Face(), service(100)
    market.register(AAPL)
    with pytest.raises(RuntimeError, match="market data has come while the engine was built"):
        Feed(face, 0, market, 0, [("default_ttl", 50)])
    assert face.passed == []
