"""What all eight decimal types do alike: construction, printing, comparison, arithmetic."""

from __future__ import annotations

import copy
import inspect
import pickle
from decimal import Decimal
from fractions import Fraction

import pytest

from openpit.errors import ParamError
from openpit.param.enums import RoundingStrategy
from openpit.param.ids import AccountId, Asset
from openpit.param.margin import Notional
from openpit.param.values import (
    CashFlow,
    Fee,
    Pnl,
    PositionSize,
    Price,
    Quantity,
    Volume,
)

UNSIGNED = [Quantity, Volume, Notional]
SIGNED = [Price, Pnl, Fee, CashFlow, PositionSize]
ALL = UNSIGNED + SIGNED
MAX = 2**96 - 1

every_type = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
unsigned = pytest.mark.parametrize("kind", UNSIGNED, ids=lambda kind: kind.__name__)
signed = pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.__name__)


# --- construction -------------------------------------------------------------------------------


@every_type
def test_takes_text_numbers_and_itself(kind):
    assert str(kind("1.50")) == "1.50"
    assert str(kind(185)) == "185"
    assert str(kind(0.1 + 0.2)) == "0.30000000000000004"
    assert str(kind(Decimal("1E+3"))) == "1000"
    assert str(kind(kind("1.50"))) == "1.50"
    assert str(kind(value="1.50")) == "1.50"
    assert str(kind("-0.00")) == "0.00"
    assert str(kind(Asset("5"))) == "5"


@every_type
def test_signature_has_one_parameter(kind):
    assert list(inspect.signature(kind).parameters) == ["value"]


@every_type
def test_takes_the_numbers_of_other_libraries(kind):
    class Whole:
        def __index__(self):
            return 7

    class Real:
        def __float__(self):
            return 2.5

    assert str(kind(Whole())) == "7"
    assert str(kind(Real())) == "2.5"
    assert str(kind(Fraction(1, 4))) == "0.25"


@every_type
def test_refuses_other_classes(kind):
    text = f"^{kind.__name__} must be a Decimal, str, int, or float$"
    for value in (True, None, b"1", [1], AccountId.from_int(1)):
        with pytest.raises(ValueError, match=text) as refusal:
            kind(value)
        assert type(refusal.value) is ValueError
    other = Price if kind is not Price else Quantity
    with pytest.raises(TypeError, match=text):
        kind(other(1))


@unsigned
def test_unsigned_types_refuse_negative_values(kind):
    text = f"^value must be non-negative for {kind.__name__}$"
    for value in ("-1", -1, -1.5, Decimal("-0.01")):
        with pytest.raises(ParamError, match=text):
            kind(value)
    with pytest.raises(ParamError, match=text):
        kind.from_float(-1.0)
    assert str(kind("-0")) == "0"
    assert str(kind(-0.0)) == "0"


@signed
def test_signed_types_take_negative_values(kind):
    assert str(kind("-1.50")) == "-1.50"
    assert str(-kind("1.50")) == "-1.50"
    assert str(-kind("0.00")) == "0.00"


@unsigned
def test_unsigned_types_have_no_minus(kind):
    with pytest.raises(TypeError, match="bad operand type for unary -"):
        -kind(1)


@every_type
def test_zero(kind):
    assert type(kind.ZERO) is kind
    assert kind.ZERO is kind.ZERO
    assert kind(0) == kind(5).ZERO


@every_type
def test_named_constructors(kind):
    assert str(kind.from_decimal(Decimal("1.50"))) == "1.50"
    assert str(kind.from_string("1_000.5")) == "1000.5"
    assert str(kind.from_int(True)) == "1"
    assert str(kind.from_int(MAX)) == "79228162514264337593543950335"
    assert str(kind.from_float(0.1 + 0.2)) == "0.3"
    assert str(kind.from_float(3)) == "3"


