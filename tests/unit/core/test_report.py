from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest
from users_classes import SilentReport, SilentReportOperation

from openpit.core.instrument import Instrument
from openpit.core.lock import Lock
from openpit.core.order import OrderOperation
from openpit.core.report import (
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    ExecutionReportPositionImpact,
    FinancialImpact,
    ensure_captured,
)
from openpit.errors import ParamError
from openpit.param.amounts import MonetaryAmount, Trade
from openpit.param.enums import PositionEffect, PositionSide, Side
from openpit.param.ids import AccountId
from openpit.param.values import Fee, Pnl, Price, Quantity

AAPL = Instrument("AAPL", "USD")
FIVE = AccountId.from_int(5)
TRADE = Trade(price=Price("185.50"), quantity=Quantity(2))
FEE = MonetaryAmount(amount=Fee("1.50"), currency="USD")
LOCK = Lock([(0, "1.50"), (3, 5)])

SELL_ADDRESS = f"{id(Side.SELL):#x}"


def an_operation(**changes):
    arguments = {"instrument": AAPL, "side": Side.SELL, "account_id": FIVE}
    return ExecutionReportOperation(**{**arguments, **changes})


def a_fill(**changes):
    return ExecutionReportFillDetails(**{"lock": LOCK, **changes})


class TestOperation:
    def test_it_shows_what_it_was_given(self):
        operation = an_operation()

        assert operation.instrument is AAPL
        assert operation.underlying_asset == "AAPL"
        assert operation.settlement_asset == "USD"
        assert operation.side is Side.SELL
        assert operation.account_id == FIVE
        assert repr(operation) == (
            'ExecutionReportOperation(underlying_asset=Some("AAPL"), '
            'settlement_asset=Some("USD"), account_id=Some(5), '
            f"side=Ok(Some(Py({SELL_ADDRESS}))))"
        )

    def test_side_and_account_may_be_absent(self):
        assert repr(an_operation(side=None, account_id=None)) == (
            'ExecutionReportOperation(underlying_asset=Some("AAPL"), '
            'settlement_asset=Some("USD"), account_id=None, side=Ok(None))'
        )

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            ({"instrument": 5}, TypeError, "instrument must be openpit.core.Instrument"),
            (
                {"instrument": None},
                AttributeError,
                "'NoneType' object has no attribute 'underlying_asset'",
            ),
            ({"account_id": 5}, TypeError, "account_id must be openpit.param.AccountId"),
            ({"side": 5}, TypeError, "side must be a str or openpit.Side"),
        ],
    )
    def test_other_classes_are_refused(self, changes, error, text):
        with pytest.raises(error, match=f"^{text}$"):
            an_operation(**changes)

    def test_the_two_assets_can_be_set_until_it_is_part_of_a_report(self):
        operation = an_operation()
        report = ExecutionReport(operation=operation)

        operation.underlying_asset = "MSFT"
        operation.settlement_asset = None

        assert (report._underlying_, report._settlement_) == ("AAPL", "USD")
        assert ExecutionReport(operation=operation)._underlying_ == "MSFT"
        assert operation.settlement_asset is None
        assert operation.instrument == AAPL

    def test_a_subclass_of_an_instrument_is_asked_for_its_assets(self):
        class Share(Instrument):
            @property
            def underlying_asset(self):
                return "SHARE"

        assert an_operation(instrument=Share("A", "USD")).underlying_asset == "SHARE"

    def test_without_its_constructor_every_field_is_absent(self):
        operation = SilentReportOperation()

        assert repr(operation) == (
            "ExecutionReportOperation(underlying_asset=None, settlement_asset=None, "
            "account_id=None, side=Ok(None))"
        )
        assert operation.side is operation.account_id is None
        assert operation.underlying_asset is operation.settlement_asset is None
        with pytest.raises(KeyError):
            _ = operation.instrument


