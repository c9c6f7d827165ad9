from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.core.lock_shape import UnreadableLock, read_price, wrong_group


def test_a_group_id_has_sixteen_bits_and_is_not_the_default_group():
    assert wrong_group(1) is None
    assert wrong_group(65535) is None
    assert wrong_group(65536) == "invalid value: integer `65536`, expected u16"
    assert wrong_group(-1) == "invalid value: integer `-1`, expected u16"
    assert wrong_group(0).startswith("default group must be encoded as the first sublist")


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("1.50", "1.50"),
        (7, "7"),
        (1e-7, "0.0000001"),
        (5e-324, "0.0000000000000000000000000000"),
        ("1.99999999999999999999999999999999", "2.0000000000000000000000000000"),
    ],
)
def test_prices_of_any_precision_are_rounded_to_what_fits(value, price):
    assert str(Decimal(price)) == str(read_price(value))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("x", 'string "x"'),
        ("79228162514264337593543950336", 'string "79228162514264337593543950336"'),
        (1e35, "floating point `big`"),
        (float("inf"), "floating point `big`"),
    ],
)
def test_what_is_no_price_is_named(value, found):
    with pytest.raises(UnreadableLock) as info:
        read_price(value, "big")
    assert str(info.value) == (
        f"invalid value: {found}, expected a Decimal type representing a fixed-point number"
    )
