"""Orders against funds and position limits: what is reserved, what is refused and why."""

from __future__ import annotations

import pytest
from spot_account import LARGEST, Account, texts, why

from openpit import Engine, Order
from openpit.param import AccountGroupId, AccountId, Quantity
from openpit.pretrade import Policy
from openpit.pretrade.policies import (
    SpotFundsLimitMode,
    SpotFundsLimitModeAccountEntry,
    SpotFundsLimitModeAccountGroupEntry,
    SpotFundsPositionLimitEntry,
    build_spot_funds,
)

NAME = "SpotFundsPolicy"
MISSING = "MissingRequiredField"
VALUE_FAILED = "OrderValueCalculationFailed"
NO_QUANTITY = "price or volume could not be used to evaluate order quantity"


def limit(trader, asset, quantity):
    entry = SpotFundsPositionLimitEntry(trader.id, asset, quantity and Quantity(quantity))
    trader.engine.configure().spot_funds(NAME, position_limits=[entry])


def track_only(trader):
    mode = SpotFundsLimitMode.TRACK_ONLY
    trader.engine.configure().spot_funds(NAME, global_limit_mode=mode)


def drop_copy(trader, *args, **kwargs):
    return trader.engine.apply_drop_copy(trader.order(*args, **kwargs))


# --- required fields ----------------------------------------------------------------------------


def test_an_order_without_anything_lacks_its_instrument_first():
    result = Account().engine.execute_pre_trade(Order())
    assert why(result.rejects) == [
        (
            MISSING,
            "failed to access required field 'instrument'",
            "failed to access field 'operation.instrument'",
        )
    ]
    (reject,) = result.rejects
    assert (reject.policy, reject.scope, reject.user_data) == (NAME, "order", 0)


@pytest.mark.parametrize(
    ("lacking", "label", "path"),
    [
        ({"account": None, "side": None}, "account ID", "operation.account_id"),
        ({"side": None}, "side", "operation.side"),
        ({"side": "BUY"}, "trade amount", "operation.trade_amount"),
    ],
)
def test_a_missing_field_is_named_in_the_order_of_reading(lacking, label, path):
    result = Account().execute(price="1", **lacking)
    assert why(result.rejects) == [
        (MISSING, f"failed to access required field '{label}'", f"failed to access field '{path}'")
    ]


# --- funds --------------------------------------------------------------------------------------


def test_an_order_may_use_all_that_is_available_and_no_more():
    trader = Account(USD="100")
    result = trader.execute(quantity="101", price="1")
    assert why(result.rejects) == [
        ("InsufficientFunds", "spot funds insufficient", "asset USD: available 100, requested 101")
    ]
    trader.buy("100", "1").commit()
    assert trader.state("USD") == ("0", "100", "0")


def test_an_account_without_anything_has_zero_available():
    result = Account().execute("SELL", quantity="2", price="1")
    assert why(result.rejects)[0][2] == "asset AAPL: available 0, requested 2"


def test_what_is_held_below_zero_is_not_spendable():
    trader = Account(USD="100")
    trader.adjust(held="-10")
    result = trader.execute(quantity="91", price="1")
    assert why(result.rejects)[0][2] == "asset USD: available 90, requested 91"
    trader.buy("90", "1").commit()
    assert trader.state("USD") == ("10", "80", "0")


def test_a_sell_at_a_negative_price_has_to_pay_for_it():
    trader = Account(AAPL="5", USD="100")
    assert texts(trader.sell("4", "-20").account_adjustments) == [
        "AAPL: balance -4 -> 1, held 4 -> 4",
        "USD: balance -80 -> 20, held 80 -> 80",
    ]


def test_a_second_step_that_is_refused_takes_the_first_one_back():
    trader = Account(AAPL="5", USD="10")
    result = trader.execute("SELL", quantity="4", price="-20")
    assert why(result.rejects)[0][2] == "asset USD: available 10, requested 80"
    assert trader.state("AAPL") == ("5", "0", "0")


def test_a_buy_at_a_negative_price_holds_nothing():
    reservation = Account().buy("4", "-20")
    assert texts(reservation.account_adjustments) == ["AAPL: incoming 4 -> 4"]
    assert repr(reservation.lock) == "Lock([(0, -20)])"


def test_an_order_of_nothing_passes_with_its_lock_alone():
    reservation = Account().buy("0", "5")
    assert reservation.account_adjustments == []
    assert repr(reservation.lock) == "Lock([(0, 5)])"


def test_a_sell_for_a_volume_holds_the_quantity_that_it_comes_to():
    trader = Account(AAPL="5")
    result = trader.execute("SELL", volume="10", price="4")
    assert texts(result.reservation.account_adjustments) == [
        "AAPL: balance -2.50 -> 2.50, held 2.50 -> 2.50",
        "USD: incoming 10.00 -> 10.00",
    ]


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_volume_at_price_zero_has_no_quantity(side):
    result = Account().execute(side, volume="10", price="0")
    assert why(result.rejects) == [(VALUE_FAILED, "order value calculation failed", NO_QUANTITY)]