class TestFinancialImpact:
    def test_it_takes_values_and_raw_numbers(self):
        impact = FinancialImpact(pnl=Pnl("-5.50"), fee="1.0")

        assert impact.pnl == Pnl("-5.5")
        assert impact.fee == Fee(1)
        assert repr(impact) == 'FinancialImpact(pnl="-5.50", fee="1.0")'
        assert repr(FinancialImpact(pnl="5", fee=Fee(2))) == 'FinancialImpact(pnl="5", fee="2")'

    @pytest.mark.parametrize(
        ("pnl", "fee", "error", "text"),
        [
            (Fee(5), 1, TypeError, "Pnl must be a Decimal, str, int, or float"),
            (1, Pnl(1), TypeError, "Fee must be a Decimal, str, int, or float"),
            (None, 1, ValueError, "Pnl must be a Decimal, str, int, or float"),
            ("x", 1, ParamError, "invalid format for Pnl: 'x'"),
        ],
    )
    def test_other_values_are_refused(self, pnl, fee, error, text):
        with pytest.raises(error) as info:
            FinancialImpact(pnl=pnl, fee=fee)
        assert type(info.value) is error
        assert str(info.value) == text

    def test_both_are_required(self):
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'fee'"):
            FinancialImpact(pnl=1)


class TestPositionImpact:
    def test_it_takes_members_and_texts(self):
        impact = ExecutionReportPositionImpact(
            position_effect="open", position_side=PositionSide.SHORT
        )

        assert impact.position_effect is PositionEffect.OPEN
        assert impact.position_side is PositionSide.SHORT
        assert repr(impact) == (
            "ExecutionReportPositionImpact("
            f"position_effect=Ok(Some(Py({id(PositionEffect.OPEN):#x}))), "
            f"position_side=Ok(Some(Py({id(PositionSide.SHORT):#x}))))"
        )

    def test_both_may_be_absent(self):
        class Silent(ExecutionReportPositionImpact):
            def __init__(self):
                pass

        text = "ExecutionReportPositionImpact(position_effect=Ok(None), position_side=Ok(None))"
        assert repr(ExecutionReportPositionImpact()) == text
        assert repr(Silent()) == text

    def test_other_values_are_refused(self):
        with pytest.raises(TypeError, match="position_effect must be a str"):
            ExecutionReportPositionImpact(position_effect=5)
        with pytest.raises(TypeError, match="invalid position side"):
            ExecutionReportPositionImpact(position_side="x")


