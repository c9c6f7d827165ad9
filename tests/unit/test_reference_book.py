from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from openpit import core
from openpit.core.instrument import Instrument
from openpit.errors import ReferenceBookRegistrationError, UnknownReferenceBookInstrumentId
from openpit.param.enums import SettlementUnit
from openpit.param.ids import InstrumentId
from openpit.reference_book import ReferenceBook, SettlementLag, SettlementScheme

AAPL = Instrument("AAPL", "USD")
MSFT = Instrument("MSFT", "USD")


class TestRegistration:
    def test_numbers_are_given_out_from_zero(self):
        book = ReferenceBook()

        assert book.register(AAPL) == InstrumentId(0)
        assert book.register(MSFT) == InstrumentId(1)
        assert book.resolve(AAPL) == InstrumentId(0)
        assert book.resolve(Instrument("MSFT", "USD")) == InstrumentId(1)
        assert book.resolve(Instrument("MSFT", "EUR")) is None

    def test_taken_numbers_are_passed_over(self):
        book = ReferenceBook()
        book.register_with_id(AAPL, InstrumentId(0))
        book.register_with_id(Instrument("TSLA", "USD"), InstrumentId(2**64 - 1))

        assert book.register(MSFT) == InstrumentId(1)

    def test_an_instrument_is_registered_once(self):
        book = ReferenceBook()
        book.register(AAPL)

        for register in (
            lambda: book.register(AAPL),
            lambda: book.register_with_id(AAPL, InstrumentId(0)),
        ):
            with pytest.raises(ReferenceBookRegistrationError) as info:
                register()
            assert str(info.value) == (
                'instrument Instrument { underlying_asset: Asset("AAPL"), '
                'settlement_asset: Asset("USD") } is already registered'
            )
            assert info.value.instrument == AAPL
            assert info.value.instrument_id is None

    def test_a_number_is_given_once(self):
        book = ReferenceBook()
        book.register(AAPL)

        with pytest.raises(ReferenceBookRegistrationError) as info:
            book.register_with_id(MSFT, InstrumentId(0))

        assert str(info.value) == "instrument id 0 is already registered"
        assert info.value.instrument is None
        assert info.value.instrument_id == InstrumentId(0)
        assert book.resolve(MSFT) is None

    @pytest.mark.parametrize("other", [None, 5, "AAPL"])
    def test_only_instruments_are_taken(self, other):
        book = ReferenceBook()

        for call in (book.register, book.resolve):
            with pytest.raises(TypeError, match=r"^instrument must be openpit.core.Instrument$"):
                call(other)
        with pytest.raises(TypeError, match=r"^instrument must be openpit.core.Instrument$"):
            book.register_with_id(other, InstrumentId(0))

    def test_only_instrument_ids_are_taken(self):
        with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'InstrumentId'$"):
            ReferenceBook().register_with_id(AAPL, 5)


