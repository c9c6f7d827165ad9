from __future__ import annotations

import copy
import pickle

import pytest

from openpit.core.instrument import Instrument, debug_instrument, require_instrument
from openpit.param.ids import Asset


def test_an_instrument_knows_what_is_traded_and_what_settles_it():
    instrument = Instrument("AAPL", "USD")

    assert instrument.underlying_asset == "AAPL"
    assert instrument.settlement_asset == "USD"
    assert repr(instrument) == 'Instrument(underlying_asset="AAPL", settlement_asset="USD")'


def test_assets_may_be_given_by_name_and_as_assets_and_are_kept_as_plain_text():
    instrument = Instrument(underlying_asset=Asset("BTC-PERP"), settlement_asset=Asset("USD"))

    assert type(instrument.underlying_asset) is str
    assert type(instrument.settlement_asset) is str
    assert instrument.underlying_asset == "BTC-PERP"


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000", "\xa0"])
def test_a_blank_asset_is_refused_on_either_side(blank):
    with pytest.raises(ValueError, match=r"^asset must not be empty$"):
        Instrument(blank, "USD")
    with pytest.raises(ValueError, match=r"^asset must not be empty$"):
        Instrument("AAPL", blank)


@pytest.mark.parametrize("other", [5, None, b"AAPL", ["AAPL"], "A\ud800"])
def test_what_is_no_text_is_refused_on_either_side(other):
    with pytest.raises(TypeError, match=r"^asset must be a str$"):
        Instrument(other, "USD")
    with pytest.raises(TypeError, match=r"^asset must be a str$"):
        Instrument("AAPL", other)


def test_instruments_are_equal_by_both_assets_and_hash_like_the_pair():
    assert Instrument("AAPL", "USD") == Instrument("AAPL", "USD")
    assert Instrument("AAPL", "USD") != Instrument("AAPL", "EUR")
    assert Instrument("AAPL", "USD") != Instrument("MSFT", "USD")
    assert Instrument("AAPL", "USD") != ("AAPL", "USD")
    assert hash(Instrument("AAPL", "USD")) == hash(("AAPL", "USD"))


def test_the_assets_cannot_be_set_but_a_program_may_add_attributes():
    instrument = Instrument("AAPL", "USD")

    with pytest.raises(AttributeError, match="has no setter"):
        instrument.underlying_asset = "MSFT"
    with pytest.raises(AttributeError, match="has no setter"):
        instrument.settlement_asset = "EUR"
    instrument.isin = "US0378331005"
    assert instrument.isin == "US0378331005"


def test_a_copy_is_equal():
    instrument = Instrument("AAPL", "USD")
    instrument.venue = "XNAS"

    restored = pickle.loads(pickle.dumps(instrument))

    assert restored == instrument
    assert restored.venue == "XNAS"
    assert copy.deepcopy(instrument) == instrument


def test_what_does_not_print_is_escaped_in_the_repr():
    assert (
        repr(Instrument('A"B\\\n', "\u200b\x1c"))
        == 'Instrument(underlying_asset="A\\"B\\\\\\n", settlement_asset="\\u{200b}\\u{1c}")'
    )


def test_the_class_lives_in_core():
    assert Instrument.__module__ == "openpit.core"


def test_a_trusted_instrument_is_like_any_other():
    assert Instrument._of("AAPL", "USD") == Instrument("AAPL", "USD")


def test_operations_refuse_what_is_no_instrument():
    require_instrument(Instrument("AAPL", "USD"))
    with pytest.raises(TypeError, match=r"^instrument must be openpit.core.Instrument$"):
        require_instrument("AAPL")
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute"):
        require_instrument(None)


def test_registration_errors_show_an_instrument_as_a_record():
    assert (
        debug_instrument(Instrument("AAPL", "USD"))
        == 'Instrument { underlying_asset: Asset("AAPL"), settlement_asset: Asset("USD") }'
    )
