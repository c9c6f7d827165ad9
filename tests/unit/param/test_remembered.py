"""Texts that have been read are found again, and a table that is full follows what comes."""

from __future__ import annotations

from decimal import Decimal
from itertools import cycle

import pytest

from openpit.errors import ParamError
from openpit.param import Price, Quantity, TradeAmount, decimals, remembered
from openpit.param.fixed_decimal import decimal_of


@pytest.fixture(autouse=True)
def _a_table_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four texts at most; of those that are new to it then, the third starts it anew."""
    monkeypatch.setattr(remembered, "MOST", 4)
    monkeypatch.setattr(decimals, "passing", cycle((0, 0, 1)))
    remembered._table.clear()
    remembered.IS_FULL.clear()


def read(*texts: str) -> list[str]:
    """Read prices; return the texts that are kept then."""
    for text in texts:
        assert str(Price(text)) == text
    return sorted(remembered._table)


def test_a_text_is_read_once() -> None:
    first = decimal_of(Price("185.50"))
    assert decimal_of(Price("185.50")) is first
    assert first == Decimal("185.50")
    assert str(Price("185.5")) == "185.5"


def test_a_full_table_passes_texts_by_and_then_starts_anew() -> None:
    assert read("1", "2", "3", "4") == ["1", "2", "3", "4"]
    assert read("5", "6", "2") == ["1", "2", "3", "4"]
    assert read("7") == ["7"]
    assert read("8", "9") == ["7", "8", "9"]


def test_what_is_no_decimal_and_what_is_long_is_not_kept() -> None:
    for text in ("1e5", "NaN", "", " 1", "\u0661"):
        with pytest.raises(ParamError):
            Price(text)
    assert str(Price("0" * 40 + "1")) == "1"
    assert not remembered._table


def test_a_known_text_is_refused_where_its_sign_does_not_suit() -> None:
    assert read("-5") == ["-5"]
    for take in (Quantity, TradeAmount.quantity, TradeAmount.volume):
        with pytest.raises(ParamError, match="non-negative"):
            take("-5")
    assert str(TradeAmount.quantity("5").as_quantity) == "5"
