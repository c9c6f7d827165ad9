"""Classes of users that derive from the package's own, for many tests.

An engine on shards tells its workers of all such classes that are loaded, and they import the
modules: so those stand here, where nothing is imported but the package.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from custom_policies import Marked

from openpit import core, param

AAPL = core.Instrument("AAPL", "USD")
FIVE = param.AccountId.from_int(5)


def an_operation():
    return core.OrderOperation(
        instrument=AAPL,
        side="buy",
        trade_amount=param.TradeAmount.quantity(3),
        account_id=FIVE,
        price="185.50",
    )


class Ticket(core.Order):
    """As desks write them: the constructor's arguments kept under private names."""

    def __init__(self, account, quantity, price):
        super().__init__(operation=an_operation())
        self._account = account
        self._quantity = quantity
        self._price = price


@dataclasses.dataclass(frozen=True)
class Instruction(core.Order):
    """A frozen order, as programs write them that pass orders around."""

    desk: str

    def __post_init__(self):
        super().__init__(operation=an_operation(), position=core.OrderPosition(reduce_only=True))


@dataclasses.dataclass(frozen=True)
class Empty(core.Order):
    desk: str


@dataclasses.dataclass(frozen=True)
class Confirmation(core.ExecutionReport):
    desk: str

    def __post_init__(self):
        super().__init__(
            operation=core.ExecutionReportOperation(instrument=AAPL, side="sell", account_id=FIVE),
            financial_impact=core.FinancialImpact(pnl=-3, fee=1),
        )


class SilentReportOperation(core.ExecutionReportOperation):
    def __init__(self):
        pass


class SilentReport(core.ExecutionReport):
    def __init__(self, tag):
        self.tag = tag


class SilentOrderOperation(core.OrderOperation):
    def __init__(self):
        pass


class SilentOrder(core.Order):
    def __init__(self, tag):
        self.tag = tag


class Unfilled(core.OrderMargin):
    def __init__(self):
        pass


class Slotted(Marked):
    __slots__ = ("once",)


class Bare(core.Order):
    def __init__(self) -> None:
        """Skip what an order needs: every group counts as absent then."""


class OneSlot(Marked):
    __slots__ = "alone"  # noqa: PLC0205 - as a user may write it


class Private(core.Order):
    __slots__ = ("__hidden",)

    def __init__(self, hidden: int, **groups: Any) -> None:
        super().__init__(**groups)
        self.__hidden = hidden

    def shown(self) -> int:
        return self.__hidden


class Desk(core.OrderOperation):
    """An operation as a user may name it."""


class Listed(core.Instrument):
    """An instrument as a user may name it."""
