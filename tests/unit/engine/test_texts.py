"""Texts that UTF-8 cannot hold are refused where they are given, before anything is done.

An unpaired surrogate could not travel to a shard, nor back from one.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

import openpit
from openpit import param, pretrade
from openpit.pretrade import policies

HALF_A_PAIR = "a\ud800"
FIVE = param.AccountId.from_int(5)
GROUP = param.AccountGroupId.from_int(3)


class Named(pretrade.Policy):
    def __init__(self, name):
        self._name = name

    @property
    def name(self):
        return self._name


@pytest.fixture
def engine():
    limit = policies.RateLimit(max_orders=5, window=timedelta(seconds=1))
    rates = policies.build_rate_limit().broker_barrier(policies.RateLimitBrokerBarrier(limit))
    return openpit.Engine.builder().no_sync().builtin(rates).build()


def test_the_name_of_a_policy():
    stage = openpit.Engine.builder().no_sync()

    with pytest.raises(ValueError, match=r"^policy.name must be a string$"):
        stage.pre_trade(policy=Named(HALF_A_PAIR))


def test_a_name_of_a_kind_of_text_is_kept_as_it_reads():
    class Shouting(str):
        __slots__ = ()

        def __str__(self):
            return self.upper()

    class Refusing(Named):
        def check_pre_trade_start(self, _ctx, _order):
            return [pretrade.PolicyReject(code="Other", reason="no", details="never")]

    engine = openpit.Engine.builder().no_sync().pre_trade(policy=Refusing(Shouting("p"))).build()

    (reject,) = engine.execute_pre_trade(order=openpit.Order()).rejects
    assert reject.policy == "p"
    assert type(reject.policy) is str


def test_the_currency_of_an_account_and_of_a_group(engine):
    accounts = engine.accounts()

    with pytest.raises(TypeError, match=r"^asset must be a str$"):
        accounts.set_currency(FIVE, HALF_A_PAIR)
    with pytest.raises(TypeError, match=r"^asset must be a str$"):
        accounts.set_group_currency(GROUP, HALF_A_PAIR)


def test_the_reason_of_a_block(engine):
    accounts = engine.accounts()

    with pytest.raises(UnicodeEncodeError):
        accounts.block(FIVE, HALF_A_PAIR)
    with pytest.raises(UnicodeEncodeError):
        accounts.block_group(GROUP, HALF_A_PAIR)

    operation = openpit.OrderOperation(
        instrument=openpit.Instrument("AAPL", "USD"),
        side="buy",
        trade_amount=param.TradeAmount.quantity(1),
        account_id=FIVE,
    )
    assert engine.execute_pre_trade(order=openpit.Order(operation=operation)).ok


def test_the_name_and_the_assets_of_settings(engine):
    configure = engine.configure()
    limit = policies.RateLimit(max_orders=5, window=timedelta(seconds=1))

    with pytest.raises(UnicodeEncodeError):
        configure.rate_limit(HALF_A_PAIR)
    with pytest.raises(TypeError, match=r"^asset must be a str$"):
        configure.rate_limit(
            "RateLimitPolicy", asset_barriers=[policies.RateLimitAssetBarrier(limit, HALF_A_PAIR)]
        )


def test_a_separator_that_is_not_blank_is_an_asset(engine):
    engine.accounts().set_currency(FIVE, "\x1c")
    engine.configure().rate_limit(
        "RateLimitPolicy",
        asset_barriers=[
            policies.RateLimitAssetBarrier(
                policies.RateLimit(max_orders=1, window=timedelta(seconds=1)), "\x1c"
            )
        ],
    )

    instrument = openpit.Instrument("AAPL", "\x1c")
    operation = openpit.OrderOperation(
        instrument=instrument,
        side="buy",
        trade_amount=param.TradeAmount.quantity(1),
        account_id=FIVE,
    )
    decided = [engine.execute_pre_trade(order=openpit.Order(operation=operation)).ok for _ in "12"]
    assert decided == [True, False]


@pytest.mark.parametrize("kind", [param.Price, param.Quantity])
def test_a_number(kind):
    with pytest.raises(ValueError, match=r"must be a Decimal, str, int, or float$"):
        kind("1\ud800")
    with pytest.raises(UnicodeEncodeError):
        kind.from_string("1\ud800")
    with pytest.raises(UnicodeEncodeError):
        kind.from_string_rounded("1\ud800", 2, "Up")
    with pytest.raises(UnicodeEncodeError):
        kind.from_string_rounded("1", 2, HALF_A_PAIR)
