"""Numbers of other libraries."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from openpit.param.reals import as_float, as_integer, real_number


class Whole:
    def __index__(self):
        return 7


class Array:
    def __float__(self):
        raise TypeError("only arrays of size 1")


def test_as_integer():
    assert as_integer(Whole()) == 7
    assert as_integer(True) == 1
    assert as_integer(7.0) is None
    assert as_integer("7") is None


def test_as_float():
    assert as_float(Fraction(1, 4)) == 0.25
    assert as_float(Whole()) == 7.0
    assert as_float("7") is None
    assert as_float(Array()) is None
    assert as_float(10**400) is None


def test_real_number():
    assert real_number(Decimal("1.5")) == 1.5
    assert real_number(Whole()) == 7.0
    with pytest.raises(TypeError, match=r"^must be real number, not str$"):
        real_number("7")
    with pytest.raises(OverflowError):
        real_number(10**400)
