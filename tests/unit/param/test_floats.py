"""The conversion of ``from_float`` and of float operands, and the way back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.errors import ParamError
from openpit.param.decimals import plain
from openpit.param.floats import from_float, to_float


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (185.5, "185.5"),
        (0.1 + 0.2, "0.3"),
        (2 / 3, "0.666666666666667"),
        (-2 / 3, "-0.666666666666667"),
        (1e22, "10000000000000000000000"),
        (1e-28, "0.0000000000000000000000000001"),
        (1e-29, "0"),
        (-1e-29, "0"),
        (-0.0, "0"),
        (5e-324, "0"),
        (100.0, "100"),
    ],
)
def test_from_float(value, printed):
    assert plain(from_float(value)) == printed


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e29, 2.0**96])
def test_from_float_refuses(value):
    with pytest.raises(ParamError, match=r"^invalid float value$"):
        from_float(value)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 12))
def test_decimals_of_fifteen_digits_come_back(digits, scale):
    value = Decimal(digits).scaleb(-scale)
    assert from_float(float(value)) == value
    assert to_float(value) == float(value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("185.5", 185.5),
        ("-0.1", -0.1),
        ("0.00", 0.0),
        ("79228162514264337593543950335", 7.922816251426434e28),
        ("123456789012345678901.23456", 1.2345678901234568e20),
        # a last bit beside the nearest, as the reference rounds in floats
        ("0.0000000000000000000000000001", 1.0000000000000001e-28),
        ("0.0000070000000000000000000000", 7.000000000000001e-06),
    ],
)
def test_to_float(text, number):
    assert to_float(Decimal(text)) == number
