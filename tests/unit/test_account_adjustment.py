from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest

from openpit import core
from openpit.account_adjustment import (
    AccountPnlOperation,
    Adjustment,
    Amount,
    BalanceOperation,
    Bounds,
    PositionOperation,
)
from openpit.core.instrument import Instrument
from openpit.errors import ParamError
from openpit.param.amounts import AdjustmentAmount
from openpit.param.enums import PnlHaltReason, PositionMode
from openpit.param.ids import Asset
from openpit.param.margin import Leverage
from openpit.param.values import Fee, Pnl, Price

AAPL = Instrument("AAPL", "USD")
DELTA = AdjustmentAmount.delta("5.50")


def a_position(**changes):
    arguments = {
        "instrument": AAPL,
        "collateral_asset": "USD",
        "average_entry_price": "5.50",
        "mode": "netting",
    }
    return PositionOperation(**{**arguments, **changes})


class TestBalance:
    def test_an_asset_may_be_all(self):
        operation = BalanceOperation(asset="USD")

        assert repr(operation) == (
            'AccountAdjustmentBalanceOperation(asset=Some("USD"), average_entry_price=None, '
            "realized_pnl=None)"
        )
        assert operation.average_entry_price is operation.realized_pnl is None

    def test_it_shows_what_it_was_given(self):
        operation = BalanceOperation(
            asset=Asset("AAPL"), average_entry_price="185.50", realized_pnl="-3.50"
        )

        assert type(operation.asset) is str
        assert operation.average_entry_price == Price("185.5")
        assert operation.realized_pnl == Pnl("-3.5")
        assert repr(operation) == (
            'AccountAdjustmentBalanceOperation(asset=Some("AAPL"), '
            'average_entry_price=Some("185.50"), '
            "realized_pnl=Some(\"Pnl(Decimal('-3.50'))\"))"
        )

    def test_a_profit_may_be_halted(self):
        operation = BalanceOperation(asset="USD", realized_pnl=PnlHaltReason.MISSING_FX)

        assert operation.realized_pnl is PnlHaltReason.MISSING_FX
        assert repr(operation).endswith('realized_pnl=Some("PnlHaltReason.MISSING_FX"))')

    def test_the_asset_is_required_but_may_be_none(self):
        assert BalanceOperation(asset=None).asset is None
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'asset'"):
            BalanceOperation()

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"asset": " "}, ValueError, "asset must not be empty"),
            ({"asset": 5}, TypeError, "asset must be a str"),
            (
                {"asset": "USD", "average_entry_price": Fee(5)},
                TypeError,
                "Price must be a Decimal, str, int, or float",
            ),
            (
                {"asset": "USD", "realized_pnl": Fee(5)},
                TypeError,
                "Pnl must be a Decimal, str, int, or float",
            ),
            (
                {"asset": "USD", "realized_pnl": "MissingFx"},
                ParamError,
                "invalid format for Pnl: 'MissingFx'",
            ),
        ],
    )
    def test_other_values_are_refused(self, arguments, error, text):
        with pytest.raises(error) as info:
            BalanceOperation(**arguments)
        assert str(info.value) == text


class TestPosition:
    def test_it_shows_what_it_was_given(self):
        operation = a_position(leverage=5)

        assert operation.instrument is AAPL
        assert operation.underlying_asset == "AAPL"
        assert operation.settlement_asset == "USD"
        assert operation.collateral_asset == "USD"
        assert operation.average_entry_price == Price("5.5")
        assert operation.mode is PositionMode.NETTING
        assert operation.leverage.value == 5.0
        assert repr(operation) == (
            'AccountAdjustmentPositionOperation(underlying_asset=Some("AAPL"), '
            'settlement_asset=Some("USD"), collateral_asset=Some("USD"), '
            'average_entry_price=Some("5.50"), '
            f"mode=Ok(Some(Py({id(PositionMode.NETTING):#x}))), leverage=Some(5.0))"
        )

    def test_all_but_the_instrument_may_be_absent(self):
        operation = a_position(collateral_asset=None, average_entry_price=None, mode=None)

        assert operation.collateral_asset is operation.average_entry_price is None
        assert operation.mode is operation.leverage is None
        assert repr(operation).endswith(
            "collateral_asset=None, average_entry_price=None, mode=Ok(None), leverage=None)"
        )

    def test_the_two_assets_can_be_set_and_the_instrument_stays(self):
        operation = a_position()

        operation.underlying_asset = "MSFT"
        operation.settlement_asset = None

        assert operation.underlying_asset == "MSFT"
        assert operation.settlement_asset is None
        assert operation.instrument == AAPL
        with pytest.raises(ValueError, match=r"^asset must not be empty$"):
            operation.underlying_asset = ""

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            ({"instrument": 5}, TypeError, "instrument must be openpit.core.Instrument"),
            (
                {"instrument": None},
                AttributeError,
                "'NoneType' object has no attribute 'underlying_asset'",
            ),
            ({"collateral_asset": ""}, ValueError, "asset must not be empty"),
            ({"mode": 5}, TypeError, "mode must be a str or openpit.param.PositionMode"),
            (
                {"mode": "x"},
                TypeError,
                "ValueError: invalid position mode \"x\"; expected 'netting' or 'hedged'",
            ),
            (
                {"leverage": "x"},
                ValueError,
                "leverage must be openpit.param.Leverage, int, or float",
            ),
        ],
    )
    def test_other_values_are_refused(self, changes, error, text):
        with pytest.raises(error) as info:
            a_position(**changes)
        assert str(info.value) == text

    def test_a_leverage_may_be_given_as_such(self):
        assert a_position(leverage=Leverage(2.5)).leverage.value == 2.5

    def test_without_its_constructor_every_field_is_absent(self):
        class Silent(PositionOperation):
            def __init__(self):
                pass

        operation = Silent()

        assert repr(operation) == (
            "AccountAdjustmentPositionOperation(underlying_asset=None, settlement_asset=None, "
            "collateral_asset=None, average_entry_price=None, mode=Ok(None), leverage=None)"
        )
        with pytest.raises(KeyError):
            _ = operation.instrument
        assert Adjustment(operation=operation).operation is operation


