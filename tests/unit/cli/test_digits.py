from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.cli.digits import plain, whole
from openpit.param import Pnl


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("9e-05", "0.00009"),  # what json.dumps makes of 0.00009
        ("1E-8", "0.00000001"),  # what str() makes of a decimal of that value
        ("1E+2", "100"),
        ("1e+16", "10000000000000000"),
        ("3.9e-07", "0.00000039"),
        ("-1.25e-2", "-0.0125"),
        ("1.50e1", "15.0"),  # the scale stays
        ("1.5e+2", "150"),
        (".5e1", "5"),
        ("00012", "12"),
        ("1e0000000000000000005", "100000"),
        ("12e-28", "0.0000000000000000000000000012"),
        ("7.9e28", "79000000000000000000000000000"),
        ("1." + "0" * 40, "1." + "0" * 28),  # only zeros are left out
        ("0e400", "0"),
        ("0e99999999999", "0"),
        ("-0.0", "-0.0"),
    ],
)
def test_the_digits_of_a_number(written: str, digits: str) -> None:
    assert plain(written) == digits
    assert Decimal(digits) == Decimal(written.replace("99999999999", "9"))
    assert Pnl(digits).decimal == Decimal(digits)


@pytest.mark.parametrize(
    "written",
    ["1e400", "1e-400", "1e29", "1e-29", "1e99999999999999999999", "1" * 5_000, "0." + "1" * 40],
)
def test_what_the_engine_cannot_hold_is_not_rounded(written: str) -> None:
    assert plain(written) is None


@pytest.mark.parametrize(
    "text", ["", "e5", ".", "1e", "1e+", "0x1e5", "NaN", "-inf", "1 e5", "1_0e5"]
)
def test_a_text_that_is_no_number_stays_for_others_to_refuse(text: str) -> None:
    assert plain(text) == text


def test_whole_numbers_however_they_are_written() -> None:
    assert [whole(text) for text in ("1.7e18", "1000.0", "1.5e1", "-0.0", "0e9")] == [
        1_700_000_000_000_000_000,
        1000,
        15,
        0,
        0,
    ]
    assert [whole(text) for text in ("1.5", "1e-5", "1e400")] == [None, None, None]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_with_the_digits_that_python_shows(value: float) -> None:
    found = plain(repr(value))

    if found is None:
        assert abs(value) >= 1e29 or Decimal(repr(value)).as_tuple().exponent < -28
    else:
        assert Decimal(found) == Decimal(repr(value))
        assert "e" not in found
