"""Mocks and proxies claim to be orders, reports or ids. Nothing is decided by what they hold."""

from __future__ import annotations

import weakref
from unittest.mock import Mock

import pytest

import openpit
from openpit import account_adjustment, core, param, pretrade
from openpit.pretrade import policies

AAPL = core.Instrument("AAPL", "USD")
FIVE = param.AccountId.from_int(5)


@pytest.fixture
def engine():
    return openpit.Engine.builder().no_sync().builtin(policies.build_order_validation()).build()


def test_an_order(engine):
    order = core.Order()

    for stand_in in (Mock(spec=core.Order), weakref.proxy(order)):
        assert isinstance(stand_in, core.Order)
        with pytest.raises(TypeError, match=r"^order must inherit from openpit.Order$"):
            engine.execute_pre_trade(order=stand_in)
        with pytest.raises(TypeError, match=r"^order must inherit from openpit.Order$"):
            engine.start_pre_trade(order=stand_in)
        with pytest.raises(ExceptionGroup):
            engine.execute_pre_trade_many([stand_in])


def test_a_report(engine):
    with pytest.raises(TypeError, match=r"^report must inherit from openpit.ExecutionReport$"):
        engine.apply_execution_report(report=Mock(spec=core.ExecutionReport))


def test_an_adjustment_and_its_account(engine):
    with pytest.raises(TypeError, match=r"^adjustment must inherit from openpit.AccountAdjustment"):
        engine.apply_account_adjustment(FIVE, [Mock(spec=account_adjustment.Adjustment)])
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        engine.apply_account_adjustment(Mock(spec=param.AccountId), [])
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        engine.accounts().block(Mock(spec=param.AccountId), "by hand")


def test_the_groups_of_an_order():
    for group in ("operation", "position", "margin"):
        kind = getattr(core, f"Order{group.title()}")
        with pytest.raises(TypeError, match=rf"^{group} must be openpit.core.{kind.__name__}$"):
            core.Order(**{group: Mock(spec=kind)})


@pytest.mark.parametrize(
    "wrong",
    [
        {"instrument": Mock(spec=core.Instrument)},
        {"side": Mock(spec=param.Side)},
        {"trade_amount": Mock(spec=param.TradeAmount)},
        {"account_id": Mock(spec=param.AccountId)},
        {"price": Mock(spec=param.Price)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_parts_of_an_operation(wrong):
    sound = {"instrument": AAPL, "side": "buy", "trade_amount": None, "account_id": FIVE}

    with pytest.raises((TypeError, ValueError), match="must be"):
        core.OrderOperation(**{**sound, **wrong})


def test_a_value():
    with pytest.raises(ValueError, match=r"^Price must be a Decimal, str, int, or float$"):
        param.Price(Mock(spec=param.Price))
    assert param.Price(1) != Mock(spec=param.Price)


def test_a_lock():
    with pytest.raises(TypeError, match=r"^entries must be an iterable of"):
        pretrade.Lock(Mock(spec=pretrade.Lock))
    with pytest.raises(TypeError, match=r"is not an instance of 'Lock'$"):
        core.ExecutionReportFillDetails(lock=Mock(spec=pretrade.Lock))
