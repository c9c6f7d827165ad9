from __future__ import annotations

import pytest

from openpit.core.order_terms import OrderMargin, OrderPosition
from openpit.param.enums import PositionSide
from openpit.param.ids import Asset
from openpit.param.margin import Leverage


class TestPosition:
    def test_it_is_flat_unless_told_otherwise(self):
        position = OrderPosition()

        assert repr(position) == (
            "OrderPosition(position_side=Ok(None), reduce_only=false, close_position=false)"
        )
        assert (position.position_side, position.reduce_only, position.close_position) == (
            None,
            False,
            False,
        )

    def test_it_shows_what_it_was_given(self):
        position = OrderPosition(position_side="long", reduce_only=True, close_position=True)

        assert position.position_side is PositionSide.LONG
        assert repr(position).endswith("reduce_only=true, close_position=true)")

    @pytest.mark.parametrize(
        ("given", "found"), [(1, "'int' object"), (None, "'None'"), ("x", "'str' object")]
    )
    def test_its_flags_are_strict(self, given, found):
        with pytest.raises(TypeError, match=f"^{found} is not an instance of 'bool'$"):
            OrderPosition(reduce_only=given)
        with pytest.raises(TypeError, match=f"^{found} is not an instance of 'bool'$"):
            OrderPosition(close_position=given)

    def test_without_its_constructor_it_is_flat(self):
        class Silent(OrderPosition):
            def __init__(self):
                pass

        assert repr(Silent()) == repr(OrderPosition())


class TestMargin:
    def test_it_shows_what_it_was_given(self):
        margin = OrderMargin(leverage=1.1, collateral_asset=Asset("USD"), auto_borrow=True)

        assert repr(margin) == (
            'OrderMargin(leverage=Some(1.1), collateral_asset=Some("USD"), auto_borrow=true)'
        )
        assert repr(margin.leverage) == "Leverage(value=1.1)"
        assert type(margin.collateral_asset) is str
        assert margin.auto_borrow is True

    def test_everything_may_be_absent(self):
        margin = OrderMargin()

        assert (
            repr(margin) == "OrderMargin(leverage=None, collateral_asset=None, auto_borrow=false)"
        )
        assert margin.leverage is None

    def test_a_leverage_may_be_given_as_such(self):
        leverage = Leverage(5)
        margin = OrderMargin(leverage=leverage)

        assert margin.leverage.value == 5.0
        assert margin.leverage is not leverage

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            (
                {"leverage": "5"},
                ValueError,
                "leverage must be openpit.param.Leverage, int, or float",
            ),
            ({"leverage": 0}, ValueError, "invalid leverage value"),
            ({"collateral_asset": ""}, ValueError, "asset must not be empty"),
            ({"collateral_asset": 5}, TypeError, "asset must be a str"),
            ({"auto_borrow": 1}, TypeError, "'int' object is not an instance of 'bool'"),
        ],
    )
    def test_other_values_are_refused(self, arguments, error, text):
        with pytest.raises(error, match=f"^{text}$"):
            OrderMargin(**arguments)
