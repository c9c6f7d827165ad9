from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from decimal import Decimal

import pytest

from openpit.errors import ParamError
from openpit.marketdata.quotes import INFINITE, Quote, QuoteTtl, nanoseconds
from openpit.param.values import Pnl, Price


def test_a_quote_reads_anything_that_a_price_does():
    quote = Quote(mark=Price("1.50"), bid=Decimal(1), ask=1.25)
    assert (quote.mark, quote.bid, quote.ask) == (Price("1.5"), Price(1), Price("1.25"))
    assert repr(quote) == (
        "Quote(mark=Some(Price(1.50)), bid=Some(Price(1)), ask=Some(Price(1.25)))"
    )


def test_a_quote_may_lack_any_price():
    assert (Quote().mark, Quote().bid, Quote().ask) == (None, None, None)
    assert repr(Quote(bid=-1)) == "Quote(mark=None, bid=Some(Price(-1)), ask=None)"


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("x", ParamError, "invalid format for Price: 'x'"),
        (Pnl(1), TypeError, "Price must be a Decimal, str, int, or float"),
        (True, ValueError, "Price must be a Decimal, str, int, or float"),
        ([], ValueError, "Price must be a Decimal, str, int, or float"),
    ],
)
def test_a_quote_refuses_what_a_price_refuses(value, error, message):
    for field in ("mark", "bid", "ask"):
        with pytest.raises(error) as refused:
            Quote(**{field: value})
        assert type(refused.value) is error
        assert str(refused.value) == message


def test_quotes_are_equal_by_content():
    assert Quote(mark="1.50", bid=1) == Quote(mark="1.5", bid="1.0")
    assert Quote(mark=1) != Quote(bid=1)
    assert Quote() == Quote()
    assert Quote() != 5
    assert Quote() is not None


def test_quotes_are_neither_hashed_nor_ordered():
    with pytest.raises(TypeError, match=r"^unhashable type: 'Quote'$"):
        hash(Quote())
    for compare in (Quote.__lt__, Quote.__le__, Quote.__gt__, Quote.__ge__):
        with pytest.raises(TypeError, match=r"^Quote supports only == and !=$"):
            compare(Quote(), Quote())
        assert compare(Quote(), 5) is NotImplemented


def test_quotes_are_final_and_cannot_be_changed():
    quote = Quote(mark=1)
    with pytest.raises(AttributeError):
        quote.mark = Price(2)
    with pytest.raises(AttributeError):
        quote.note = "mine"
    with pytest.raises(
        TypeError, match=r"^type 'openpit.marketdata.Quote' is not an acceptable base type$"
    ):
        type("Mine", (Quote,), {})


def test_quotes_can_travel():
    quote = Quote(mark="1.50")
    assert copy.copy(quote) == quote
    assert repr(pickle.loads(pickle.dumps(quote))) == repr(quote)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0ns"),
        (timedelta(microseconds=1), "1µs"),
        (timedelta(milliseconds=1), "1ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(seconds=60, microseconds=1), "60.000001s"),
        (timedelta(hours=1), "3600s"),
        (timedelta(days=3), "259200s"),
        (timedelta.max, "86399999999999.999999s"),
    ],
)
def test_a_time_to_live_prints_its_duration(duration, text):
    assert repr(QuoteTtl.within(duration)) == f"QuoteTtl.within({text})"


def test_a_time_to_live_is_in_nanoseconds():
    assert QuoteTtl.within(timedelta(seconds=1.5))._nanoseconds == 1_500_000_000
    assert QuoteTtl.infinite()._nanoseconds == INFINITE
    assert repr(QuoteTtl.infinite()) == "QuoteTtl.infinite()"
    assert nanoseconds(timedelta(days=1, microseconds=1)) == 86_400_000_001_000
    assert nanoseconds(timedelta(microseconds=-1)) == -1_000


def test_times_to_live_are_compared_by_identity():
    assert QuoteTtl.infinite() != QuoteTtl.infinite()


@pytest.mark.parametrize("duration", [timedelta(microseconds=-1), timedelta.min])
def test_a_time_to_live_is_not_negative(duration):
    with pytest.raises(
        ValueError, match=r"^It is not possible to convert a negative timedelta to a Rust Duration$"
    ):
        QuoteTtl.within(duration)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (5, "'int' object is not an instance of 'timedelta'"),
        (None, "'None' is not an instance of 'timedelta'"),
        ("1s", "'str' object is not an instance of 'timedelta'"),
    ],
)
def test_a_time_to_live_is_given_as_a_timedelta(wrong, message):
    with pytest.raises(TypeError) as refused:
        QuoteTtl.within(wrong)
    assert str(refused.value) == message


def test_a_time_to_live_has_no_constructor():
    with pytest.raises(TypeError, match=r"^cannot create 'openpit.marketdata.QuoteTtl' instances$"):
        QuoteTtl()
