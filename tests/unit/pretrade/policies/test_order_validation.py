"""An order must ask for something."""

from __future__ import annotations

import pytest
from makers import account, engine_with, order, reject_fields

import openpit
from openpit.param import Price, Side
from openpit.pretrade import policies


@pytest.fixture
def engine() -> openpit.Engine:
    return engine_with(policies.build_order_validation())


def test_an_order_without_amount_is_rejected(engine: openpit.Engine) -> None:
    expected = [
        (
            "MissingRequiredField",
            "failed to access required field 'trade amount'",
            "failed to access field 'operation.trade_amount'",
            "OrderValidationPolicy",
            "order",
        )
    ]

    assert reject_fields(engine.execute_pre_trade(order(quantity=None))) == expected
    assert reject_fields(engine.execute_pre_trade(openpit.Order())) == expected


@pytest.mark.parametrize("zero", ["0", "0.00"])
@pytest.mark.parametrize("amount", ["quantity", "volume"])
def test_an_order_for_nothing_is_rejected(engine: openpit.Engine, amount: str, zero: str) -> None:
    assert reject_fields(engine.execute_pre_trade(order(**{amount: zero}))) == [
        (
            "InvalidFieldValue",
            f"order {amount} must be non-zero",
            f"requested {amount} 0 is not allowed",
            "OrderValidationPolicy",
            "order",
        )
    ]


@pytest.mark.parametrize(
    "passing",
    [
        order(quantity="0.0000001"),
        order(volume="0.01"),
        order(price="0"),
        order(price="-37.63"),
        order(price=None),
        order(None),
        order(instrument=("USD", "USD")),
        openpit.Order(
            operation=openpit.OrderOperation(
                instrument=openpit.Instrument("AAPL", "USD"),
                account_id=account(1),
                side=Side.SELL,
                trade_amount=openpit.param.TradeAmount.quantity("1"),
                price=Price("1"),
            )
        ),
    ],
    ids=["dust", "volume", "free", "negative price", "market", "nobody", "itself", "sell"],
)
def test_nothing_else_of_an_order_matters(engine: openpit.Engine, passing: openpit.Order) -> None:
    assert engine.execute_pre_trade(passing)
    assert engine.execute_pre_trade_dry_run(passing)


def test_a_dry_run_says_the_same_and_a_drop_copy_nothing(engine: openpit.Engine) -> None:
    empty = order(quantity="0")

    assert reject_fields(engine.start_pre_trade_dry_run(empty)) == reject_fields(
        engine.start_pre_trade(empty)
    )
    assert engine.apply_drop_copy(empty)


def test_it_blocks_nobody(engine: openpit.Engine) -> None:
    engine.execute_pre_trade(order(quantity="0"))

    assert engine.execute_pre_trade(order())
