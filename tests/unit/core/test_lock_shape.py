from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.core.lock_shape import groups_in, shape_of


def test_the_default_group_comes_first_and_others_with_their_ids():
    sections = [(0, [Decimal("1.50"), Decimal(4)]), (3, [Decimal("1E-7")])]

    assert shape_of(sections) == [["1.50", "4"], [3, "0.0000001"]]
    assert shape_of([(5, [Decimal(1)])]) == [[], [5, "1"]]
    assert shape_of([]) == []


def test_groups_that_come_twice_are_put_together_and_empty_ones_left_out():
    assert groups_in([[], [1, "1"], [7], [1, "2"]]) == {1: [Decimal(1), Decimal(2)]}
    assert groups_in([]) == groups_in([[]]) == {}


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("1.50", "1.50"),
        ("1e3", "1000"),
        ("1_000", "1000"),
        (".5", "0.5"),
        ("+5", "5"),
        ("-0", "0"),
        (7, "7"),
        (79228162514264337593543950335, "79228162514264337593543950335"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (5e-324, "0.0000000000000000000000000000"),
        ("0.00000000000000000000000000015", "0.0000000000000000000000000002"),
        ("1.99999999999999999999999999999999", "2.0000000000000000000000000000"),
    ],
)
def test_prices_are_texts_or_numbers_and_rounded_to_what_fits(value, price):
    assert [str(read) for read in groups_in([[value]])[0]] == [str(Decimal(price))]


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        (None, "expected a list of prices by group, found None"),
        ({}, "expected a list of prices by group, found dict"),
        ([5], "expected a list of prices, found 5 at [0]"),
        (["1"], "expected a list of prices, found '1' at [0]"),
        ([("1",)], "expected a list of prices, found tuple at [0]"),
        ([b""], "expected a list of prices, found bytes at [0]"),
        ([[], {}], "expected a list of a group id and its prices, found dict at [1]"),
        ([[], []], "expected a group id in 1..=65535, found None at [1][0]"),
        ([[], [0, "1"]], "expected a group id in 1..=65535, found 0 at [1][0]"),
        ([[], [-1]], "expected a group id in 1..=65535, found -1 at [1][0]"),
        ([[], [65535], [65536]], "expected a group id in 1..=65535, found 65536 at [2][0]"),
        ([[], [True]], "expected a group id in 1..=65535, found True at [1][0]"),
        ([[], [1.0]], "expected a group id in 1..=65535, found 1.0 at [1][0]"),
        ([[], ["1"]], "expected a group id in 1..=65535, found '1' at [1][0]"),
        ([["1", None]], "expected a price, found None at [0][1]"),
        ([["1"], [3, "2", False]], "expected a price, found False at [1][2]"),
        ([[[]]], "expected a price, found list at [0][0]"),
        ([[b"1"]], "expected a price, found bytes at [0][0]"),
        ([[Decimal(1)]], "expected a price, found Decimal at [0][0]"),
        ([["x"]], "expected a price, found 'x' at [0][0]"),
        ([[""]], "expected a price, found '' at [0][0]"),
        ([["1 "]], "expected a price, found '1 ' at [0][0]"),
        ([["\ud800"]], r"expected a price, found '\ud800' at [0][0]"),
        ([["9" * 200]], f"expected a price, found '{'9' * 79} at [0][0]"),
        ([[2**96]], "expected a price, found 79228162514264337593543950336 at [0][0]"),
        ([[2**20000]], "expected a price, found int at [0][0]"),
        ([[], [2**20000]], "expected a group id in 1..=65535, found int at [1][0]"),
        ([[1e35]], "expected a price, found 1e+35 at [0][0]"),
        ([[float("nan")]], "expected a price, found nan at [0][0]"),
        ([[float("-inf")]], "expected a price, found -inf at [0][0]"),
    ],
)
def test_what_is_out_of_place_is_named_with_its_place(tree, problem):
    with pytest.raises(ValueError) as info:  # noqa: PT011 - its whole text is compared
        groups_in(tree)
    assert str(info.value) == problem
