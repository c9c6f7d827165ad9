"""Texts of figures: what is written by everybody is read at a glance, and nothing else with it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.errors import WireError
from openpit.wire.decimal_texts import SIGNED, UNSIGNED


@pytest.mark.parametrize(
    "text",
    ["0", "0.00", "-0.01", "150.25", "99999999999999.999999", "0.000001", "1E-7", "-1.25E-9",
     "79228162514264337593543950335", "0E-8"],
)  # fmt: skip
def test_a_text_as_decimals_are_written_is_the_decimal(text: str) -> None:
    assert str(SIGNED[text]) == text


@pytest.mark.parametrize(
    "text",
    ["-0", "-0.00", "00", "01.5", "+1", " 1", "1 ", "1\n", "1_0", "1.", ".5", "\u0661", "1,5",
     "NaN", "Infinity", "1E+5", "0.0000001",
     "79228162514264337593543950336", "", 1, 1.5, b"1", ("1",)],
)  # fmt: skip
def test_any_other_is_refused(text: object) -> None:
    with pytest.raises(WireError):
        SIGNED[text]  # type: ignore[index]


def test_a_quantity_has_no_sign() -> None:
    assert UNSIGNED["3.50"] == Decimal("3.50")
    with pytest.raises(WireError):
        UNSIGNED["-3.50"]


@given(st.from_regex(r"-?[0-9]{1,16}(\.[0-9]{0,8})?", fullmatch=True))
def test_what_is_taken_is_written_the_same_way(text: str) -> None:
    try:
        value = SIGNED[text]
    except WireError:
        made = Decimal(text)
        assert str(made) != text or (made.is_signed() and not made)
    else:
        assert str(value) == text
