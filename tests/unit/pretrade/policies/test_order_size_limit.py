"""Caps on one order's quantity and notional."""

from __future__ import annotations

import re
from typing import Any

import pytest
from makers import account, engine_with, order, reject_fields

import openpit
from openpit.param import ParamError, Price
from openpit.pretrade import policies

NAME = "OrderSizeLimitPolicy"
LARGEST = "79228162514264337593543950335"


def limit(quantity: Any = None, notional: Any = None) -> policies.OrderSizeLimit:
    return policies.OrderSizeLimit(max_quantity=quantity, max_notional=notional)


def broker(quantity: Any = None, notional: Any = None) -> Any:
    return policies.build_order_size_limit().broker_barrier(
        policies.OrderSizeBrokerBarrier(limit(quantity, notional))
    )


def asset(name: str, quantity: Any = None, notional: Any = None) -> Any:
    return policies.OrderSizeAssetBarrier(limit(quantity, notional), name)


def pair(number: int, name: str, quantity: Any = None, notional: Any = None) -> Any:
    return policies.OrderSizeAccountAssetBarrier(limit(quantity, notional), account(number), name)


def breach(engine: openpit.Engine, checked: openpit.Order) -> tuple[str, str, str] | None:
    """Code, reason and details of the one reject, None if the order passed."""
    result = engine.execute_pre_trade(checked)
    dry = engine.execute_pre_trade_dry_run(checked)
    assert reject_fields(dry) == reject_fields(result)
    if result:
        return None
    [fields] = reject_fields(result)
    assert fields[3:] == (NAME, "order")
    return fields[:3]


# --- the broker's caps -------------------------------------------------------------------------


def test_an_order_at_the_cap_passes() -> None:
    engine = engine_with(broker("10", "1000"))

    assert breach(engine, order(quantity="10", price="100")) is None


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        (
            "11",
            "1",
            ("OrderQtyExceedsLimit", "order quantity exceeded", "requested 11, max allowed: 10"),
        ),
        (
            "10",
            "100.01",
            (
                "OrderNotionalExceedsLimit",
                "order notional exceeded",
                "requested 1000.10, max allowed: 1000",
            ),
        ),
        (
            "11",
            "1000",
            (
                "OrderExceedsLimit",
                "order size exceeded",
                (
                    "requested quantity 11, max allowed: 10; "
                    "requested notional 11000, max allowed: 1000"
                ),
            ),
        ),
    ],
)
def test_an_order_over_a_cap_is_rejected(
    quantity: str, price: str, expected: tuple[str, str, str]
) -> None:
    assert breach(engine_with(broker("10", "1000")), order(1, quantity, price)) == expected


def test_a_cap_of_zero_lets_nothing_through_but_zero() -> None:
    engine = engine_with(broker("0", "0"))

    assert breach(engine, order(quantity="0")) is None
    assert breach(engine, order(quantity="0.1", price="0")) == (
        "OrderQtyExceedsLimit",
        "order quantity exceeded",
        "requested 0.1, max allowed: 0",
    )


def test_a_negative_price_counts_by_its_amount() -> None:
    engine = engine_with(broker(None, "1000"))

    assert breach(engine, order(quantity="10", price="-100")) is None
    assert breach(engine, order(quantity="10", price="-101")) == (
        "OrderNotionalExceedsLimit",
        "order notional exceeded",
        "requested 1010, max allowed: 1000",
    )


def test_a_volume_is_the_notional_and_the_quantity_follows_from_the_price() -> None:
    engine = engine_with(broker("10", "1000"))

    assert breach(engine, order(volume="1000", price="100")) is None
    assert breach(engine, order(volume="1000", price="-80")) == (
        "OrderQtyExceedsLimit",
        "order quantity exceeded",
        "requested 12.50, max allowed: 10",
    )
    assert breach(engine, order(volume="1001", price="200")) == (
        "OrderNotionalExceedsLimit",
        "order notional exceeded",
        "requested 1001, max allowed: 1000",
    )
    # At a price of zero the quantity counts as zero.
    assert breach(engine, order(volume="1000", price="0")) is None