def test_a_volume_that_buys_too_much_has_no_quantity():
    result = Account().execute(volume=LARGEST, price="0.1")
    assert why(result.rejects) == [(VALUE_FAILED, "order value calculation failed", NO_QUANTITY)]


def test_a_value_that_is_too_large_cannot_be_checked():
    result = Account().execute(quantity=LARGEST, price="2")
    assert why(result.rejects) == [(VALUE_FAILED, "order value calculation failed", "")]


def test_a_hold_that_overflows_is_refused():
    trader = Account(USD="10")
    trader.adjust(held=LARGEST)
    result = trader.execute(quantity="1", price="1")
    assert why(result.rejects) == [
        (
            "ArithmeticOverflow",
            "arithmetic overflow",
            "pre-trade hold overflow: asset USD, requested 1",
        )
    ]


def test_an_expected_amount_that_overflows_is_refused_and_the_hold_taken_back():
    trader = Account(USD="10")
    trader.adjust("AAPL", incoming=LARGEST)
    result = trader.execute(quantity="1", price="1")
    assert why(result.rejects) == [
        (
            "ArithmeticOverflow",
            "arithmetic overflow",
            "pre-trade incoming overflow: asset AAPL, requested 1",
        )
    ]
    assert trader.state("USD") == ("10", "0", "0")


def test_a_dry_run_answers_and_records_nothing():
    trader = Account(USD="100")
    report = trader.engine.execute_pre_trade_dry_run(trader.order(quantity="10", price="4"))
    assert report.is_pass
    assert texts(report.account_adjustments) == [
        "USD: balance -40 -> 60, held 40 -> 40",
        "AAPL: incoming 10 -> 10",
    ]
    assert repr(report.lock) == "Lock([(0, 4)])"
    assert trader.state("USD") == ("100", "0", "0")
    assert trader.state("AAPL") == ("0", "0", "0")


# --- limit modes --------------------------------------------------------------------------------


def test_tracking_only_lets_available_become_negative():
    trader = Account(USD="10")
    track_only(trader)
    assert texts(trader.buy("10", "4").account_adjustments)[0] == (
        "USD: balance -40 -> -30, held 40 -> 40"
    )


def test_the_closest_limit_mode_counts():
    trader = Account()
    five = AccountGroupId.from_int(5)
    configure = trader.engine.configure().spot_funds
    modes = SpotFundsLimitMode
    trader.engine.accounts().register_group([trader.id], five)

    configure(NAME, global_limit_mode=modes.TRACK_ONLY)
    assert trader.execute(quantity="1", price="1")
    by_group = SpotFundsLimitModeAccountGroupEntry(five, modes.ENFORCE)
    configure(NAME, account_group_limit_modes=[by_group])
    assert not trader.execute(quantity="1", price="1")
    by_account = SpotFundsLimitModeAccountEntry(trader.id, modes.TRACK_ONLY)
    configure(NAME, account_limit_modes=[by_account])
    assert trader.execute(quantity="1", price="1")
    configure(NAME, account_limit_modes=[SpotFundsLimitModeAccountEntry(trader.id)])
    assert not trader.execute(quantity="1", price="1")


def test_a_mode_of_the_default_group_applies_to_nobody():
    trader = Account()
    entry = SpotFundsLimitModeAccountGroupEntry(
        AccountGroupId.DEFAULT, SpotFundsLimitMode.TRACK_ONLY
    )
    trader.engine.configure().spot_funds(NAME, account_group_limit_modes=[entry])
    assert not trader.execute(quantity="1", price="1")


class Joining(Policy):
    """Puts the account of every order into group 5."""

    name = "Joining"

    def perform_pre_trade_check(self, ctx, order):
        self.engine.accounts().register_group([order.operation.account_id], 5)


def test_a_membership_counts_as_soon_as_another_policy_has_changed_it():
    joining = Joining()
    builder = Engine.builder().no_sync().pre_trade(joining)
    engine = joining.engine = builder.builtin(build_spot_funds()).build()
    by_group = SpotFundsLimitModeAccountGroupEntry(
        AccountGroupId.from_int(5), SpotFundsLimitMode.TRACK_ONLY
    )
    engine.configure().spot_funds(NAME, account_group_limit_modes=[by_group])
    assert engine.execute_pre_trade(Account().order(quantity="1", price="1"))


class Watching(Policy):
    """Notes what account 1 holds of USD while an order is checked."""

    name = "Watching"

    def perform_pre_trade_check(self, ctx, order):
        self.held = self.trader.state("USD")[1]


def test_what_a_refused_order_has_reserved_is_taken_back_after_all_policies():
    watching = Watching()
    trader = Account(USD="10")
    builder = Engine.builder().no_sync().builtin(build_spot_funds())
    trader.engine = builder.pre_trade(watching).build()
    trader.adjust(balance="10")
    watching.trader = trader
    limit(trader, "AAPL", "0")
    assert not trader.execute(quantity="1", price="4")
    assert watching.held == "4"
    assert trader.state("USD") == ("10", "0", "0")


# --- position limits ----------------------------------------------------------------------------


