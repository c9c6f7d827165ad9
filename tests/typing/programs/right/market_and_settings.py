"""Market data, settings, accounts, a clock of the program's own and typed errors."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import openpit
from openpit.marketdata import InstrumentId, Quote, QuoteTtl
from openpit.param import AccountGroupId, AccountId, Price
from openpit.pretrade import policies

AAPL = openpit.Instrument("AAPL", "USD")
ACCOUNT = AccountId.from_int(7)


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def on_shard_down(picture: openpit.ShardStats) -> None:
    print(picture.shard, picture.why)


def main() -> None:
    clock = Clock()
    stage = openpit.Engine.builder().clock(clock).full_sync()
    market = stage.market_data(QuoteTtl.within(timedelta(seconds=5))).build()
    number: InstrumentId = market.register(AAPL)
    market.push(number, Quote(mark="185.5", bid=Decimal(185), ask=186), timedelta(0))
    funds = policies.build_spot_funds().market_data(market, 100)
    rates = policies.build_rate_limit().broker_barrier(
        policies.RateLimitBrokerBarrier(policies.RateLimit(100, timedelta(seconds=1)))
    )
    engine = stage.builtin(funds).builtin(rates).build()

    try:
        market.register(AAPL)
    except openpit.errors.AlreadyRegistered as error:
        instrument: openpit.Instrument = error.instrument
        assert instrument.underlying_asset == "AAPL"
    assert market.resolve(openpit.Instrument("MSFT", "USD")) is None

    engine.configure().rate_limit(
        "RateLimitPolicy",
        broker=policies.RateLimitBrokerBarrier(policies.RateLimit(5, timedelta(seconds=1))),
        asset_barriers=[],
    )
    try:
        engine.configure().rate_limit("nobody")
    except openpit.PolicyConfigureError as error:
        kind: openpit.ConfigureErrorKind = error.kind
        assert kind is openpit.ConfigureErrorKind.UNKNOWN

    accounts: openpit.Accounts = engine.accounts()
    accounts.register_group([ACCOUNT], AccountGroupId.from_int(3))
    group = accounts.group_of(ACCOUNT)
    assert group is not None
    assert group.value == 3
    try:
        accounts.replace_block_reason(ACCOUNT, "none yet")
    except openpit.AccountBlockError as error:
        print(error)

    price: Price = Price("10") + Price(Decimal("0.5"))
    assert price == Price(10.5)
    assert Price(10) < price

    options = openpit.Engine.builder().sharded(
        shards=2,
        timeout=5,
        max_wait=0.5,
        credits=100,
        start_timeout=30,
        on_shard_down=on_shard_down,
    )
    ready: openpit.ReadyEngineBuilder = options.builtin(policies.build_order_validation())
    assert isinstance(ready, openpit.ReadyEngineBuilder)


def lost(error: openpit.OutcomeUnknown | openpit.ShardDown | openpit.ShardOverloaded) -> int:
    return error.shard


if __name__ == "__main__":
    main()
