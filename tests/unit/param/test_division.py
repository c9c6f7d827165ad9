"""Quotients of fixed decimals: their digits, and the zeros that are left at their end."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.param import division
from openpit.param.decimals import (
    MAX_MANTISSA,
    ZERO,
    DecimalOverflow,
    from_mantissa,
    plain,
)
from openpit.param.division import divide

D = Decimal
MAX = D("79228162514264337593543950335")  # 2**96 - 1
LEAST = D("0.0000000000000000000000000001")  # 28 places

fixed_decimals = st.builds(
    from_mantissa, st.integers(-MAX_MANTISSA, MAX_MANTISSA), st.integers(0, 28)
)


def nearest(exact: Fraction) -> Decimal:
    """Round half to even at the largest scale that fits, by integers alone."""
    for scale in range(28, -1, -1):
        mantissa = round(exact * 10**scale)
        if abs(mantissa) <= MAX_MANTISSA:
            return from_mantissa(mantissa, scale)
    raise DecimalOverflow


@pytest.mark.parametrize(
    ("a", "b", "quotient"),
    [
        ("6", "3", "2"),
        ("1.50", "1", "1.50"),
        ("1.50", "3", "0.50"),
        ("1.00", "0.50", "2"),
        ("6", "0.2", "30"),
        ("0.00", "3", "0"),
        # nine places at a time, then four, two and one zero dropped
        ("1", "2", "0.50"),
        ("3", "2", "1.50"),
        ("1", "8", "0.125"),
        ("100", "8", "12.50"),
        ("3", "1.5", "2.0"),
        ("1", "1024", "0.00097656250"),
        # and eight zeros where the lowest 32 bits of the mantissa are clear: 2**33 * 10**8
        ("429496729.6", "0.5", "858993459.2"),
        # the runs end at the point where the divisor has the longer fraction
        ("1000", "0.05", "20000"),
        ("100", "0.8", "125.0"),
        ("1", "0.0008", "1250"),
        ("1", "0.0000000008", "1250000000"),
        # there is no room for the last run of nine
        ("1", "33554432", "0.0000000298023223876953125"),
        ("7922816251426433759354395", "8", "990352031428304219919299.375"),
        # a rounded one that ends in zeros
        ("0.0000000000000000007", "0.000007", "0.0000000000001"),
        ("200000000000000000001", "3", "66666666666666666667"),
        # never-ending ones: half to even at the last place
        ("2", "3", "0.6666666666666666666666666667"),
        ("-1", "3", "-0.3333333333333333333333333333"),
        ("79228162514264337593543950335", "2", "39614081257132168796771975168"),
        ("79228162514264337593543950335", "10", "7922816251426433759354395033.5"),
        # four more places seem to fit, but their digits do not: one is taken back
        ("-79228162514264337593543951", "10", "-7922816251426433759354395.1"),
        ("0.0000000000000000000000000001", "2", "0"),
        ("0.0000000000000000000000000003", "2", "0.0000000000000000000000000002"),
        # .571 at one place would be .6, a mantissa too large by one
        ("55459713759985036315480765235", "7", "7922816251426433759354395034"),
        ("0.0000000000000000000002000002", "100", "0.000000000000000000000002"),
    ],
)
def test_divide(a, b, quotient):
    assert plain(divide(D(a), D(b))) == quotient


def test_divide_refuses_zero_and_overflow():
    with pytest.raises(ZeroDivisionError):
        divide(D(1), D("0.00"))
    with pytest.raises(ZeroDivisionError):
        divide(ZERO, ZERO)
    with pytest.raises(DecimalOverflow):
        divide(MAX, D("0.1"))
    with pytest.raises(DecimalOverflow):
        divide(D("79228162514264337593544"), LEAST)
    with pytest.raises(DecimalOverflow):
        divide(MAX, D("0.9999999999999999999999999999"))
    with pytest.raises(DecimalOverflow):  # more than half over the largest
        divide(D("55459713759985036315480765235"), D("0.7"))


@given(fixed_decimals, fixed_decimals.filter(bool))
def test_quotients_are_the_nearest_that_fit(a, b):
    try:
        expected = nearest(Fraction(a) / Fraction(b))
    except DecimalOverflow:
        with pytest.raises(DecimalOverflow):
            divide(a, b)
    else:
        assert divide(a, b) == expected


def test_quotients_by_one_division_are_those_of_the_runs():
    drawn = Random(1)
    for _ in range(3000):
        a = from_mantissa(drawn.randrange(1, 10 ** drawn.randint(1, 28)), drawn.randint(0, 28))
        b = from_mantissa(
            2 ** drawn.randint(0, 30) * 5 ** drawn.randint(0, 20) * drawn.choice((1, 1, 3)),
            drawn.randint(0, 28),
        )
        assert _text_or_overflow(divide, a, b) == _text_or_overflow(division._by_runs, a, b)


def _text_or_overflow(quotient, a, b):
    try:
        return str(quotient(a, b))
    except DecimalOverflow:
        return "overflow"
