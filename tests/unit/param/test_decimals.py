"""Arithmetic and reading of fixed decimals, on plain ``Decimal`` values."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.errors import ParamError
from openpit.param.decimals import (
    MAX_MANTISSA,
    NARROW,
    ZERO,
    DecimalOverflow,
    add,
    from_mantissa,
    mantissa_and_scale,
    multiply,
    negate,
    parse,
    parse_decimal,
    parse_int,
    parse_rounded_text,
    parse_text,
    plain,
    remainder,
    round_to_scale,
    scale_of,
    subtract,
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


# --- the narrow context -------------------------------------------------------------------------


def test_narrow_context_is_exact_or_says_so():
    assert NARROW.Etiny() == -28
    assert NARROW.add(D("9999999999999999999999999998"), D(1)) == D("9999999999999999999999999999")
    with pytest.raises(ArithmeticError):  # the sum has 29 digits
        NARROW.add(D("9999999999999999999999999999"), D(1))
    with pytest.raises(ArithmeticError):  # the product has 29 places, all of them zeros but one
        NARROW.multiply(LEAST, D("0.1"))
    with pytest.raises(ArithmeticError):  # nothing but zeros is lost, yet the scale would be
        NARROW.multiply(D("1.00000000000000"), D("1.000000000000000"))


# --- addition and subtraction -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        ("1.50", "2.5", "4.00"),
        ("1", "0.000", "1"),
        ("0.00", "1", "1"),
        ("0.00", "0.0", "0.0"),
        ("0.0", "0.00", "0.00"),
        ("1.50", "-1.5", "0.00"),
        ("79228162514264337593543950335", "0.4", "79228162514264337593543950335"),
        ("79228162514264337593543950334", "0.5", "79228162514264337593543950334"),
        # .55 at one place would be .6, a mantissa too large by one: no place is left
        ("7922816251426433759354395033.5", "0.05", "7922816251426433759354395034"),
    ],
)
def test_add(a, b, total):
    assert str(add(D(a), D(b))) == total


def test_add_overflows_when_the_integer_part_does_not_fit():
    with pytest.raises(DecimalOverflow):
        add(MAX, D("0.5"))
    with pytest.raises(DecimalOverflow):
        add(MAX.copy_negate(), D("-1"))


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        ("1.50", "1.5", "0.00"),
        ("1", "0.000", "1"),
        ("0.0", "1.000", "-1.000"),
        ("0.0", "0.00", "0.00"),
        ("0.00", "0.0", "0.0"),
        ("10", "0.25", "9.75"),
        ("79228162514264337593543950335", "0.25", "79228162514264337593543950335"),
    ],
)
def test_subtract(a, b, difference):
    assert str(subtract(D(a), D(b))) == difference


@given(fixed_decimals, fixed_decimals)
def test_sums_are_exact_or_the_nearest_that_fits(a, b):
    try:
        expected = nearest(Fraction(a) + Fraction(b))
    except DecimalOverflow:
        with pytest.raises(DecimalOverflow):
            add(a, b)
    else:
        assert add(a, b) == expected
        assert subtract(a, negate(b)) == expected


# --- multiplication -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "product"),
    [
        ("1.50", "2", "3.00"),
        ("185.5", "10", "1855.0"),
        ("-1.5", "2", "-3.0"),
        ("0.00", "3", "0"),
        ("-5", "0", "0"),
        ("0.0000000000000000000000000001", "0.5", "0.0000000000000000000000000000"),
        ("0.0000000000000000000000000003", "0.5", "0.0000000000000000000000000002"),
        # a scale over 47 gives up its zeros where both mantissas are short
        ("0.0000000000000000000000000001", "0.00000000000000000001", "0"),
        ("0.0000000000000000000000000001", "0.0000000000000000001", "0." + "0" * 28),
        ("0.0000000000000000004294967296", "0.00000000000000000001", "0." + "0" * 28),
    ],
)
def test_multiply(a, b, product):
    assert str(plain(multiply(D(a), D(b)))) == product


def test_multiply_overflows():
    with pytest.raises(DecimalOverflow):
        multiply(MAX, D("1.1"))


@given(fixed_decimals, fixed_decimals)
def test_products_are_exact_or_the_nearest_that_fits(a, b):
    try:
        expected = nearest(Fraction(a) * Fraction(b))
    except DecimalOverflow:
        with pytest.raises(DecimalOverflow):
            multiply(a, b)
    else:
        product = multiply(a, b)
        assert product == expected
        assert product or not product.is_signed()


# --- remainder, sign, rounding ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "rest"),
    [
        ("7", "3", "1"),
        ("-7", "3", "-1"),
        ("7", "-3", "1"),
        ("1.50", "1", "0.50"),
        ("3.00", "1", "0.00"),
        ("-3.00", "1", "0.00"),
        ("0.00", "1", "0"),
        ("5", "7.5", "5"),
        ("1.0000", "1.0", "0"),
        ("5", "0.25", "0.00"),
        ("79228162514264337593543950335", "0.1", "0.0"),
    ],
)
def test_remainder(a, b, rest):
    assert str(remainder(D(a), D(b))) == rest


def test_remainder_refuses_zero():
    with pytest.raises(ZeroDivisionError):
        remainder(D(1), ZERO)


@given(fixed_decimals, fixed_decimals.filter(bool))
def test_remainders_are_exact(a, b):
    whole, exact = divmod(abs(Fraction(a)), abs(Fraction(b)))
    assert whole >= 0
    assert Fraction(remainder(a, b)) == (exact if a > 0 else -exact)


def test_negate_leaves_zero_alone():
    assert str(negate(D("1.50"))) == "-1.50"
    assert str(negate(D("0.00"))) == "0.00"


@pytest.mark.parametrize(
    ("text", "scale", "strategy", "rounded"),
    [
        ("1.25", 1, "MidpointNearestEven", "1.2"),
        ("1.35", 1, "MidpointNearestEven", "1.4"),
        ("1.25", 1, "MidpointAwayFromZero", "1.3"),
        ("-1.25", 1, "MidpointAwayFromZero", "-1.3"),
        ("1.21", 1, "Up", "1.3"),
        ("-1.29", 1, "Up", "-1.2"),
        ("1.29", 1, "Down", "1.2"),
        ("-1.21", 1, "Down", "-1.3"),
        ("-0.04", 1, "Up", "0.0"),
        ("1.5", 4, "Up", "1.5"),
    ],
)
def test_round_to_scale(text, scale, strategy, rounded):
    assert str(round_to_scale(D(text), scale, strategy)) == rounded


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("185.5", "185.5"),
        ("+1.50", "1.50"),
        ("-1.50", "-1.50"),
        (".5", "0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("-0.00", "0.00"),
        ("1_000.50", "1000.50"),
        ("1_", "1"),
        ("1_.5", "1.5"),
        ("1._5", "1.5"),
        ("1__0", "10"),
        ("0" * 40 + "1.5", "1.5"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
        ("7.9228162514264337593543950335", "7.9228162514264337593543950335"),
        ("0.0000000000000000000000000000", "0.0000000000000000000000000000"),
        ("0.000000000000000000000000000_1", "0.0000000000000000000000000001"),
    ],
)
def test_parse_text(text, printed):
    assert plain(parse_text(text, "Price")) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "_1",
        "._5",
        "1.2.3",
        "1e5",
        "1E5",
        " 1",
        "1\n",
        "nan",
        "Infinity",
        "\u0663",
        "\uff11",
        "1.00000000000000000000000000000",  # 29 places, be they zeros
        "79228162514264337593543950336",
        "7.9228162514264337593543950336",
        "0.0000000000000000000000000001_",  # nothing may follow the last place
    ],
)
def test_parse_text_refuses(text):
    with pytest.raises(ParamError) as refusal:
        parse_text(text, "Price")
    assert str(refusal.value) == f"invalid format for Price: '{text}'"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1.5", "1.5"),
        ("0.00000000000000000000000000015", "0.0000000000000000000000000002"),
        ("0.00000000000000000000000000014999", "0.0000000000000000000000000001"),
        ("-0.00000000000000000000000000001", "0.0000000000000000000000000000"),
        ("7.92281625142643375935439503354", "7.9228162514264337593543950335"),
        ("7.92281625142643375935439503355", "7.922816251426433759354395034"),
        ("79228162514264337593543950334.5", "79228162514264337593543950335"),
        ("1e5", "100000"),
        ("1.50E+1", "15.0"),
        ("1.5e-28", "0.0000000000000000000000000002"),
        ("1e0005", "100000"),
        ("0e28", "0"),
    ],
)
def test_parse_rounded_text(text, printed):
    assert plain(parse_rounded_text(text, "Price")) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1x",
        "1e",
        "1e29",
        "1e-29",
        "1e5_0",
        "1e" + "9" * 5000,
        "8e28",
        "79228162514264337593543950335.5",
        "1.00000000000000000000000000005e5",  # digits to round and an exponent
        "1.23456789012345678901234567895xyz",
    ],
)
def test_parse_rounded_text_refuses(text):
    with pytest.raises(ParamError) as refusal:
        parse_rounded_text(text, "Price")
    assert str(refusal.value) == f"invalid format for Price: '{text}'"


def test_parse_int():
    assert parse_int(-(2**96 - 1), "Price") == MAX.copy_negate()
    with pytest.raises(ParamError, match=f"invalid format for Price: '{2**96}'"):
        parse_int(2**96, "Price")
    with pytest.raises(ParamError, match="Price integer is outside the core decimal range"):
        parse_int(2**127, "Price")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("1.50", "1.50"),
        ("-0.00", "0.00"),
        ("1E+3", "1000"),
        ("1.0E+3", "1000"),
        ("0E+30", "0"),
        ("1E-28", "0.0000000000000000000000000001"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
    ],
)
def test_parse_decimal(value, printed):
    assert plain(parse_decimal(D(value), "Price")) == printed


OUTSIDE = "exceeds the core decimal range"
TOO_SMALL = f"{OUTSIDE}: Number less than minimum value that can be represented."
TOO_LARGE = f"{OUTSIDE}: Number exceeds maximum value that can be represented."


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("NaN", "Price decimal NaN is not finite"),
        ("-Infinity", "Price decimal -Infinity is not finite"),
        (
            "1E-30",
            f"Price decimal 1E-30 {OUTSIDE}: Scale exceeds the maximum precision allowed: 30 > 28",
        ),
        (
            "0E-29",
            f"Price decimal 0E-29 {OUTSIDE}: Scale exceeds the maximum precision allowed: 29 > 28",
        ),
        ("8E+28", f"Price decimal 8E+28 {TOO_LARGE}"),
        (
            "-8E+28",
            f"Price decimal -8E+28 {TOO_SMALL}",
        ),
        ("1E+38", f"Price decimal 1E+38 {TOO_LARGE}"),
        ("2E+38", f"Price decimal 2E+38 {OUTSIDE}"),  # over 2**127
        ("1E+1000000", f"Price decimal 1E+1000000 {OUTSIDE}"),
        ("1E-4294967296", f"Price decimal 1E-4294967296 {OUTSIDE}"),
        ("1" * 64, f"Price decimal {'1' * 64} {OUTSIDE}"),
        ("1" * 5000, f"Price decimal {'1' * 64}... {OUTSIDE}"),
        ("0." + "1" * 5000, f"Price decimal 0.{'1' * 62}... {OUTSIDE}"),
        ("NaN" + "1" * 62, f"Price decimal NaN{'1' * 61}... is not finite"),
    ],
)
def test_parse_decimal_refuses(value, message):
    with pytest.raises(ParamError) as refusal:
        parse_decimal(D(value), "Price")
    assert str(refusal.value) == message


def test_parse_decimal_gives_a_plain_decimal_for_a_subclass():
    class Money(Decimal):
        pass

    assert type(parse_decimal(Money("1.5"), "Price")) is Decimal


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e22, "10000000000000000000000"),
        (1e-28, "0.0000000000000000000000000001"),
        # half-way between two texts as short: the larger
        (793905049680245.25, "793905049680245.3"),
        (2.0**-25, "0.000000029802322387695313"),
    ],
)
def test_parse_float_by_its_shortest_text(value, printed):
    assert plain(parse(value, "Price")) == printed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (1e29, "100000000000000000000000000000"),
        (1e-29, "0.00000000000000000000000000001"),
    ],
)
def test_parse_float_refuses(value, text):
    with pytest.raises(ParamError) as refusal:
        parse(value, "Price")
    assert str(refusal.value) == f"invalid format for Price: '{text}'"


@pytest.mark.parametrize("value", [True, None, b"1", [1], 1j, object()])
def test_parse_refuses_other_classes(value):
    with pytest.raises(ValueError, match=r"^Price must be a Decimal, str, int, or float$"):
        parse(value, "Price")


@given(fixed_decimals)
def test_text_reads_back_with_its_scale(value):
    text = plain(value)
    again = parse_text(text, "Price")
    assert (again, scale_of(again), plain(again)) == (value, scale_of(value), text)
    assert mantissa_and_scale(value) == (abs(int(text.replace(".", ""))), scale_of(value))


# --- independence of the thread -----------------------------------------------------------------


def test_nothing_depends_on_the_context_of_the_thread():
    def results():
        return [
            plain(parse_text("0.00000012345678", "Price")),
            plain(parse(1e-8, "Price")),
            plain(parse(793905049680245.25, "Price")),
            plain(parse_decimal(D("1E-10"), "Price")),
            plain(parse_rounded_text("1.00000000000000000000000000005", "Price")),
            plain(add(MAX, D("0.4"))),
            plain(multiply(D("123456789.123456789"), D("987654321.987654321"))),
            plain(divide(D(2), D(3))),
            plain(remainder(MAX, D("0.7"))),
            plain(round_to_scale(D("12345.675"), 2, "MidpointNearestEven")),
        ]

    usual = results()
    hostile = decimal.Context(
        prec=3,
        Emin=-5,
        Emax=5,
        capitals=0,
        rounding=decimal.ROUND_UP,
        traps=[decimal.Inexact, decimal.Rounded, decimal.Clamped, decimal.FloatOperation],
    )
    with decimal.localcontext(hostile):
        assert results() == usual
    assert usual[0] == "0.00000012345678"
    assert usual[7] == "0.6666666666666666666666666667"