class TestAccountPnl:
    def test_a_state_is_a_figure_or_a_reason_why_there_is_none(self):
        figure = AccountPnlOperation(state="5.50")
        halted = AccountPnlOperation(state=PnlHaltReason.MISSING_FX)

        assert figure.state == Pnl("5.5")
        assert figure._state_ == Decimal("5.50")
        assert repr(figure) == ("AccountAdjustmentAccountPnlOperation(state=Pnl(Decimal('5.50')))")
        assert halted.state is PnlHaltReason.MISSING_FX
        assert repr(halted) == (
            "AccountAdjustmentAccountPnlOperation(state=PnlHaltReason.MISSING_FX)"
        )

    def test_other_values_are_refused(self):
        with pytest.raises(ValueError, match=r"^Pnl must be a Decimal, str, int, or float$"):
            AccountPnlOperation(state=None)
        with pytest.raises(TypeError, match=r"^Pnl must be a Decimal, str, int, or float$"):
            AccountPnlOperation(state=Fee(5))
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'state'"):
            AccountPnlOperation()


class TestAdjustment:
    def test_groups_are_the_very_objects_that_were_given(self):
        operation, amount, bounds = BalanceOperation(asset="USD"), Amount(), Bounds()
        adjustment = Adjustment(operation=operation, amount=amount, bounds=bounds)

        assert adjustment.operation is operation
        assert adjustment.amount is amount
        assert adjustment.bounds is bounds

    def test_its_repr_nests_those_of_its_groups(self):
        class Loud(Amount):
            def __repr__(self):
                return "LOUD"

        adjustment = Adjustment(
            operation=AccountPnlOperation(state=5), amount=Loud(balance=DELTA), bounds=Bounds()
        )

        assert repr(adjustment) == (
            "AccountAdjustment("
            "operation=Some(\"AccountAdjustmentAccountPnlOperation(state=Pnl(Decimal('5')))\"), "
            'amount=Some("AccountAdjustmentAmount('
            'balance=Some(\\"AdjustmentAmount.delta(value=PositionSize(5.50))\\"), '
            'held=None, incoming=None)"), '
            'bounds=Some("AccountAdjustmentBounds(balance_upper=None, balance_lower=None, '
            'held_upper=None, held_lower=None, incoming_upper=None, incoming_lower=None)"))'
        )

    def test_every_group_may_be_absent(self):
        class Silent(Adjustment):
            def __init__(self):
                pass

        text = "AccountAdjustment(operation=None, amount=None, bounds=None)"
        assert repr(Adjustment()) == text
        assert repr(Silent()) == text
        assert Silent()._operation_ is None

    def test_a_group_of_another_class_is_refused(self):
        with pytest.raises(
            TypeError,
            match=r"^operation must be openpit.account_adjustment.BalanceOperation, "
            r"openpit.account_adjustment.PositionOperation, "
            r"or openpit.account_adjustment.AccountPnlOperation$",
        ):
            Adjustment(operation=Amount())
        with pytest.raises(TypeError, match=r"^amount must be openpit.account_adjustment.Amount$"):
            Adjustment(amount=DELTA)
        with pytest.raises(TypeError, match=r"^bounds must be openpit.account_adjustment.Bounds$"):
            Adjustment(bounds=5)

    @pytest.mark.parametrize("name", ["operation", "amount", "bounds"])
    def test_groups_cannot_be_set(self, name):
        with pytest.raises(AttributeError, match=f"property '{name}' of .* has no setter"):
            setattr(Adjustment(), name, None)

    def test_adjustments_can_be_copied_with_their_attributes(self):
        adjustment = Adjustment(operation=a_position(leverage=5), amount=Amount(balance=DELTA))
        adjustment.tag = "A"

        for other in (pickle.loads(pickle.dumps(adjustment)), copy.deepcopy(adjustment)):
            assert repr(other) == repr(adjustment)
            assert other.tag == "A"


def test_core_knows_the_classes_by_longer_names():
    assert core.AccountAdjustment is Adjustment
    assert core.AccountAdjustmentAmount is Amount
    assert core.AccountAdjustmentBalanceOperation is BalanceOperation
    assert core.AccountAdjustmentPositionOperation is PositionOperation
    assert core.AccountAdjustmentAccountPnlOperation is AccountPnlOperation
    assert core.AccountAdjustmentBounds is Bounds
    assert Adjustment.__module__ == "openpit.account_adjustment"
