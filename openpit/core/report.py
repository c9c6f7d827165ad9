"""Execution reports as they come back from a venue: what was done, what it cost, what is left.

A report captures the plain values of its operation and of its financial impact when it is made, as
an order does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openpit.core import choices
from openpit.core.absent import AbsentFields, EarlyFields
from openpit.core.assets import optional_asset_text
from openpit.core.debug_text import optional, optional_member
from openpit.core.fill import ExecutionReportFillDetails
from openpit.core.instrument import Instrument, new_instrument, require_instrument
from openpit.core.order import no_account
from openpit.core.signatures import AnyArguments
from openpit.param.classes import is_of
from openpit.param.decimals import plain
from openpit.param.enums import Side
from openpit.param.guarded import fill_guarded, fill_like, store
from openpit.param.ids import AccountId, new_account_id
from openpit.param.values import Fee, Pnl, new_fee, new_pnl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from typing import Self

    from openpit.param.enums import PositionEffect, PositionSide
    from openpit.param.ids import Asset

__all__ = [
    "ExecutionReport",
    "ExecutionReportFillDetails",
    "ExecutionReportOperation",
    "ExecutionReportPositionImpact",
    "FinancialImpact",
    "ensure_captured",
    "new_execution_report",
]


class ExecutionReportOperation:
    """Which order the report is about: its instrument, its side and its account.

    ``side`` may be its text in any case; side and account may be None.

    Raises:
        TypeError: an argument is of another class, or ``side`` is a text that names no side.
        AttributeError: ``instrument`` is None.
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_account_",
        "_instrument_",
        "_settlement_",
        "_side_",
        "_underlying_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("ExecutionReportOperation")

    _account_: int | None
    _instrument_: Instrument
    _settlement_: str | None
    _side_: Side | None
    _underlying_: str | None

    def __init__(self, *, instrument: Instrument, side: Side, account_id: AccountId) -> None:
        try:
            self._instrument_ = instrument
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(
                self,
                ExecutionReportOperation,
                instrument=instrument,
                side=side,
                account_id=account_id,
            )
            return
        if type(instrument) is Instrument:
            self._underlying_ = instrument._underlying_
            self._settlement_ = instrument._settlement_
        else:
            require_instrument(instrument)
            self.underlying_asset = instrument.underlying_asset
            self.settlement_asset = instrument.settlement_asset

        self._account_ = (
            account_id._value if type(account_id) is AccountId else no_account(account_id)
        )
        self._side_ = side if type(side) is Side else choices.side(side)

    @property
    def instrument(self) -> Instrument:
        """The instrument that was given, whatever became of the two assets since.

        Raises:
            KeyError: a subclass has not called its constructor.
        """
        try:
            return self._instrument_
        except AttributeError:
            raise KeyError("instrument") from None

    @property
    def underlying_asset(self) -> Asset | None:
        """The asset that was bought or sold; settable, until it is part of a report.

        Raises:
            TypeError: it is set to what is no text.
            ValueError: it is set to a blank text.
        """
        return getattr(self, "_underlying_", None)

    @underlying_asset.setter
    def underlying_asset(self, asset: Asset | None) -> None:
        self._underlying_ = optional_asset_text(asset)

    @property
    def settlement_asset(self) -> Asset | None:
        """The asset that paid for it; settable, until it is part of a report.

        Raises:
            TypeError: it is set to what is no text.
            ValueError: it is set to a blank text.
        """
        return getattr(self, "_settlement_", None)

    @settlement_asset.setter
    def settlement_asset(self, asset: Asset | None) -> None:
        self._settlement_ = optional_asset_text(asset)

    @property
    def side(self) -> Side | None:
        """Which way the order went."""
        return getattr(self, "_side_", None)

    @property
    def account_id(self) -> AccountId | None:
        """The account that traded."""
        account = getattr(self, "_account_", None)
        return None if account is None else new_account_id(account)

    def __repr__(self) -> str:
        return _operation_text(
            getattr(self, "_underlying_", None),
            getattr(self, "_settlement_", None),
            getattr(self, "_account_", None),
            getattr(self, "_side_", None),
        )


def _operation_text(
    underlying: str | None, settlement: str | None, account: int | None, side: Side | None
) -> str:
    """Return an operation's values as its ``repr`` shows them."""
    return (
        f"ExecutionReportOperation(underlying_asset={optional(underlying)}, "
        f"settlement_asset={optional(settlement)}, "
        f"account_id={'None' if account is None else f'Some({account})'}, "
        f"side={optional_member(side)})"
    )