@every_type
def test_named_constructors_refuse_other_classes(kind):
    with pytest.raises(TypeError, match=f"{kind.__name__}.from_decimal expects decimal.Decimal"):
        kind.from_decimal(1)
    with pytest.raises(TypeError, match="'int' object is not an instance of 'str'"):
        kind.from_string(1)
    with pytest.raises(TypeError, match="'None' is not an instance of 'str'"):
        kind.from_string(None)
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        kind.from_int("1")
    with pytest.raises(TypeError, match="must be real number, not str"):
        kind.from_float("1")


@every_type
def test_rounded_constructors(kind):
    assert str(kind.from_string_rounded("1.25", 1, RoundingStrategy.BANKER)) == "1.2"
    assert str(kind.from_string_rounded("1.25", 1, "Up")) == "1.3"
    assert str(kind.from_string_rounded("1.25", 1, " up\n")) == "1.3"
    assert str(kind.from_decimal_rounded(Decimal("1.25"), 1, "Down")) == "1.2"
    assert str(kind.from_float_rounded(1.25, 1, "MidpointAwayFromZero")) == "1.3"
    assert str(kind.from_decimal_rounded(Decimal("1.5"), 2**32 - 1, "Up")) == "1.5"


@unsigned
def test_sign_is_checked_after_rounding(kind):
    assert str(kind.from_string_rounded("-0.4", 0, "MidpointNearestEven")) == "0"
    with pytest.raises(ParamError, match=f"value must be non-negative for {kind.__name__}"):
        kind.from_string_rounded("-0.6", 0, "MidpointNearestEven")


def test_rounded_constructors_refuse_scales_and_strategies():
    with pytest.raises(OverflowError, match="out of range integral type conversion attempted"):
        Price.from_string_rounded("1", -1, "Up")
    with pytest.raises(OverflowError, match="out of range integral type conversion attempted"):
        Price.from_string_rounded("1", 2**32, "Up")
    with pytest.raises(OverflowError, match="Python int too large to convert to C long"):
        Price.from_string_rounded("1", 2**63, "Up")
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        Price.from_string_rounded("1", 1.0, "Up")
    with pytest.raises(TypeError, match="'int' object is not an instance of 'str'"):
        Price.from_string_rounded("1", 1, 5)
    with pytest.raises(TypeError, match="'None' is not an instance of 'str'"):
        Price.from_string_rounded(None, 1, "Up")
    expected = "'MidpointNearestEven', 'MidpointAwayFromZero', 'Up', or 'Down'"
    with pytest.raises(ValueError, match="rounding") as refusal:
        Price.from_float_rounded(1.5, 1, "Half")
    assert str(refusal.value) == f'invalid rounding strategy "half"; expected {expected}'


def test_a_wrong_decimal_is_named_before_a_wrong_strategy_and_a_wrong_text_after():
    with pytest.raises(TypeError, match="from_decimal expects"):
        Price.from_decimal_rounded(1, 1, "x")
    with pytest.raises(ParamError, match="is not finite"):
        Price.from_decimal_rounded(Decimal("NaN"), 1, "x")
    with pytest.raises(ValueError, match="invalid rounding strategy"):
        Price.from_string_rounded("x", 1, "x")


# --- printing -----------------------------------------------------------------------------------


@every_type
def test_printing_keeps_the_scale_and_has_no_exponent(kind):
    value = kind("0.00000010")
    assert str(value) == value.to_json_value() == f"{value}" == "0.00000010"
    assert repr(value) == f"{kind.__name__}(Decimal('0.00000010'))"
    assert value.decimal == Decimal("0.0000001")
    assert value.decimal.as_tuple().exponent == -8


@every_type
def test_float_and_truth(kind):
    assert float(kind("185.5")) == 185.5
    assert bool(kind("0.01")) is True
    assert bool(kind("0.00")) is False


def test_there_is_no_int_abs_round_or_plus():
    for operation in (int, abs, round, lambda price: +price):
        with pytest.raises(TypeError):
            operation(Price(1))
    with pytest.raises(TypeError, match="unsupported format string"):
        format(Price(1), ".2f")


# --- comparison ---------------------------------------------------------------------------------


