"""Programs derive from orders, reports, adjustments and their groups, with attributes of their own.

None of those may take the place of what the engine reads.
"""

from __future__ import annotations

import msgpack
import pytest
from users_classes import Confirmation, Empty, Instruction, Ticket, an_operation

import openpit
from openpit import account_adjustment, core, param, pretrade
from openpit.pretrade import policies
from openpit.wire.values import decode, encode

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


def locked(base):
    """A class that refuses every attribute."""

    def refuse(_self, name, _value):
        raise RuntimeError(name)

    return type(f"Locked{base.__name__}", (base,), {"__setattr__": refuse})


LOCKED = (
    (account_adjustment.AccountPnlOperation, {"state": 5}),
    (account_adjustment.Adjustment, {"amount": account_adjustment.Amount()}),
    (account_adjustment.Amount, {"held": param.AdjustmentAmount.delta(1)}),
    (account_adjustment.BalanceOperation, {"asset": "USD", "realized_pnl": -1}),
    (account_adjustment.Bounds, {"balance_lower": 0}),
    (
        account_adjustment.PositionOperation,
        {
            "instrument": AAPL,
            "collateral_asset": "USD",
            "average_entry_price": 2,
            "mode": "netting",
            "leverage": 3,
        },
    ),
    (core.ExecutionReport, {"financial_impact": core.FinancialImpact(pnl=1, fee=2)}),
    (core.ExecutionReportFillDetails, {"lock": pretrade.Lock([(0, 1)]), "is_final": True}),
    (core.ExecutionReportOperation, {"instrument": AAPL, "side": "buy", "account_id": FIVE}),
    (core.ExecutionReportPositionImpact, {"position_effect": "OPEN"}),
    (core.FinancialImpact, {"pnl": 1, "fee": 2}),
    (core.Order, {"operation": an_operation()}),
    (core.OrderMargin, {"leverage": 2}),
    (
        core.OrderOperation,
        {"instrument": AAPL, "side": "buy", "trade_amount": None, "account_id": FIVE, "price": 7},
    ),
    (core.OrderPosition, {"close_position": True}),
    (param.AdjustmentAmount, {"other": param.AdjustmentAmount.delta(1)}),
    (param.Trade, {"price": param.Price(2), "quantity": param.Quantity(3)}),
    (param.TradeAmount, {"other": param.TradeAmount.volume(4)}),
)


@pytest.mark.parametrize(
    ("base", "arguments"), LOCKED, ids=lambda item: getattr(item, "__name__", "")
)
def test_a_class_that_guards_its_attributes_is_filled_all_the_same(base, arguments):
    assert repr(locked(base)(**arguments)) == repr(base(**arguments))


def test_a_wrong_argument_of_such_a_class_is_told_as_of_any_other():
    with pytest.raises(TypeError, match=r"^operation must be openpit.core.OrderOperation$") as info:
        locked(core.Order)(operation=5)

    assert info.value.__suppress_context__


def test_a_frozen_order_is_checked_like_any_other():
    seen = []

    class Watch(pretrade.Policy):
        name = "Watch"

        def perform_pre_trade_check(self, _ctx, order):
            seen.append(order)
            return pretrade.PolicyPreTradeResult.accept()

    engine = (
        openpit.Engine.builder()
        .no_sync()
        .builtin(policies.build_order_validation())
        .pre_trade(policy=Watch())
        .build()
    )
    instruction = Instruction("rates")

    assert engine.execute_pre_trade(order=instruction).ok
    assert seen == [instruction]
    assert seen[0].operation.price == param.Price("185.50")
    assert seen[0].position.reduce_only is True


def test_a_frozen_order_that_was_never_filled_is_refused_for_what_it_lacks():
    engine = openpit.Engine.builder().no_sync().builtin(policies.build_order_validation()).build()

    (reject,) = engine.execute_pre_trade(order=Empty("rates")).rejects

    assert reject.code == "MissingRequiredField"


def test_a_frozen_order_arrives_in_its_shard_with_its_operation():
    arrived = decode(msgpack.unpackb(msgpack.packb(encode(Instruction("rates"))), use_list=False))

    assert type(arrived) is Instruction
    assert arrived.desk == "rates"
    assert arrived.operation.instrument == AAPL


def test_a_frozen_report_arrives_in_its_shard_with_its_groups():
    arrived = decode(msgpack.unpackb(msgpack.packb(encode(Confirmation("fx"))), use_list=False))

    assert arrived.operation.side is param.Side.SELL
    assert arrived.financial_impact.pnl == param.Pnl(-3)
