"""What programs submit to the engine: instruments, orders, execution reports, adjustments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core.contexts import AccountAdjustmentContext, AccountControl
from openpit.core.instrument import Instrument
from openpit.core.mutation import Mutation as Mutation
from openpit.core.order import Order, OrderOperation
from openpit.core.order_terms import OrderMargin, OrderPosition
from openpit.core.report import (
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    ExecutionReportPositionImpact,
    FinancialImpact,
)
from openpit.param.enums import SettlementUnit
from openpit.param.ids import InstrumentId

if TYPE_CHECKING:
    from openpit.account_adjustment import (
        AccountPnlOperation as AccountAdjustmentAccountPnlOperation,
    )
    from openpit.account_adjustment import Adjustment as AccountAdjustment
    from openpit.account_adjustment import Amount as AccountAdjustmentAmount
    from openpit.account_adjustment import BalanceOperation as AccountAdjustmentBalanceOperation
    from openpit.account_adjustment import Bounds as AccountAdjustmentBounds
    from openpit.account_adjustment import (
        PositionOperation as AccountAdjustmentPositionOperation,
    )
    from openpit.reference_book import (
        ReferenceBook,
        ReferenceBookRegistrationError,
        SettlementLag,
        SettlementScheme,
        UnknownReferenceBookInstrumentId,
    )

__all__ = [
    "AccountAdjustment",
    "AccountAdjustmentAccountPnlOperation",
    "AccountAdjustmentAmount",
    "AccountAdjustmentBalanceOperation",
    "AccountAdjustmentBounds",
    "AccountAdjustmentContext",
    "AccountAdjustmentPositionOperation",
    "AccountControl",
    "ExecutionReport",
    "ExecutionReportFillDetails",
    "ExecutionReportOperation",
    "ExecutionReportPositionImpact",
    "FinancialImpact",
    "Instrument",
    "InstrumentId",
    "Order",
    "OrderMargin",
    "OrderOperation",
    "OrderPosition",
    "ReferenceBook",
    "ReferenceBookRegistrationError",
    "SettlementLag",
    "SettlementScheme",
    "SettlementUnit",
    "UnknownReferenceBookInstrumentId",
]

# Names of modules that build on this package; they are looked up when they are first asked for.
_LATER = {
    "AccountAdjustment": ("openpit.account_adjustment", "Adjustment"),
    "AccountAdjustmentAccountPnlOperation": ("openpit.account_adjustment", "AccountPnlOperation"),
    "AccountAdjustmentAmount": ("openpit.account_adjustment", "Amount"),
    "AccountAdjustmentBalanceOperation": ("openpit.account_adjustment", "BalanceOperation"),
    "AccountAdjustmentBounds": ("openpit.account_adjustment", "Bounds"),
    "AccountAdjustmentPositionOperation": ("openpit.account_adjustment", "PositionOperation"),
    "ReferenceBook": ("openpit.reference_book", "ReferenceBook"),
    "ReferenceBookRegistrationError": (
        "openpit.reference_book",
        "ReferenceBookRegistrationError",
    ),
    "SettlementLag": ("openpit.reference_book", "SettlementLag"),
    "SettlementScheme": ("openpit.reference_book", "SettlementScheme"),
    "UnknownReferenceBookInstrumentId": (
        "openpit.reference_book",
        "UnknownReferenceBookInstrumentId",
    ),
}


if not TYPE_CHECKING:  # to a type checker a name that is not here stays an error

    def __getattr__(name: str) -> object:
        source = _LATER.get(name)
        if source is None:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        from importlib import import_module  # noqa: PLC0415 - needed only where a later name is used

        found = getattr(import_module(source[0]), source[1])
        globals()[name] = found
        return found
