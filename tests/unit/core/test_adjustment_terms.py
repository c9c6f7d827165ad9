from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.account_adjustment import Amount, Bounds
from openpit.errors import ParamError
from openpit.param.amounts import AdjustmentAmount
from openpit.param.values import PositionSize, Price

DELTA = AdjustmentAmount.delta("5.50")


class TestAmount:
    def test_it_shows_what_it_was_given(self):
        amount = Amount(balance=DELTA, held=AdjustmentAmount.absolute(7))

        assert repr(amount) == (
            "AccountAdjustmentAmount("
            'balance=Some("AdjustmentAmount.delta(value=PositionSize(5.50))"), '
            'held=Some("AdjustmentAmount.absolute(value=PositionSize(7))"), incoming=None)'
        )
        assert amount.balance.as_delta == PositionSize("5.5")
        assert amount.balance is not DELTA
        assert amount.held.as_absolute == PositionSize(7)
        assert amount.incoming is None

    @pytest.mark.parametrize("name", ["balance", "held", "incoming"])
    def test_only_an_amount_is_taken(self, name):
        with pytest.raises(TypeError, match=r"^value must be openpit.param.AdjustmentAmount$"):
            Amount(**{name: PositionSize(5)})


class TestBounds:
    def test_it_shows_what_it_was_given(self):
        bounds = Bounds(
            balance_upper=5,
            balance_lower="-5.50",
            held_upper=PositionSize(1),
            held_lower=1.5,
            incoming_upper=Decimal("1.0"),
        )

        assert repr(bounds) == (
            'AccountAdjustmentBounds(balance_upper=Some("5"), balance_lower=Some("-5.50"), '
            'held_upper=Some("1"), held_lower=Some("1.5"), incoming_upper=Some("1.0"), '
            "incoming_lower=None)"
        )
        assert bounds.balance_upper == PositionSize(5)
        assert bounds.balance_lower == PositionSize("-5.5")
        assert bounds.held_upper == PositionSize(1)
        assert bounds.held_lower == PositionSize("1.5")
        assert bounds.incoming_upper == PositionSize(1)
        assert bounds.incoming_lower is None

    def test_other_values_are_refused(self):
        with pytest.raises(
            TypeError, match=r"^PositionSize must be a Decimal, str, int, or float$"
        ):
            Bounds(held_upper=Price(5))
        with pytest.raises(ParamError, match=r"^invalid format for PositionSize: 'x'$"):
            Bounds(incoming_lower="x")
