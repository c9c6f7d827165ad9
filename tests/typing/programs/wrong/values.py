"""Values of classes that do not mix, and constructors that do not take them."""

from __future__ import annotations

import openpit
from openpit.marketdata import InstrumentId, MarketDataService, Quote
from openpit.param import (
    AccountGroupId,
    AccountId,
    AdjustmentAmount,
    Leverage,
    Pnl,
    Price,
    Quantity,
    Side,
    TradeAmount,
    Volume,
)
from openpit.pretrade import Lock


def constructors() -> None:
    Price(None)  # error: arg-type reportArgumentType
    Price([1])  # error: arg-type reportArgumentType
    Price(Quantity(1))  # error: arg-type reportArgumentType
    Quantity(b"1")  # error: arg-type reportArgumentType
    Volume()  # error: call-arg reportCallIssue
    AccountId(7)  # error: arg-type reportArgumentType
    AccountId.from_int("7")  # error: arg-type reportArgumentType
    AccountId.from_string(7)  # error: arg-type reportArgumentType
    AccountGroupId.from_int("3")  # error: arg-type reportArgumentType
    TradeAmount(100)  # error: arg-type reportArgumentType
    TradeAmount.quantity(Price(1))  # error: arg-type reportArgumentType
    AdjustmentAmount.delta(None)  # error: arg-type reportArgumentType
    Leverage("ten")  # error: arg-type reportArgumentType
    Quote(mark=[1])  # error: arg-type reportArgumentType
    InstrumentId("AAPL")  # error: arg-type reportArgumentType
    openpit.Instrument("AAPL")  # error: call-arg reportCallIssue
    openpit.Instrument(1, "USD")  # error: arg-type reportArgumentType


def arithmetic() -> None:
    Price(1) + Quantity(1)  # error: operator reportOperatorIssue
    Price(1) < Volume(1)  # error: operator reportOperatorIssue
    Price(1) + "1"  # error: operator reportOperatorIssue
    Lock() < Lock()  # error: operator reportOperatorIssue
    Price(1).to_volume()  # error: attr-defined reportAttributeAccessIssue
    print(Price(1).value)  # error: attr-defined reportAttributeAccessIssue


def orders(amount: TradeAmount, account: AccountId) -> None:
    instrument = openpit.Instrument("AAPL", "USD")
    openpit.Order(instrument)  # error: arg-type call-arg reportCallIssue
    openpit.Order(operation=instrument)  # error: arg-type reportArgumentType
    openpit.Order(quantity=5)  # error: call-arg reportCallIssue
    openpit.OrderOperation(instrument=instrument, side=Side.BUY, trade_amount=100, account_id=account)  # error: arg-type reportArgumentType
    openpit.OrderOperation(instrument="AAPL", side=Side.BUY, trade_amount=amount, account_id=account)  # error: arg-type reportArgumentType
    openpit.OrderOperation(instrument=instrument, side=Side.BUY, trade_amount=amount, account_id=7)  # error: arg-type reportArgumentType
    openpit.OrderOperation(instrument=instrument, side=Side.BOUGHT, trade_amount=amount, account_id=account)  # error: attr-defined reportAttributeAccessIssue
    openpit.OrderOperation(instrument=instrument, trade_amount=amount, account_id=account)  # error: call-arg reportCallIssue
    openpit.ExecutionReportFillDetails(is_final=True)  # error: call-arg reportCallIssue
    openpit.AccountAdjustment(operation=openpit.AccountAdjustmentAmount())  # error: arg-type reportArgumentType


def calls(engine: openpit.Engine, market: MarketDataService, order: openpit.Order) -> None:
    engine.execute_pre_trade()  # error: call-arg reportCallIssue
    engine.execute_pre_trade("buy")  # error: arg-type reportArgumentType
    engine.execute_pre_trade(openpit.ExecutionReport())  # error: arg-type reportArgumentType
    engine.apply_execution_report(order)  # error: arg-type reportArgumentType
    engine.apply_account_adjustment(7, [])  # error: arg-type reportArgumentType
    engine.apply_account_adjustment(AccountId.from_int(7), openpit.AccountAdjustment())  # error: arg-type reportArgumentType
    engine.accounts().block(AccountId.from_int(7))  # error: call-arg reportCallIssue
    engine.accounts().block("7", "reason")  # error: arg-type reportArgumentType
    engine.accounts().register_group(AccountId.from_int(7), 3)  # error: arg-type reportArgumentType
    engine.configure().rate_limit("RateLimitPolicy", brokers=None)  # error: call-arg reportCallIssue
    engine.configure().rate_limit("RateLimitPolicy", broker=5)  # error: arg-type reportArgumentType
    engine.configure().set_account_pnl("P", account=7, settlement_asset="USD", pnl=Pnl(1))  # error: arg-type reportArgumentType
    engine.shard_of(AccountId.from_int(7))  # error: attr-defined reportAttributeAccessIssue
    market.push(1, Quote())  # error: arg-type call-arg reportCallIssue
    market.register("AAPL")  # error: arg-type reportArgumentType
    print(market.resolve(openpit.Instrument("AAPL", "USD")).value)  # error: union-attr reportOptionalMemberAccess


def errors(
    down: openpit.ShardDown,
    closed: openpit.EngineClosed,
    configure: openpit.PolicyConfigureError,
    unknown: openpit.errors.RegistrationError,
    picture: openpit.ShardStats,
) -> None:
    number: str = down.shard  # error: assignment reportAssignmentType
    print(number, closed.shard, configure.code, picture.shards)  # error: attr-defined reportAttributeAccessIssue
    print(unknown.instrument.underlying_asset)  # error: union-attr reportOptionalMemberAccess
    raise openpit.errors.AllIsWell  # error: attr-defined reportAttributeAccessIssue


def names(engine: openpit.Enigne) -> None:  # error: name-defined reportAttributeAccessIssue
    openpit.core.Ordre()  # error: attr-defined reportAttributeAccessIssue
    openpit.ShardDwon("down", 1)  # error: attr-defined reportAttributeAccessIssue
    print(engine)