class FinancialImpact(EarlyFields):
    """What the report changed in money: a profit (or, negative, a loss), and a cost.

    Both may be raw numbers.

    Raises:
        TypeError: an argument is an amount of another kind.
        ValueError: one is no amount.
        ParamError: one is not an amount that :class:`Pnl` or :class:`Fee` takes.
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_fee_", "_pnl_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("FinancialImpact")

    _fee_: Decimal
    _pnl_: Decimal

    def __init__(self, *, pnl: Pnl, fee: Fee) -> None:
        profit = pnl._value if type(pnl) is Pnl else Pnl(pnl)._value
        try:
            self._pnl_ = profit
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(self, FinancialImpact, pnl=pnl, fee=fee)
            return
        self._fee_ = fee._value if type(fee) is Fee else Fee(fee)._value

    @classmethod
    def _of(cls, pnl: Decimal, fee: Decimal) -> Self:
        self = object.__new__(cls)
        self._pnl_ = pnl
        self._fee_ = fee
        return self

    @property
    def pnl(self) -> Pnl:
        """The realised profit, negative for a loss."""
        return new_pnl(self._pnl_)

    @property
    def fee(self) -> Fee:
        """The cost, negative for a rebate."""
        return new_fee(self._fee_)

    def __repr__(self) -> str:
        return _impact_text(self._pnl_, self._fee_)


def _impact_text(pnl: Decimal, fee: Decimal) -> str:
    """Return a financial impact's values as its ``repr`` shows them."""
    return f'FinancialImpact(pnl="{plain(pnl)}", fee="{plain(fee)}")'


