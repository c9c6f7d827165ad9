from __future__ import annotations

import pytest

from openpit.core.assets import asset_text, optional_asset_text
from openpit.param.ids import Asset


@pytest.mark.parametrize("name", ["USD", "BTC-USD", " USD", "é", "\x1c", "x" * 300])
def test_a_name_is_taken_verbatim(name):
    assert asset_text(name) == name


def test_an_asset_becomes_plain_text():
    assert type(asset_text(Asset("USD"))) is str


@pytest.mark.parametrize("blank", ["", "  ", "\u2003"])
def test_a_blank_name_is_refused(blank):
    with pytest.raises(ValueError, match=r"^asset must not be empty$"):
        asset_text(blank)


@pytest.mark.parametrize("other", [5, None, b"USD", "\ud800"])
def test_what_is_no_text_is_refused(other):
    with pytest.raises(TypeError, match=r"^asset must be a str$"):
        asset_text(other)


def test_an_absent_asset_stays_absent():
    assert optional_asset_text(None) is None
    assert optional_asset_text("USD") == "USD"
