"""Prices over the console, of a server whose policies read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from consoles import READER, TRADER

if TYPE_CHECKING:
    from consoles import Consoles

pytestmark = pytest.mark.one_python

AAPL = "/api/v1/quotes/AAPL/USD"
ORDER = {
    "account": "3",
    "underlying": "AAPL",
    "settlement": "USD",
    "side": "BUY",
    "quantity": "1",
    "price": "185.5",
}


def test_a_price_is_pushed_read_and_heeded(spare: Consoles) -> None:
    assert spare.refused("GET", AAPL) == (404, "QuoteUnavailable")
    done = spare.ask("PUT", AAPL, {"mark": "185.50", "bid": "185.4"}, token=TRADER)
    assert (done["by"], "AAPL/USD" in done["done"]) == ("bot", True)
    told = spare.ask("GET", AAPL, token=READER)
    assert (told["mark"], told["bid"], told["ask"], told["is_expired"]) == (
        *("185.50", "185.4", None, False),
    )
    assert spare.ask("POST", "/api/v1/dry-run", ORDER)["accepted"] is True

    spare.ask("PUT", AAPL, {"mark": "10"}, token=TRADER)
    told = spare.ask("POST", "/api/v1/dry-run", ORDER)
    assert [one["reason"] for one in told["rejects"]] == ["collar"]


def test_an_instrument_that_nobody_has_registered_has_none(spare: Consoles) -> None:
    for method, body in (("GET", None), ("PUT", {"mark": "5"})):
        assert spare.refused(method, "/api/v1/quotes/KO/USD", body) == (404, "UnknownInstrument")


def test_a_price_is_decimal_text(spare: Consoles) -> None:
    for wrong in (185.5, "1e3", "-5", "NaN", "", "1" * 30):
        assert spare.refused("PUT", AAPL, {"mark": wrong}) == (422, "Request")