class ExecutionReportPositionImpact(AbsentFields):
    """What the report did to a position, on venues that say so.

    Both values may be their texts in any case.

    Raises:
        TypeError: a value is of another class, or a text that names none.
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_position_effect_", "_position_side_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("ExecutionReportPositionImpact")
    _ABSENT: ClassVar[Mapping[str, object]] = {"_position_effect_": None, "_position_side_": None}

    _position_effect_: PositionEffect | None
    _position_side_: PositionSide | None

    def __init__(
        self,
        *,
        position_effect: PositionEffect | None = None,
        position_side: PositionSide | None = None,
    ) -> None:
        store(self, "_position_effect_", choices.position_effect(position_effect))
        store(self, "_position_side_", choices.position_side(position_side))

    @property
    def position_effect(self) -> PositionEffect | None:
        """Whether the fill opened or closed a position."""
        return self._position_effect_

    @property
    def position_side(self) -> PositionSide | None:
        """The side of the position that the fill changed."""
        return self._position_side_

    def __repr__(self) -> str:
        return (
            "ExecutionReportPositionImpact("
            f"position_effect={optional_member(self._position_effect_)}, "
            f"position_side={optional_member(self._position_side_)})"
        )


class ExecutionReport:
    """What happened to an order at its venue; any group may be absent.

    Policies get this very object, subclass and extra attributes included.

    Raises:
        TypeError: a group is of another class.
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_account_",
        "_fill_",
        "_financial_impact_",
        "_impact_fee_",
        "_operation_",
        "_pnl_",
        "_position_impact_",
        "_settlement_",
        "_side_",
        "_underlying_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("ExecutionReport")

    _account_: int | None
    _fill_: ExecutionReportFillDetails | None
    _financial_impact_: FinancialImpact | None
    _impact_fee_: Decimal | None
    _operation_: ExecutionReportOperation | None
    _pnl_: Decimal | None
    _position_impact_: ExecutionReportPositionImpact | None
    _settlement_: str | None
    _side_: Side | None
    _underlying_: str | None

    def __init__(
        self,
        *,
        operation: ExecutionReportOperation | None = None,
        financial_impact: FinancialImpact | None = None,
        fill: ExecutionReportFillDetails | None = None,
        position_impact: ExecutionReportPositionImpact | None = None,
    ) -> None:
        try:
            self._operation_ = operation
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(
                self,
                ExecutionReport,
                operation=operation,
                financial_impact=financial_impact,
                fill=fill,
                position_impact=position_impact,
            )
            return
        if type(operation) is ExecutionReportOperation:
            try:
                self._underlying_ = operation._underlying_
                self._settlement_ = operation._settlement_
                self._account_ = operation._account_
                self._side_ = operation._side_
            except AttributeError:
                _capture_operation(self, operation)
        else:
            _capture_operation(self, operation)

        if financial_impact is None:
            self._pnl_ = self._impact_fee_ = None
        elif type(financial_impact) is FinancialImpact or is_of(financial_impact, FinancialImpact):
            self._pnl_ = financial_impact._pnl_
            self._impact_fee_ = financial_impact._fee_
        else:
            raise TypeError("financial_impact must be openpit.core.FinancialImpact")
        self._financial_impact_ = financial_impact

        if (
            fill is not None
            and type(fill) is not ExecutionReportFillDetails
            and not is_of(fill, ExecutionReportFillDetails)
        ):
            raise TypeError("fill must be openpit.core.ExecutionReportFillDetails")
        self._fill_ = fill
        if position_impact is not None and not isinstance(
            position_impact, ExecutionReportPositionImpact
        ):
            raise TypeError("position_impact must be openpit.core.ExecutionReportPositionImpact")
        self._position_impact_ = position_impact

    @classmethod
    def _of(
        cls,
        underlying: str | None,
        settlement: str | None,
        account: int | None,
        side: Side | None,
        pnl: Decimal | None,
        fee: Decimal | None,
        fill: ExecutionReportFillDetails | None,
        position_impact: ExecutionReportPositionImpact | None,
    ) -> Self:
        """Return a report of known-good values.

        Its operation and its financial impact are made when they are asked for.
        """
        self = object.__new__(cls)
        self._underlying_ = underlying
        self._settlement_ = settlement
        self._account_ = account
        self._side_ = side
        self._pnl_ = pnl
        self._impact_fee_ = fee
        self._fill_ = fill
        self._position_impact_ = position_impact
        return self

    @property
    def operation(self) -> ExecutionReportOperation | None:
        """Which order the report is about."""
        try:
            return self._operation_
        except AttributeError:
            ensure_captured(self)
            operation = _operation_of(self)
            store(self, "_operation_", operation)
            return operation

    @property
    def financial_impact(self) -> FinancialImpact | None:
        """What the report changed in money."""
        try:
            return self._financial_impact_
        except AttributeError:
            ensure_captured(self)
            pnl, fee = self._pnl_, self._impact_fee_
            impact = None if pnl is None or fee is None else FinancialImpact._of(pnl, fee)
            store(self, "_financial_impact_", impact)
            return impact

    @property
    def fill(self) -> ExecutionReportFillDetails | None:
        """What was filled, and what is left."""
        return getattr(self, "_fill_", None)

    @property
    def position_impact(self) -> ExecutionReportPositionImpact | None:
        """What the report did to a position."""
        return getattr(self, "_position_impact_", None)

    def __repr__(self) -> str:
        operation = impact = fill = position = None
        if self.operation is not None:
            operation = _operation_text(
                self._underlying_, self._settlement_, self._account_, self._side_
            )
        if self._pnl_ is not None and self._impact_fee_ is not None:
            impact = _impact_text(self._pnl_, self._impact_fee_)
        if self.fill is not None:
            fill = ExecutionReportFillDetails.__repr__(self.fill)
        if self.position_impact is not None:
            position = ExecutionReportPositionImpact.__repr__(self.position_impact)
        return (
            f"ExecutionReport(operation={optional(operation)}, "
            f"financial_impact={optional(impact)}, fill={optional(fill)}, "
            f"position_impact={optional(position)})"
        )


def _capture_operation(report: ExecutionReport, operation: ExecutionReportOperation | None) -> None:
    """Capture an absent operation, one of a subclass, or one that was never filled in."""
    if operation is not None and not is_of(operation, ExecutionReportOperation):
        raise TypeError("operation must be openpit.core.ExecutionReportOperation")
    report._underlying_ = getattr(operation, "_underlying_", None)
    report._settlement_ = getattr(operation, "_settlement_", None)
    report._account_ = getattr(operation, "_account_", None)
    report._side_ = getattr(operation, "_side_", None)


def ensure_captured(report: ExecutionReport) -> None:
    """Make every group absent in a report whose subclass did not call its constructor."""
    if not hasattr(report, "_underlying_"):
        fill_like(report, ExecutionReport())


def _operation_of(report: ExecutionReport) -> ExecutionReportOperation | None:
    """Return an operation of the values of a report that was made without one."""
    values = (report._underlying_, report._settlement_, report._account_, report._side_)
    if values == (None, None, None, None):
        return None
    operation = object.__new__(ExecutionReportOperation)
    (
        operation._underlying_,
        operation._settlement_,
        operation._account_,
        operation._side_,
    ) = values
    if report._underlying_ is not None and report._settlement_ is not None:
        operation._instrument_ = new_instrument(report._underlying_, report._settlement_)
    return operation


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_execution_report = ExecutionReport._of