class TestSettlement:
    def test_a_scheme_is_set_replaced_and_cleared(self):
        book = ReferenceBook()
        apple = book.register(AAPL)

        assert book.settlement_scheme(apple) is None
        book.set_settlement_scheme(apple, SettlementScheme.uniform(1))
        book.set_settlement_scheme(apple, SettlementScheme.uniform(2))
        assert book.settlement_scheme(apple) == SettlementScheme.uniform(2)
        book.clear_settlement_scheme(apple)
        assert book.settlement_scheme(apple) is None

    def test_an_unknown_number_is_named(self):
        book = ReferenceBook()

        for call in (
            lambda: book.settlement_scheme(InstrumentId(77)),
            lambda: book.clear_settlement_scheme(InstrumentId(77)),
            lambda: book.set_settlement_scheme(InstrumentId(77), SettlementScheme.uniform(1)),
        ):
            with pytest.raises(UnknownReferenceBookInstrumentId) as info:
                call()
            assert str(info.value) == "unknown reference-book instrument id: 77"
            assert info.value.instrument_id == InstrumentId(77)

    def test_only_schemes_are_taken(self):
        book = ReferenceBook()
        apple = book.register(AAPL)

        with pytest.raises(TypeError, match=r"^'None' is not an instance of 'SettlementScheme'$"):
            book.set_settlement_scheme(apple, None)
        with pytest.raises(TypeError, match=r"^'str' object is not an instance of 'InstrumentId'$"):
            book.settlement_scheme("x")

    def test_a_lag_counts_days_of_one_kind(self):
        lag = SettlementLag(2, SettlementUnit.CALENDAR_DAYS)

        assert (lag.n, lag.unit) == (2, SettlementUnit.CALENDAR_DAYS)
        assert lag == SettlementLag(n=2, unit=SettlementUnit.CALENDAR_DAYS)
        assert lag != SettlementLag(2, SettlementUnit.BUSINESS_DAYS)
        assert lag != SettlementLag(3, SettlementUnit.CALENDAR_DAYS)
        assert lag != 2

    @pytest.mark.parametrize(
        ("n", "error", "text"),
        [
            (-1, OverflowError, "can't convert negative int to unsigned"),
            (2**64, OverflowError, "int too big to convert"),
            ("x", TypeError, "'str' object cannot be interpreted as an integer"),
            (1.5, TypeError, "'float' object cannot be interpreted as an integer"),
        ],
    )
    def test_another_number_of_days_is_refused(self, n, error, text):
        with pytest.raises(error, match=f"^{text}$"):
            SettlementLag(n, SettlementUnit.BUSINESS_DAYS)
        with pytest.raises(error, match=f"^{text}$"):
            SettlementScheme.uniform(n)

    def test_another_unit_is_refused(self):
        with pytest.raises(
            TypeError, match=r"^'int' object is not an instance of 'SettlementUnit'"
        ):
            SettlementLag(1, 0)

    def test_a_uniform_scheme_is_in_business_days(self):
        scheme = SettlementScheme.uniform(2)
        lag = SettlementLag(2, SettlementUnit.BUSINESS_DAYS)

        assert scheme.delivery == lag
        assert scheme.payment == lag
        assert scheme.delivery is not scheme.delivery
        assert scheme == SettlementScheme(delivery=lag, payment=lag)
        assert scheme != SettlementScheme.uniform(3)
        assert scheme != SettlementScheme(lag, SettlementLag(3, SettlementUnit.BUSINESS_DAYS))
        assert scheme != 2

    def test_legs_are_lags(self):
        lag = SettlementLag(2, SettlementUnit.BUSINESS_DAYS)

        with pytest.raises(
            TypeError, match=r"^'int' object is not an instance of 'SettlementLag'$"
        ):
            SettlementScheme(1, lag)
        with pytest.raises(TypeError, match=r"^'None' is not an instance of 'SettlementLag'$"):
            SettlementScheme(lag, None)

    @pytest.mark.parametrize(
        "value", [SettlementLag(1, SettlementUnit.BUSINESS_DAYS), SettlementScheme.uniform(1)]
    )
    def test_they_have_no_order_and_no_hash(self, value):
        name = type(value).__name__

        with pytest.raises(TypeError, match=f"^{name} supports only == and !=$"):
            _ = value < value  # noqa: PLR0124 - that is what is refused
        with pytest.raises(TypeError, match=r"^'<' not supported between instances"):
            _ = value < 5
        with pytest.raises(TypeError, match=f"^unhashable type: '{name}'$"):
            hash(value)

    def test_they_can_be_copied(self):
        scheme = SettlementScheme.uniform(2)

        assert pickle.loads(pickle.dumps(scheme)) == scheme
        assert copy.deepcopy(scheme) == scheme


@pytest.mark.parametrize("kind", [ReferenceBook, SettlementLag, SettlementScheme])
def test_the_classes_are_closed_and_live_in_core(kind):
    assert kind.__module__ == "openpit.core"
    assert getattr(core, kind.__name__) is kind
    with pytest.raises(TypeError, match=f"^type 'openpit.core.{kind.__name__}' is not an accept"):
        type("Derived", (kind,), {})


def test_an_empty_book_takes_no_arguments():
    assert list(inspect.signature(ReferenceBook).parameters) == []


def test_a_name_that_core_does_not_have_is_refused():
    with pytest.raises(AttributeError, match=r"^module 'openpit.core' has no attribute 'Basket'$"):
        _ = core.Basket