def test_a_long_position_counts_what_is_expected_already():
    trader = Account(USD="1000", AAPL="5")
    limit(trader, "AAPL", "10")
    trader.adjust("AAPL", incoming="2")
    result = trader.execute(quantity="4", price="1")
    assert why(result.rejects) == [
        (
            "PositionLimitExceeded",
            "position limit exceeded",
            "asset AAPL, side long, projected worst-case position 11, limit 10",
        )
    ]
    assert trader.state("USD") == ("1000", "0", "0")
    trader.buy("3", "1").commit()


def test_a_short_position_counts_what_is_held_already():
    trader = Account()
    track_only(trader)
    limit(trader, "AAPL", "10")
    trader.sell("6", "1").commit()
    result = trader.execute("SELL", quantity="5", price="1")
    assert why(result.rejects)[0][2] == (
        "asset AAPL, side short, projected worst-case position -11, limit 10"
    )
    trader.sell("4", "1").commit()


def test_an_order_back_to_zero_passes_beyond_the_limit():
    trader = Account(AAPL="50")
    limit(trader, "AAPL", "10")
    trader.sell("1", "1").commit()


def test_a_sell_is_checked_for_the_settlement_asset_as_well():
    trader = Account(AAPL="50", USD="95")
    limit(trader, "USD", "100")
    result = trader.execute("SELL", quantity="2", price="3")
    assert why(result.rejects)[0][2] == (
        "asset USD, side long, projected worst-case position 101, limit 100"
    )


def test_a_limit_that_is_cleared_does_not_bind_any_more():
    trader = Account(USD="100")
    limit(trader, "AAPL", "0")
    assert not trader.execute(quantity="1", price="1")
    limit(trader, "AAPL", None)
    trader.buy("1", "1").commit()


def test_an_instrument_settled_in_its_own_underlying_is_checked_as_a_whole():
    trader = Account(AAPL="10")
    limit(trader, "AAPL", "20")
    result = trader.execute(at="AAPL", quantity="30", price="0.1")  # pays 3, brings 30
    assert why(result.rejects)[0][2] == (
        "asset AAPL, side long, projected worst-case position 37.0, limit 20"
    )
    trader.buy("10", "0.5", at="AAPL").commit()  # pays 5, brings 10


@pytest.mark.parametrize(
    ("held", "stage"), [(None, "projection"), ("1", "pre-order reconstruction")]
)
def test_a_projection_that_overflows_is_refused(held, stage):
    trader = Account(USD="100", AAPL=LARGEST)
    limit(trader, "AAPL", "10")
    trader.adjust("AAPL", held=held)
    result = trader.execute(quantity="1", price="1")
    assert why(result.rejects) == [
        (
            "ArithmeticOverflow",
            "arithmetic overflow",
            f"position-limit arithmetic failure: asset AAPL, stage {stage}, cause overflow",
        )
    ]


def test_a_projection_that_would_have_to_be_rounded_is_refused():
    trader = Account(USD="100", AAPL="39614081257132168796771975168")
    limit(trader, "AAPL", LARGEST)
    result = trader.execute(quantity="0.1", price="1")
    assert why(result.rejects)[0][2] == (
        "position-limit arithmetic failure: asset AAPL, stage projection, cause inexact"
    )


def test_a_first_leg_that_had_to_be_rounded_is_refused_under_a_limit():
    trader = Account(AAPL="100000")
    limit(trader, "AAPL", "16")
    result = trader.execute("SELL", at="AAPL", volume="12", price="48.48")
    assert why(result.rejects)[0][2] == (
        "position-limit arithmetic failure: asset AAPL, stage first-step transition, cause inexact"
    )


# --- drop copies --------------------------------------------------------------------------------


def test_a_drop_copy_is_recorded_whatever_limits_it_breaks():
    trader = Account()
    limit(trader, "AAPL", "1")
    operation = drop_copy(trader, quantity="10", price="4").operation
    assert texts(operation.account_adjustments) == [
        "USD: balance -40 -> -40, held 40 -> 40",
        "AAPL: incoming 10 -> 10",
    ]
    operation.rollback()
    assert trader.state("USD") == ("0", "0", "0")


def test_a_drop_copy_without_price_cannot_be_valued():
    result = drop_copy(Account(), quantity="10")
    assert why(result.rejects) == [
        (
            MISSING,
            "limit price is required for drop-copy",
            "historical market orders cannot be valued at the current market price",
        )
    ]


def test_a_drop_copy_of_a_volume_at_price_zero_is_recorded_as_nothing():
    operation = drop_copy(Account(), volume="10", price="0").operation
    assert operation.account_adjustments == []
    assert repr(operation.lock) == "Lock([(0, 0)])"


def test_a_drop_copy_that_overflows_is_refused():
    trader = Account()
    trader.adjust(held=LARGEST)
    result = drop_copy(trader, quantity="5", price="3")
    assert why(result.rejects)[0][2] == "pre-trade hold overflow: asset USD, requested 15"


def test_accounts_do_not_share_funds():
    trader = Account(USD="100")
    other = trader.execute(quantity="1", price="1", account=2)
    assert why(other.rejects)[0][2] == "asset USD: available 0, requested 1"
    assert AccountId.from_int(2) != trader.id