class TestReport:
    def test_groups_are_the_very_objects_that_were_given(self):
        operation, impact = an_operation(), FinancialImpact(pnl=1, fee=2)
        fill, position = a_fill(), ExecutionReportPositionImpact()
        report = ExecutionReport(
            operation=operation, financial_impact=impact, fill=fill, position_impact=position
        )

        assert report.operation is operation
        assert report.financial_impact is impact
        assert report.fill is fill
        assert report.position_impact is position

    def test_every_group_may_be_absent(self):
        report = ExecutionReport()

        assert repr(report) == (
            "ExecutionReport(operation=None, financial_impact=None, fill=None, "
            "position_impact=None)"
        )
        assert report._account_ is report._pnl_ is None

    def test_it_captures_the_values_of_operation_and_impact(self):
        report = ExecutionReport(
            operation=an_operation(), financial_impact=FinancialImpact(pnl="-3.50", fee="0.25")
        )

        assert (report._underlying_, report._settlement_) == ("AAPL", "USD")
        assert (report._account_, report._side_) == (5, Side.SELL)
        assert (report._pnl_, report._impact_fee_) == (Decimal("-3.50"), Decimal("0.25"))

    def test_its_repr_nests_those_of_its_groups(self):
        report = ExecutionReport(
            operation=an_operation(side=None),
            financial_impact=FinancialImpact(pnl=1, fee="2.0"),
            fill=a_fill(),
            position_impact=ExecutionReportPositionImpact(),
        )

        assert repr(report) == (
            'ExecutionReport(operation=Some("ExecutionReportOperation('
            'underlying_asset=Some(\\"AAPL\\"), settlement_asset=Some(\\"USD\\"), '
            'account_id=Some(5), side=Ok(None))"), '
            'financial_impact=Some("FinancialImpact(pnl=\\"1\\", fee=\\"2.0\\")"), '
            'fill=Some("ExecutionReportFillDetails(last_trade=None, fee=None, '
            "remaining_reserved_quantity=None, "
            'lock=\\"Lock([(0, 1.50), (3, 5)])\\", is_final=None)"), '
            'position_impact=Some("ExecutionReportPositionImpact(position_effect=Ok(None), '
            'position_side=Ok(None))"))'
        )

    @pytest.mark.parametrize(
        ("group", "name"),
        [
            ("operation", "ExecutionReportOperation"),
            ("financial_impact", "FinancialImpact"),
            ("fill", "ExecutionReportFillDetails"),
            ("position_impact", "ExecutionReportPositionImpact"),
        ],
    )
    def test_a_group_of_another_class_is_refused(self, group, name):
        order_operation = OrderOperation(
            instrument=AAPL, side=None, trade_amount=None, account_id=None
        )
        with pytest.raises(TypeError, match=f"^{group} must be openpit.core.{name}$"):
            ExecutionReport(**{group: order_operation})

    @pytest.mark.parametrize("name", ["operation", "financial_impact", "fill", "position_impact"])
    def test_groups_cannot_be_set(self, name):
        with pytest.raises(AttributeError, match=f"property '{name}' of .* has no setter"):
            setattr(ExecutionReport(), name, None)

    def test_an_operation_that_was_never_filled_is_captured_as_absent_values(self):
        for operation in (SilentReportOperation(), object.__new__(ExecutionReportOperation)):
            report = ExecutionReport(operation=operation)
            assert report.operation is operation
            assert report._account_ is None

    def test_without_its_constructor_every_group_is_absent(self):
        report = SilentReport("A")

        assert repr(report) == repr(ExecutionReport())
        assert report.operation is report.financial_impact is None
        assert report.fill is report.position_impact is None
        assert report.tag == "A"
        assert SilentReport("B").financial_impact is None
        assert SilentReport("B").fill is None

    def test_the_engine_makes_such_a_report_readable(self):
        report = SilentReport("A")

        ensure_captured(report)
        ensure_captured(report)

        assert report._account_ is report._pnl_ is report._impact_fee_ is None
        assert report._fill_ is report._position_impact_ is None

    def test_a_trusted_report_makes_its_groups_when_they_are_asked_for(self):
        fill = a_fill()
        report = ExecutionReport._of(
            "AAPL", "USD", 5, Side.SELL, Decimal("-3.50"), Decimal("0.25"), fill, None
        )

        expected = ExecutionReport(
            operation=an_operation(),
            financial_impact=FinancialImpact(pnl="-3.50", fee="0.25"),
            fill=fill,
        )
        assert repr(report) == repr(expected)
        assert report.operation is report.operation
        assert report.operation.instrument == AAPL
        assert report.financial_impact is report.financial_impact
        assert report.financial_impact.fee == Fee("0.25")
        assert report.fill is fill
        assert report.position_impact is None

    def test_a_trusted_report_without_values_has_no_groups(self):
        report = ExecutionReport._of(None, None, None, None, None, None, None, None)

        assert report.operation is report.financial_impact is None

    def test_a_trusted_report_with_half_an_instrument_keeps_that_half(self):
        report = ExecutionReport._of("AAPL", None, 5, None, None, None, None, None)

        assert report.operation.underlying_asset == "AAPL"
        with pytest.raises(KeyError):
            _ = report.operation.instrument

    def test_reports_can_be_copied_with_their_attributes(self):
        report = ExecutionReport(
            operation=an_operation(),
            financial_impact=FinancialImpact(pnl=1, fee=2),
            fill=a_fill(last_trade=TRADE, fee=FEE),
        )
        report.tag = "A"

        for other in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
            assert repr(other) == repr(report)
            assert other.tag == "A"


def test_the_classes_live_in_core():
    for kind in (
        ExecutionReport,
        ExecutionReportFillDetails,
        ExecutionReportOperation,
        ExecutionReportPositionImpact,
        FinancialImpact,
    ):
        assert kind.__module__ == "openpit.core"
