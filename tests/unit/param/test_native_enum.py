"""Enumerations of numbers that cannot be hashed, built or listed."""

from __future__ import annotations

import copy
import pickle

import pytest

from openpit.param.enums import (
    ConfigureErrorKind,
    PnlHaltReason,
    QuoteResolution,
    SettlementUnit,
)

KINDS = {
    PnlHaltReason: (
        "openpit.pretrade",
        {
            "MISSING_FX": 1,
            "MISSING_ACCOUNT_CURRENCY": 2,
            "MISSING_INITIAL_PNL": 3,
            "MISSING_COST_BASIS": 4,
            "ARITHMETIC_OVERFLOW": 5,
        },
    ),
    QuoteResolution: (
        "openpit.marketdata",
        {"ACCOUNT_ONLY": 0, "ACCOUNT_THEN_GROUP": 1, "ACCOUNT_THEN_GROUP_THEN_DEFAULT": 2},
    ),
    SettlementUnit: ("openpit.core", {"BUSINESS_DAYS": 0, "CALENDAR_DAYS": 1}),
    ConfigureErrorKind: ("openpit", {"UNKNOWN": 0, "TYPE_MISMATCH": 1, "VALIDATION": 2}),
}

each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@each
def test_members(kind):
    module, numbers = KINDS[kind]
    assert kind.__module__ == module
    assert {name: int(getattr(kind, name)) for name in dir(kind) if name.isupper()} == numbers
    for name in numbers:
        assert str(getattr(kind, name)) == repr(getattr(kind, name)) == f"{kind.__name__}.{name}"
        assert bool(getattr(kind, name)) is True


@each
def test_equal_to_itself_and_its_number(kind):
    first, second = list(KINDS[kind][1])[:2]
    member = getattr(kind, first)
    assert member == member  # noqa: PLR0124 - that is the question
    assert member == int(member)
    assert int(member) == member
    assert member != getattr(kind, second)
    assert member != float(int(member))
    assert member != first
    assert member != next(getattr(k, next(iter(KINDS[k][1]))) for k in KINDS if k is not kind)


def test_truth_values_are_numbers():
    assert PnlHaltReason.MISSING_FX == True  # noqa: E712 - the comparison is the question
    assert ConfigureErrorKind.UNKNOWN == False  # noqa: E712 - as above


@each
def test_closed(kind):
    full_name = f"{kind.__module__}.{kind.__name__}"
    member = getattr(kind, next(iter(KINDS[kind][1])))
    with pytest.raises(TypeError) as refusal:
        kind(1)
    assert str(refusal.value) == f"cannot create '{full_name}' instances"
    with pytest.raises(TypeError) as refusal:
        type("Mine", (kind,), {})
    assert str(refusal.value) == f"type '{full_name}' is not an acceptable base type"
    with pytest.raises(TypeError, match="unhashable type"):
        hash(member)
    with pytest.raises(TypeError):
        member < member  # noqa: B015, PLR0124 - the comparison is what fails
    with pytest.raises(AttributeError):
        member.note = "x"


@each
def test_copies_are_the_member(kind):
    for name in KINDS[kind][1]:
        member = getattr(kind, name)
        assert copy.copy(member) is member
        assert copy.deepcopy(member) is member
        assert getattr(member, name) is member


@each
def test_pickles_by_name(kind):
    for name in KINDS[kind][1]:
        assert pickle.loads(pickle.dumps(getattr(kind, name))) is getattr(kind, name)


def test_labels():
    assert PnlHaltReason.MISSING_FX._label == "MissingFx"
    assert PnlHaltReason.ARITHMETIC_OVERFLOW._label == "ArithmeticOverflow"