@pytest.mark.parametrize(
    ("cap", "checked", "reason"),
    [
        (
            broker(None, "1000"),
            order(quantity="1", price=None),
            "price not provided for evaluating cash flow/notional/volume",
        ),
        (
            broker("10"),
            order(volume="1", price=None),
            "price not provided for evaluating cash flow/notional/volume",
        ),
        (
            broker(None, "1000"),
            order(quantity=LARGEST, price="2"),
            "price or quantity could not be used to evaluate order notional",
        ),
        (
            broker("10"),
            order(volume=LARGEST, price="0.5"),
            "price or volume could not be used to evaluate order quantity",
        ),
    ],
    ids=["notional without price", "quantity without price", "notional overflow", "overflow"],
)
def test_a_value_that_cannot_be_computed_is_a_reject_of_its_own(
    cap: Any, checked: openpit.Order, reason: str
) -> None:
    assert breach(engine_with(cap), checked) == (
        "OrderValueCalculationFailed",
        "order value calculation failed",
        reason,
    )


def test_a_value_is_computed_only_for_a_cap_that_needs_it() -> None:
    assert breach(engine_with(broker("10")), order(quantity="10", price=None)) is None
    assert breach(engine_with(broker(None, "1000")), order(volume="1000", price=None)) is None


def test_a_product_with_more_digits_than_fit_is_rounded() -> None:
    engine = engine_with(broker(None, "1000"))

    assert breach(engine, order(1, "3.3333333333333333333333333333", "301")) == (
        "OrderNotionalExceedsLimit",
        "order notional exceeded",
        "requested 1003.3333333333333333333333333, max allowed: 1000",
    )
    # 999.99... with more nines than fit is 1000, and that is at the cap.
    assert (
        breach(engine, order(1, "3.3333333333333333333333333333", "300.00000000000000000000000001"))
        is None
    )


# --- caps of assets and accounts ---------------------------------------------------------------


def test_the_quantity_is_about_what_is_traded_and_the_notional_about_what_pays() -> None:
    engine = engine_with(
        policies.build_order_size_limit().asset_barriers(
            asset("AAPL", "5"), asset("USD", None, "100")
        )
    )

    assert breach(engine, order(1, "5", "20")) is None
    assert breach(engine, order(1, "6", "101")) == (
        "OrderExceedsLimit",
        "order size exceeded",
        (
            "requested quantity 6 for asset AAPL, max allowed: 5; "
            "requested notional 606 for asset USD, max allowed: 100"
        ),
    )
    assert breach(engine, order(1, "6", "1")) == (
        "OrderQtyExceedsLimit",
        "order quantity exceeded",
        "requested 6, max allowed: 5",
    )
    # The other way round these assets have no cap for this order.
    assert breach(engine, order(1, "500", "500", instrument=("USD", "AAPL"))) is None
    assert breach(engine, order(1, "500", "500", instrument=("MSFT", "EUR"))) is None


def test_an_accounts_own_cap_goes_before_the_assets_metric_by_metric() -> None:
    engine = engine_with(
        policies.build_order_size_limit()
        .asset_barriers(asset("AAPL", "5"), asset("USD", "1", "100"))
        .account_asset_barriers(pair(1, "AAPL", "7"), pair(1, "USD", "1000"))
    )

    # Seven for account 1, five for the others; the notional of account 1 is the asset's.
    assert breach(engine, order(1, "7", "10")) is None
    assert breach(engine, order(1, "8", "10")) is not None
    assert breach(engine, order(2, "6", "10")) is not None
    assert breach(engine, order(1, "7", "15")) == (
        "OrderNotionalExceedsLimit",
        "order notional exceeded",
        "requested 105, max allowed: 100",
    )


def test_the_brokers_cap_holds_in_addition_and_is_told_after_the_chains() -> None:
    engine = engine_with(
        broker("6").asset_barriers(asset("AAPL", "9")).account_asset_barriers(pair(1, "AAPL", "4"))
    )

    assert breach(engine, order(1, "7")) == (
        "OrderQtyExceedsLimit",
        "order quantity exceeded",
        "requested 7, max allowed: 4",
    )
    assert breach(engine, order(2, "7")) == (
        "OrderQtyExceedsLimit",
        "order quantity exceeded",
        "requested 7, max allowed: 6",
    )


