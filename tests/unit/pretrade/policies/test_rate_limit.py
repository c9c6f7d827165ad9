"""Orders per window, on four axes, with a clock that tests move."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from makers import SECOND, Clock, Scripted, account, engine_with, order, reject, reject_fields

import openpit
from openpit.pretrade import policies
from openpit.pretrade.policies.rate_limit import FixedWindows
from openpit.pretrade.policies.rate_limit_settings import Rate, RateLimitSettings, window_text
from openpit.pretrade.policies.supplied_counts import AxisNumbers, SuppliedCounts

NAME = "RateLimitPolicy"


def rate(orders: int, seconds: float = 60) -> policies.RateLimit:
    return policies.RateLimit(orders, dt.timedelta(seconds=seconds))


def of_broker(orders: int, seconds: float = 60) -> policies.RateLimitBrokerBarrier:
    return policies.RateLimitBrokerBarrier(rate(orders, seconds))


def of_asset(asset: str, orders: int, seconds: float = 60) -> policies.RateLimitAssetBarrier:
    return policies.RateLimitAssetBarrier(rate(orders, seconds), asset)


def of_account(number: int, orders: int, seconds: float = 60) -> policies.RateLimitAccountBarrier:
    return policies.RateLimitAccountBarrier(rate(orders, seconds), account(number))


def of_pair(
    number: int, asset: str, orders: int, seconds: float = 60
) -> policies.RateLimitAccountAssetBarrier:
    return policies.RateLimitAccountAssetBarrier(rate(orders, seconds), account(number), asset)


def limited(
    clock: Clock,
    *,
    broker: policies.RateLimitBrokerBarrier | None = None,
    assets: tuple[Any, ...] = (),
    accounts: tuple[Any, ...] = (),
    pairs: tuple[Any, ...] = (),
    also: tuple[Any, ...] = (),
) -> openpit.Engine:
    builder = (
        policies.build_rate_limit()
        .asset_barriers(*assets)
        .account_barriers(*accounts)
        .account_asset_barriers(*pairs)
    )
    if broker is not None:
        builder.broker_barrier(broker)
    return engine_with(builder, *also, clock=clock)


def at(engine: openpit.Engine, clock: Clock, *moments: float, **fields: Any) -> list[bool]:
    """Which of the orders at these seconds after the start pass."""
    passed = []
    for moment in moments:
        clock.now = Clock().now + round(moment * SECOND)
        passed.append(engine.execute_pre_trade(order(**fields)).ok)
    return passed


def breach(axis: str, count: int, most: int, window: str = "60s") -> tuple[str, ...]:
    return (
        "RateLimitExceeded",
        f"rate limit exceeded: {axis}",
        f"submitted {count} orders in {window} window, max allowed: {most}",
        NAME,
        "order",
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- fixed windows: broker and assets ----------------------------------------------------------


def test_the_first_window_runs_from_the_making_of_the_policy(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(2))

    # At 59.9 the window that began at 0 is full; at 60 another one begins.
    assert at(engine, clock, 50, 59.9, 59.9, 60, 60, 60) == [True, True, False, True, True, False]


def test_a_later_window_runs_from_the_order_that_opened_it(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(1))

    assert at(engine, clock, 75, 134.999999999, 135, 194.9, 195) == [
        True,  # opens the window 75..135
        False,
        True,  # opens 135..195
        False,
        True,
    ]


def test_rejected_attempts_count_and_are_told(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(1))

    told = [reject_fields(engine.execute_pre_trade(order())) for _ in range(3)]

    assert told == [[], [breach("broker barrier", 2, 1)], [breach("broker barrier", 3, 1)]]


def test_a_maximum_of_zero_rejects_everything(clock: Clock) -> None:
    assert at(limited(clock, broker=of_broker(0)), clock, 0, 100) == [False, False]


def test_assets_are_counted_each_by_what_pays(clock: Clock) -> None:
    engine = limited(clock, assets=(of_asset("USD", 1), of_asset("EUR", 2)))
    euro = ("SAP", "EUR")

    assert at(engine, clock, 1, 2) == [True, False]
    assert at(engine, clock, 3, 4, 5, instrument=euro) == [True, True, False]
    assert at(engine, clock, 6, 7, 8, instrument=("USD", "JPY")) == [True] * 3
    assert reject_fields(engine.execute_pre_trade(order(2))) == [breach("asset barrier", 3, 1)]


# --- sliding logs: accounts --------------------------------------------------------------------


def test_an_accounts_log_slides(clock: Clock) -> None:
    engine = limited(clock, accounts=(of_account(1, 2, 10),))

    # At 10 the order of 0 is just out; at 14.9 those of 5 and 10 are in, at 15 that of 5 is out.
    assert at(engine, clock, 0, 5, 10, 14.9, 20) == [True, True, True, False, True]


def test_rejected_attempts_make_the_log_longer(clock: Clock) -> None:
    engine = limited(clock, accounts=(of_account(1, 1, 10),))

    # One order every six seconds: each is in the window of the next, rejected or not.
    assert at(engine, clock, 0, 6, 12, 18, 28) == [True, False, False, False, True]
    assert at(engine, clock, 28.1, 28.2) == [False, False]
    assert reject_fields(engine.execute_pre_trade(order())) == [
        breach("account barrier", 4, 1, "10s")
    ]


def test_an_account_without_barrier_is_not_limited(clock: Clock) -> None:
    engine = limited(clock, accounts=(of_account(1, 0),), pairs=(of_pair(2, "USD", 0),))

    assert at(engine, clock, 0, number=1) == [False]
    assert at(engine, clock, 0, number=2) == [False]
    assert at(engine, clock, 0, number=2, instrument=("SAP", "EUR")) == [True]
    assert at(engine, clock, 0, number=3) == [True]


def test_an_account_in_an_asset_has_a_log_of_its_own(clock: Clock) -> None:
    engine = limited(clock, pairs=(of_pair(1, "USD", 1, 10), of_pair(1, "EUR", 1, 10)))

    assert at(engine, clock, 0, 1) == [True, False]
    assert at(engine, clock, 2, instrument=("SAP", "EUR")) == [True]
    assert reject_fields(engine.execute_pre_trade(order())) == [
        breach("account+asset barrier", 3, 1, "10s")
    ]


# --- all axes ----------------------------------------------------------------------------------


def test_every_axis_counts_and_the_first_one_breached_is_told(clock: Clock) -> None:
    engine = limited(
        clock,
        broker=of_broker(4),
        assets=(of_asset("USD", 3),),
        accounts=(of_account(1, 2),),
        pairs=(of_pair(1, "USD", 1),),
    )

    told = [reject_fields(engine.execute_pre_trade(order())) for _ in range(5)]

    assert told == [
        [],
        [breach("account+asset barrier", 2, 1)],
        [breach("account barrier", 3, 2)],
        [breach("asset barrier", 4, 3)],
        [breach("broker barrier", 5, 4)],
    ]


def test_an_order_that_lacks_a_field_is_counted_nowhere(clock: Clock) -> None:
    engine = limited(
        clock, broker=of_broker(1), assets=(of_asset("EUR", 1),), accounts=(of_account(9, 1),)
    )

    assert [item.details for item in engine.execute_pre_trade(openpit.Order()).rejects] == [
        "failed to access field 'operation.instrument'"
    ]
    assert [item.details for item in engine.execute_pre_trade(order(None)).rejects] == [
        "failed to access field 'operation.account_id'"
    ]
    assert [item.details for item in engine.start_pre_trade_dry_run(openpit.Order()).rejects] == [
        "failed to access field 'operation.instrument'"
    ]
    assert [item.details for item in engine.start_pre_trade_dry_run(order(None)).rejects] == [
        "failed to access field 'operation.account_id'"
    ]
    assert at(engine, clock, 0, 0) == [True, False]


def test_only_the_fields_that_a_barrier_needs_are_read(clock: Clock) -> None:
    assert limited(clock, broker=of_broker(1)).execute_pre_trade(openpit.Order())
    assert limited(clock, assets=(of_asset("USD", 1),)).execute_pre_trade(order(None))
    assert limited(clock).execute_pre_trade(openpit.Order())


def test_attempts_that_others_reject_count_too(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(2), also=(Scripted("Door", start=[reject("closed")]),))

    told = [reject_fields(engine.execute_pre_trade(order())) for _ in range(3)]

    assert [len(fields) for fields in told] == [1, 1, 2]
    assert told[2][0] == breach("broker barrier", 3, 2)


def test_it_never_blocks_an_account(clock: Clock) -> None:
    engine = limited(clock, accounts=(of_account(1, 1, 10),))

    assert at(engine, clock, 0, 1, 30) == [True, False, True]


def test_a_dry_run_compares_and_does_not_count(clock: Clock) -> None:
    engine = limited(
        clock,
        broker=of_broker(9),
        assets=(of_asset("USD", 8),),
        accounts=(of_account(1, 2, 10),),
        pairs=(of_pair(1, "USD", 1, 10),),
    )
    dry_runs = [engine.execute_pre_trade_dry_run(order()).is_pass for _ in range(3)]
    assert dry_runs == [True] * 3

    engine.execute_pre_trade(order())

    assert [reject_fields(engine.start_pre_trade_dry_run(order())) for _ in range(2)] == [
        [breach("account+asset barrier", 2, 1, "10s")]
    ] * 2
    clock.move(10)
    assert engine.execute_pre_trade_dry_run(order())


def test_both_stages_together_count_once(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(2))

    request = engine.start_pre_trade(order()).request
    assert request is not None
    request.execute()

    assert at(engine, clock, 0, 0) == [True, False]


# --- settings ----------------------------------------------------------------------------------


def test_new_settings_keep_the_counts_of_windows_that_stay(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(9), assets=(of_asset("USD", 9), of_asset("EUR", 9)))
    configure = engine.configure()
    assert at(engine, clock, 10, 20) == [True, True]

    configure.rate_limit(NAME, broker=of_broker(2), asset_barriers=[of_asset("USD", 9)])
    assert reject_fields(engine.execute_pre_trade(order())) == [breach("broker barrier", 3, 2)]
    # The window still runs from 0, and a shorter one is over at once.
    configure.rate_limit(NAME, broker=of_broker(1, 20))
    assert at(engine, clock, 21, 22) == [True, False]


def test_a_window_that_comes_back_starts_anew(clock: Clock) -> None:
    engine = limited(clock, broker=of_broker(1), assets=(of_asset("USD", 1),))
    configure = engine.configure()
    assert at(engine, clock, 50) == [True]

    configure.rate_limit(NAME, clear_broker=True, asset_barriers=[])
    assert at(engine, clock, 51, 52) == [True, True]
    configure.rate_limit(NAME, broker=of_broker(2), asset_barriers=[of_asset("USD", 1)])

    # Begun at 52: the second order is one too many for the asset, the next window is at 112.
    assert at(engine, clock, 53, 111.9, 112) == [True, False, True]


def test_a_log_outlives_its_barrier_and_misses_what_came_between(clock: Clock) -> None:
    engine = limited(clock, accounts=(of_account(1, 2, 10),), pairs=(of_pair(1, "USD", 9, 10),))
    configure = engine.configure()
    assert at(engine, clock, 0) == [True]

    configure.rate_limit(NAME, account_barriers=[], account_asset_barriers=[])
    assert at(engine, clock, 1, 2, 3) == [True] * 3
    configure.rate_limit(NAME, account_barriers=[of_account(1, 2, 10)])

    assert at(engine, clock, 4, 5) == [True, False]


def test_of_two_barriers_with_one_key_the_last_counts(clock: Clock) -> None:
    engine = limited(
        clock,
        assets=(of_asset("USD", 0), of_asset("USD", 5)),
        accounts=(of_account(1, 0), of_account(1, 5)),
        pairs=(of_pair(1, "USD", 0), of_pair(1, "USD", 1)),
    )

    assert at(engine, clock, 0, 0) == [True, False]


@pytest.mark.parametrize(
    ("limit", "error", "text"),
    [
        (
            rate(1, 0),
            ValueError,
            "rate limit window must be positive and fit in u64 nanoseconds, got 0ns",
        ),
        (rate(1, -1), OverflowError, "can't convert negative int to unsigned"),
        (rate(1, 2e10), OverflowError, "int too big to convert"),
        (policies.RateLimit(1, 5), TypeError, "RateLimit.window must be datetime.timedelta"),
        (rate(-1), OverflowError, "can't convert negative int to unsigned"),
        (rate(2**64), OverflowError, "int too big to convert"),
        (rate(1.5), TypeError, "'float' object cannot be interpreted as an integer"),
        (rate("1"), TypeError, "'str' object cannot be interpreted as an integer"),
    ],
)
def test_rates_without_sense_are_refused(
    limit: policies.RateLimit, error: type[Exception], text: str
) -> None:
    barrier = policies.RateLimitBrokerBarrier(limit)

    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        engine_with(policies.build_rate_limit().broker_barrier(barrier))


def test_the_largest_rate_is_taken(clock: Clock) -> None:
    assert limited(clock, broker=of_broker(2**64 - 1)).execute_pre_trade(order())


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (60 * SECOND, "60s"),
        (SECOND // 2, "500ms"),
        (3 * SECOND // 2, "1.5s"),
        (7_000, "7µs"),
        (5_400 * SECOND, "5400s"),
        (86_400 * SECOND + 1_000, "86400.000001s"),
        (1_500_000, "1.5ms"),
        (999, "999ns"),
        (0, "0ns"),
    ],
)
def test_a_window_is_told_in_its_largest_unit(window: int, text: str) -> None:
    assert window_text(window) == text


# --- windows -----------------------------------------------------------------------------------


def windows(**assets: Rate) -> FixedWindows:
    return FixedWindows(RateLimitSettings(Rate(9, 60), dict(assets), {}, {}), now=0)


def test_each_axis_counts_in_windows_of_its_own() -> None:
    counted = windows(USD=Rate(9, 10))

    assert counted.count("USD", 5) == (1, 1)
    assert counted.count("EUR", 6) == (2, 0)
    assert counted.peek("USD", 7) == (3, 2)
    assert counted.count("USD", 10) == (3, 1)
    assert counted.peek("USD", 59) == (4, 1)
    assert counted.count("USD", 60) == (1, 1)


def test_an_axis_without_a_barrier_counts_nothing() -> None:
    counted = FixedWindows(RateLimitSettings(None, {"USD": Rate(9, 10)}, {}, {}), now=0)

    assert counted.count("USD", 1) == (0, 1)
    assert counted.peek("USD", 2) == (0, 2)
    assert counted.peek("EUR", 2) == (0, 0)


# --- counted elsewhere -------------------------------------------------------------------------


def test_an_asset_has_its_number_for_good() -> None:
    numbers = AxisNumbers(RateLimitSettings(None, {"USD": Rate(9, 10), "AAPL": Rate(1, 1)}, {}, {}))
    assert numbers.of == {"USD": 1, "AAPL": 2}
    numbers.add(RateLimitSettings(None, {"EUR": Rate(9, 10), "AAPL": Rate(1, 1)}, {}, {}))
    numbers.add(RateLimitSettings(None, {"USD": Rate(9, 10)}, {}, {}))
    assert numbers.assets == [None, "USD", "AAPL", "EUR"]
    assert AxisNumbers(None).assets == [None]


def test_supplied_counts_are_compared_as_own_ones() -> None:
    supplied = SuppliedCounts(None)
    supplied.supply(7, 3)
    assert not supplied.used

    assert supplied.count("USD", 5) == (7, 3)
    assert supplied.used
    supplied.supply(8, 0)
    assert supplied.count_broker(6) == 8


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((5, 1), []),
        ((6, 9), [breach("broker barrier", 6, 5)]),
        ((5, 2), [breach("asset barrier", 2, 1)]),
    ],
)
def test_an_engine_whose_counts_are_supplied_judges_by_them(
    clock: Clock, counts: tuple[int, int], told: list[Any]
) -> None:
    engine = limited(clock, broker=of_broker(5), assets=(of_asset("USD", 1),))
    supplied = SuppliedCounts(None)
    [policy] = engine._core.policies
    policy.windows = supplied

    supplied.supply(*counts)
    assert reject_fields(engine.execute_pre_trade(order())) == told

    assert supplied.used
    engine.accounts().block(account(1), "under review")
    supplied.supply(*counts)
    engine.execute_pre_trade(order())
    assert not supplied.used