@every_type
def test_equality_and_hash_are_by_number(kind):
    assert kind("1.5") == kind("1.50")
    assert hash(kind("1.5")) == hash(kind("1.50"))
    assert kind("1.5") != kind("1.51")
    assert kind(1) != 1
    assert kind(1) != "1"
    other = Price if kind is not Price else Quantity
    assert kind(1) != other(1)
    assert hash(kind(1)) == hash(other("1.0"))


@every_type
def test_order_within_a_type(kind):
    low, high = kind("1.5"), kind("2")
    assert low < high
    assert low <= high
    assert low <= kind("1.50")
    assert high > low
    assert high >= low
    assert not high < low


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (1, "int"),
        (1.5, "float"),
        (None, "NoneType"),
        (Decimal(1), "decimal.Decimal"),
        (Quantity(1), "openpit.param.Quantity"),
    ],
)
def test_no_order_across_types(other, name):
    for symbol, compare in {
        "<": lambda: Price(1) < other,
        "<=": lambda: Price(1) <= other,
        ">": lambda: Price(1) > other,
        ">=": lambda: Price(1) >= other,
    }.items():
        with pytest.raises(TypeError) as refusal:
            compare()
        assert str(refusal.value) == (
            f"'{symbol}' not supported between instances of 'openpit.param.Price' and '{name}'"
        )


def test_foreign_classes_may_compare_from_their_side():
    class Anything:
        def __lt__(self, other):
            return "less"

        __le__ = __gt__ = __ge__ = __lt__

        def __radd__(self, other):
            return "reflected"

        __rsub__ = __rmul__ = __rtruediv__ = __rmod__ = __radd__

    price, thing = Price(1), Anything()
    assert {price < thing, price <= thing, price > thing, price >= thing} == {"less"}
    results = {price + thing, price - thing, price * thing, price / thing, price % thing}
    assert results == {"reflected"}


def test_foreign_classes_that_cannot_mix():
    class Stranger:
        pass

    thing = Stranger()
    for operation in (
        lambda: thing + Price(1),
        lambda: thing - Price(1),
        lambda: thing * Price(1),
        lambda: thing / Price(1),
        lambda: thing % Price(1),
    ):
        with pytest.raises(TypeError, match=r"^unsupported operand type\(s\)"):
            operation()


# --- arithmetic ---------------------------------------------------------------------------------


@every_type
def test_sums_and_products(kind):
    assert str(kind("1.50") + kind("2")) == "3.50"
    assert str(kind("1.50") - kind("1.5")) == "0.00"
    assert str(kind("1.50") * 2) == "3.00"
    assert str(2 * kind("1.50")) == "3.00"
    assert str(kind("2") * 1.5) == "3.0"
    assert str(kind("1") / 2) == "0.50"
    assert str(kind("7") % 3) == "1"
    assert str(kind("2") * Fraction(1, 4)) == "0.50"
    assert sum([kind(1), kind(2)], kind(0)) == kind(3)
    total = kind(1)
    total += kind(2)
    assert type(total) is kind


@every_type
def test_a_result_keeps_its_type(kind):
    results = [
        kind(4) + kind(1),
        kind(4) - kind(1),
        kind(4) * 2,
        2 * kind(4),
        kind(4) / 2,
        kind(4) % 3,
    ]
    assert {type(result) for result in results} == {kind}


@unsigned
def test_unsigned_types_do_not_go_below_zero(kind):
    with pytest.raises(ParamError, match=rf"^arithmetic underflow in {kind.__name__}$"):
        kind(1) - kind(2)
    for operation in (lambda: kind(0) * -1, lambda: -1.5 * kind(1), lambda: kind(1) / -1):
        with pytest.raises(ParamError, match=rf"^value must be non-negative for {kind.__name__}$"):
            operation()
    assert str(kind(2) * -0.0) == "0"