# --- fields ------------------------------------------------------------------------------------


def test_fields_are_read_where_a_barrier_needs_them_in_a_fixed_order() -> None:
    whole = (
        broker("1").asset_barriers(asset("AAPL", "1")).account_asset_barriers(pair(1, "AAPL", "1"))
    )

    def missing(engine: openpit.Engine, checked: openpit.Order) -> str | None:
        found = breach(engine, checked)
        if found is None:
            return None
        assert found[0] == "MissingRequiredField"
        return found[2].removeprefix("failed to access field ")

    assert missing(engine_with(whole), openpit.Order()) == "'operation.instrument'"
    assert missing(engine_with(whole), order(None, None)) == "'operation.account_id'"
    assert missing(engine_with(whole), order(1, None)) == "'operation.trade_amount'"
    assert missing(engine_with(broker("1")), openpit.Order()) == "'operation.trade_amount'"
    only_assets = policies.build_order_size_limit().asset_barriers(asset("AAPL", "10"))
    assert missing(engine_with(only_assets), order(None)) is None
    # Where no cap applies to the order, not even its amount is read.
    assert missing(engine_with(only_assets), order(1, None, instrument=("SAP", "EUR"))) is None
    nothing = policies.build_order_size_limit().asset_barriers()
    assert missing(engine_with(nothing), openpit.Order()) is None


def test_it_has_no_say_in_a_drop_copy() -> None:
    assert engine_with(broker("1", "1")).apply_drop_copy(order(1, "100", "100"))


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ready", "text"),
    [
        (broker(), "at least one of max_quantity or max_notional must be configured"),
        (
            policies.build_order_size_limit().asset_barriers(asset("AAPL")),
            "at least one of max_quantity or max_notional must be configured",
        ),
        (
            policies.build_order_size_limit().asset_barriers(asset("AAPL", 1), asset("AAPL", 2)),
            "duplicate asset barrier for asset AAPL",
        ),
        (
            policies.build_order_size_limit().account_asset_barriers(
                pair(1, "AAPL", 1), pair(2, "AAPL", 1), pair(1, "AAPL", 1)
            ),
            "duplicate account+asset barrier for asset AAPL",
        ),
        (policies.build_order_size_limit().asset_barriers(asset("", 1)), "asset must not be empty"),
    ],
)
def test_settings_without_sense_are_refused(ready: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        engine_with(ready)


def test_a_later_broker_barrier_replaces_an_earlier_one() -> None:
    engine = engine_with(broker("1").broker_barrier(policies.OrderSizeBrokerBarrier(limit("10"))))

    assert breach(engine, order(quantity="10")) is None


def test_a_limit_is_of_its_own_class() -> None:
    with pytest.raises(TypeError, match=r"^limit must be OrderSizeLimit$"):
        engine_with(
            policies.build_order_size_limit().broker_barrier(policies.OrderSizeBrokerBarrier(5))
        )


def test_caps_are_amounts_that_are_not_negative() -> None:
    with pytest.raises(ParamError):
        limit("-1")
    with pytest.raises(TypeError):
        limit(Price("1"))


def test_new_settings_leave_the_axes_that_they_do_not_name() -> None:
    engine = engine_with(
        broker("10").asset_barriers(asset("AAPL", "8")).account_asset_barriers(pair(1, "AAPL", "9"))
    )
    configure = engine.configure()

    configure.order_size_limit(NAME, account_asset_barriers=[])
    assert breach(engine, order(1, "9")) is not None
    configure.order_size_limit(NAME, asset_barriers=[asset("MSFT", "1")])
    assert breach(engine, order(1, "9")) is None
    assert breach(engine, order(1, "11")) is not None
    configure.order_size_limit(NAME, broker=policies.OrderSizeBrokerBarrier(limit("20")))
    assert breach(engine, order(1, "11")) is None
    assert breach(engine, order(1, "2", instrument=("MSFT", "USD"))) is not None
    configure.order_size_limit(NAME, clear_broker=True, asset_barriers=[])
    assert breach(engine, order(1, "1000000")) is None
