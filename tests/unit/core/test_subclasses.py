"""Programs derive from orders, reports, adjustments and their groups, with attributes of their own.

None of those may take the place of what the engine reads.
"""

from __future__ import annotations

import pytest

import openpit
from openpit import account_adjustment, core, param, pretrade
from openpit.pretrade import policies

AAPL = core.Instrument("AAPL", "USD")
FIVE = param.AccountId.from_int(5)

DERIVABLE = (
    account_adjustment.AccountPnlOperation,
    account_adjustment.Adjustment,
    account_adjustment.Amount,
    account_adjustment.BalanceOperation,
    account_adjustment.Bounds,
    account_adjustment.PositionOperation,
    core.ExecutionReport,
    core.ExecutionReportFillDetails,
    core.ExecutionReportOperation,
    core.ExecutionReportPositionImpact,
    core.FinancialImpact,
    core.Instrument,
    core.Order,
    core.OrderMargin,
    core.OrderOperation,
    core.OrderPosition,
    param.AdjustmentAmount,
    param.Trade,
    param.TradeAmount,
    pretrade.Lock,
)


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


def test_attributes_of_a_subclass_do_not_reach_the_checks():
    at_most_two = policies.OrderSizeLimit(max_quantity=2)
    engine = (
        openpit.Engine.builder()
        .no_sync()
        .builtin(
            policies.build_order_size_limit().broker_barrier(
                policies.OrderSizeBrokerBarrier(at_most_two)
            )
        )
        .build()
    )

    (reject,) = engine.execute_pre_trade(order=Ticket("desk 7", 1, 185.5)).rejects

    assert reject.code == "OrderQtyExceedsLimit"
    assert reject.details == "requested 3, max allowed: 2"


def test_a_subclass_reads_back_what_it_kept():
    ticket = Ticket("desk 7", 1, 185.5)

    assert (ticket._account, ticket._quantity, ticket._price) == ("desk 7", 1, 185.5)
    assert ticket.operation.account_id == FIVE
    assert ticket.operation.price == param.Price("185.50")


def test_a_subclass_may_keep_its_own_before_it_calls_the_constructor():
    class Early(core.OrderOperation):
        def __init__(self, side):
            self._side = side
            super().__init__(instrument=AAPL, side="sell", trade_amount=None, account_id=FIVE)

    early = Early("short")

    assert early._side == "short"
    assert early.side is param.Side.SELL


def test_a_method_of_a_subclass_may_have_any_private_name():
    class Quoted(core.Order):
        @property
        def _price(self):
            return "at the touch"

    order = Quoted(operation=an_operation())

    assert order._price == "at the touch"
    assert order.operation.price == param.Price("185.50")


@pytest.mark.parametrize("derivable", DERIVABLE, ids=lambda kind: kind.__name__)
def test_stored_names_end_in_an_underscore(derivable):
    stored = set(derivable.__slots__) - {"__dict__", "__weakref__"}

    assert stored
    assert {name for name in stored if not name.endswith("_")} == set()