@every_type
def test_overflow_and_zero_divisors(kind):
    for operation in (
        lambda: kind(MAX) + kind(1),
        lambda: kind(MAX) * 2,
        lambda: kind(MAX) / 0.1,
    ):
        with pytest.raises(ParamError, match=rf"^arithmetic overflow in {kind.__name__}$"):
            operation()
    for operation in (lambda: kind(1) / 0, lambda: kind(1) / 0.0, lambda: kind(1) % 0):
        with pytest.raises(ParamError, match=rf"^division by zero in {kind.__name__}$"):
            operation()


def test_signed_overflow():
    with pytest.raises(ParamError, match="arithmetic overflow in Pnl"):
        Pnl(-MAX) - Pnl(1)


def test_scalars_have_limits():
    assert str(Price(1) * (2**64 - 1)) == "18446744073709551615"
    assert str(Price(1) * -(2**63)) == "-9223372036854775808"
    for factor in (2**64, -(2**63) - 1):
        with pytest.raises(ParamError, match=r"^integer operand is out of range for i64/u64$"):
            Price(1) * factor
    for factor in (float("nan"), float("inf"), 1e30):
        with pytest.raises(ParamError, match=r"^invalid float value$"):
            Price(1) * factor


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda p: p + 1, "+: 'openpit.param.Price' and 'int'"),
        (lambda p: 1 + p, "+: 'int' and 'openpit.param.Price'"),
        (lambda p: sum([p]), "+: 'int' and 'openpit.param.Price'"),
        (lambda p: p + True, "+: 'openpit.param.Price' and 'bool'"),
        (lambda p: p + Quantity(1), "+: 'openpit.param.Price' and 'openpit.param.Quantity'"),
        (lambda p: p - "1", "-: 'openpit.param.Price' and 'str'"),
        (lambda p: 1 - p, "-: 'int' and 'openpit.param.Price'"),
        (lambda p: p * True, "*: 'openpit.param.Price' and 'bool'"),
        (lambda p: True * p, "*: 'bool' and 'openpit.param.Price'"),
        (lambda p: p * p, "*: 'openpit.param.Price' and 'openpit.param.Price'"),
        (lambda p: p * Decimal(1), "*: 'openpit.param.Price' and 'decimal.Decimal'"),
        (lambda p: p / p, "/: 'openpit.param.Price' and 'openpit.param.Price'"),
        (lambda p: 1 / p, "/: 'int' and 'openpit.param.Price'"),
        (lambda p: p % None, "%: 'openpit.param.Price' and 'NoneType'"),
        (lambda p: 1 % p, "%: 'int' and 'openpit.param.Price'"),
    ],
)
def test_types_do_not_mix(operation, message):
    with pytest.raises(TypeError) as refusal:
        operation(Price(7))
    assert str(refusal.value) == f"unsupported operand type(s) for {message}"


def test_sequences_do_not_mix_either():
    for operation in (lambda: Price(1) * "x", lambda: "x" * Price(1), lambda: [] * Price(1)):
        with pytest.raises(TypeError, match=r"^can't multiply sequence by non-int of type"):
            operation()
    with pytest.raises(TypeError) as refusal:
        [] + Price(1)  # noqa: RUF005 - the sum is what fails
    assert str(refusal.value) == 'can only concatenate list (not "openpit.param.Price") to list'


def test_no_floor_division_or_power():
    with pytest.raises(TypeError):
        Price(7) // 2
    with pytest.raises(TypeError):
        Price(7) ** 2


# --- as objects ---------------------------------------------------------------------------------


@every_type
def test_copies_and_pickles(kind):
    value = kind("1.50")
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(twin) is kind
        assert str(twin) == "1.50"


@every_type
def test_closed_to_attributes_and_subclasses(kind):
    with pytest.raises(AttributeError):
        kind(1).note = "x"
    with pytest.raises(AttributeError):
        kind(1).decimal = Decimal(2)
    with pytest.raises(TypeError) as refusal:
        type("Mine", (kind,), {})
    assert str(refusal.value) == (
        f"type 'openpit.param.{kind.__name__}' is not an acceptable base type"
    )
