from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import openpit
from openpit.cli.config import load
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.tables import ConfigError
from openpit.param import AccountId, Fee, Pnl, Price, Quantity, Side, Trade, TradeAmount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.pretrade import Reject

RATE_LIMIT = """
[rate_limit]
broker = {max_orders = 4, window = "1s"}
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 3
window = "1s"
[[rate_limit.account]]
account = 5
max_orders = 2
window = "1s"
[[rate_limit.account_asset]]
account = "desk"
settlement_asset = "USD"
max_orders = 1
window = "1s"
"""

ORDER_SIZE_LIMIT = """
[order_size_limit]
broker = {max_quantity = 10, max_notional = "5000"}
[[order_size_limit.asset]]
asset = "AAPL"
max_quantity = 5
[[order_size_limit.account_asset]]
account = 6
asset = "AAPL"
max_quantity = 2
"""

PNL_BOUNDS = """
[pnl_bounds_killswitch]
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = -100
[[pnl_bounds_killswitch.account]]
account = 5
settlement_asset = "USD"
upper_bound = "20.50"
initial_pnl = 30
"""


def engine(text: str) -> openpit.Engine:
    policies = load(text)
    built: openpit.Engine = policies.add_to(
        openpit.Engine.builder().clock(lambda: 0).no_sync()
    ).build()
    policies.prepare(built)
    return built


def order(
    quantity: object = "1", *, account: int | str = 1, price: object = "100", currency: str = "USD"
) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument("AAPL", currency),
            account_id=account_id(account),
            side=Side.BUY,
            trade_amount=TradeAmount.quantity(quantity),
            price=price,
        )
    )


def account_id(account: int | str) -> AccountId:
    return (
        AccountId.from_int(account) if isinstance(account, int) else AccountId.from_string(account)
    )


def verdicts(text: str, orders: Sequence[openpit.Order]) -> list[list[str]]:
    with_policies = engine(text)
    return [
        [reject.reason for reject in with_policies.execute_pre_trade(order=order).rejects]
        for order in orders
    ]


def test_order_validation() -> None:
    assert verdicts("[order_validation]", [order("0"), order("1")]) == [
        ["order quantity must be non-zero"],
        [],
    ]


def test_rate_limit_on_each_axis() -> None:
    assert verdicts(RATE_LIMIT, [order(account="desk", currency="EUR")] * 3) == [[], [], []]
    assert verdicts(RATE_LIMIT, [order(account=5)] * 3) == [
        [],
        [],
        ["rate limit exceeded: account barrier"],
    ]
    assert verdicts(RATE_LIMIT, [order(account="desk")] * 2) == [
        [],
        ["rate limit exceeded: account+asset barrier"],
    ]
    assert verdicts(RATE_LIMIT, [order()] * 5)[3:] == [
        ["rate limit exceeded: asset barrier"],
        ["rate limit exceeded: broker barrier"],
    ]


def test_order_size_limit_on_each_axis() -> None:
    assert verdicts(
        ORDER_SIZE_LIMIT,
        [
            order("2", account=6),
            order("3", account=6),
            order("5"),
            order("6"),
            order("5", price="1001"),
        ],
    ) == [
        [],
        ["order quantity exceeded"],
        [],
        ["order quantity exceeded"],
        ["order notional exceeded"],
    ]


def test_pnl_bounds_on_each_axis_with_what_the_account_starts_with() -> None:
    assert verdicts(PNL_BOUNDS, [order(), order(account=5)]) == [
        [],
        ["pnl kill switch triggered: account + asset barrier"],
    ]


def test_pnl_bounds_of_the_broker() -> None:
    with_policies = engine(PNL_BOUNDS)
    report = openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=openpit.Instrument("AAPL", "USD"), side=Side.BUY, account_id=account_id(1)
        ),
        financial_impact=openpit.FinancialImpact(pnl=Pnl("-99"), fee=Fee("2")),
    )

    (block,) = with_policies.apply_execution_report(report=report).account_blocks

    assert block.details == "realized pnl -101, settlement asset USD"


SPOT_FUNDS = """
[spot_funds]
account_currency = "USD"
[[spot_funds.funds]]
account = "desk"
asset = "USD"
balance = 150
[[spot_funds.funds]]
first_account = 5
last_account = 6
asset = "USD"
balance = "200.50"
[[spot_funds.position_limit]]
account = 6
asset = "AAPL"
limit = 1
"""


def test_spot_funds_of_single_accounts_and_of_ranges() -> None:
    assert verdicts(SPOT_FUNDS, [order("2", account="desk"), order("1", account="desk")]) == [
        ["spot funds insufficient"],
        [],
    ]
    assert verdicts(SPOT_FUNDS, [order("2", account=5), order("3", account=5)]) == [
        [],
        ["spot funds insufficient"],
    ]
    assert verdicts(SPOT_FUNDS, [order("2", account=6), order("1", account=6)]) == [
        ["position limit exceeded"],
        [],
    ]
    assert verdicts(SPOT_FUNDS, [order("1", account=7)]) == [["spot funds insufficient"]]


def test_funds_that_an_account_cannot_get_are_told() -> None:
    most = "79228162514264337593543950335"
    row = '[[spot_funds.funds]]\naccount = 1\nasset = "USD"\nbalance = '
    policies = load(f'{row}"-{most}"\n{row}"{most}"\n')
    built = policies.add_to(openpit.Engine.builder().no_sync()).build()

    with pytest.raises(ConfigError) as caught:
        policies.prepare(built)
    assert str(caught.value) == (
        "[spot_funds.funds] account 1 cannot get its funds: arithmetic overflow, "
        "account adjustment delta overflow: asset USD, field balance"
    )


def test_spot_funds_that_only_count() -> None:
    text = SPOT_FUNDS.replace("[spot_funds]", '[spot_funds]\nlimit_mode = "TrackOnly"')

    assert verdicts(text, [order("99", account=5), order("2", account=6)]) == [
        [],
        ["position limit exceeded"],
    ]


def test_accounts_of_spot_funds_have_their_currency() -> None:
    with_policies = engine(SPOT_FUNDS)
    lock = with_policies.execute_pre_trade(order=order(account=5)).reservation.lock
    report = openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=openpit.Instrument("AAPL", "USD"), side=Side.BUY, account_id=account_id(5)
        ),
        fill=openpit.ExecutionReportFillDetails(
            last_trade=Trade(price=Price("90"), quantity=Quantity("1")),
            remaining_reserved_quantity=Quantity("0"),
            is_final=True,
            lock=lock,
        ),
    )

    outcomes = with_policies.apply_execution_report(report=report).account_adjustments

    # Without a currency the position's profit and loss would be halted here.
    assert [(o.entry.asset, o.entry.average_entry_price) for o in outcomes] == [
        ("AAPL", Price("90")),
        ("USD", None),
    ]


def test_policies_are_asked_in_the_order_of_their_tables() -> None:
    both = "[order_size_limit]\nbroker = {max_notional = 1}\n[order_validation]"

    result = engine(both).execute_pre_trade(order=order("0", price=None))

    assert [reject.policy for reject in result.rejects] == [
        "OrderSizeLimitPolicy",
        "OrderValidationPolicy",
    ]


def test_a_policy_group_id() -> None:
    stage = openpit.Engine.builder().no_sync()

    text = "[order_validation]\npolicy_group_id = 5\n[rate_limit]\npolicy_group_id = 5"

    with pytest.raises(ValueError, match="duplicate non-default policy_group_id: 5"):
        load(text).add_to(stage).build()


def test_the_default_configuration_builds_and_has_all_four_policies() -> None:
    rejects: Sequence[Reject] = (
        engine(DEFAULT_CONFIG).execute_pre_trade(order=order("0", price=None)).rejects
    )

    assert [(reject.policy, reject.code) for reject in rejects] == [
        ("OrderValidationPolicy", "InvalidFieldValue"),
        ("OrderSizeLimitPolicy", "OrderValueCalculationFailed"),
    ]
    for table in ("order_validation", "rate_limit", "order_size_limit", "pnl_bounds_killswitch"):
        assert f"\n[{table}]\n" in DEFAULT_CONFIG


def test_what_the_default_configuration_comments_out_builds_as_well() -> None:
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# [") or " = " in line else line
        for line in DEFAULT_CONFIG.splitlines()
    )

    assert "\n[[rate_limit.account_asset]]\n" in uncommented
    assert "\n[[order_size_limit.account_asset]]\n" in uncommented
    assert "\n[[pnl_bounds_killswitch.account]]\n" in uncommented
    assert "\n[[spot_funds.position_limit]]\n" in uncommented
    assert engine(uncommented).execute_pre_trade(order=order()).ok


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "",
            (
                "no policy is configured (tables: order_validation, rate_limit, order_size_limit, "
                "pnl_bounds_killswitch, spot_funds)"
            ),
        ),
        (
            "[rate_limits]",
            (
                "unknown table [rate_limits] (tables: order_validation, rate_limit, "
                "order_size_limit, pnl_bounds_killswitch, spot_funds)"
            ),
        ),
        ("rate_limit = 5", "[rate_limit] must be a table"),
        (
            "[order_validation]\nstrict = true",
            "[order_validation] unknown key 'strict' (keys here: policy_group_id)",
        ),
        (
            '[rate_limit.broker]\nmax_order = 5\nmax_orders = 5\nwindow = "1s"',
            "[rate_limit.broker] unknown key 'max_order' (keys here: max_orders, window)",
        ),
        (
            '[[rate_limit.account]]\nmax_orders = 5\nwindow = "1s"',
            "[rate_limit.account #1] key 'account' is missing",
        ),
        (
            '[spot_funds]\nlimit_mode = "Off"',
            "[spot_funds] key 'limit_mode' must be one of Enforce, TrackOnly, not 'Off'",
        ),
        (
            '[[spot_funds.funds]]\nfirst_account = 1\nasset = "USD"\nbalance = 1',
            (
                "[spot_funds.funds #1] give either account, or first_account and last_account in "
                "this order"
            ),
        ),
        (
            (
                "[[spot_funds.funds]]\nfirst_account = 1\nlast_account = 10000001\n"
                'asset = "USD"\nbalance = 1'
            ),
            "[spot_funds.funds #1] more than 10,000,000 accounts",
        ),
        (
            (
                "[[spot_funds.funds]]\nfirst_account = 1\nlast_account = 18446744073709551616\n"
                'asset = "USD"\nbalance = 1'
            ),
            (
                "[spot_funds.funds #1] key 'last_account' must be a whole number from 0 to "
                "18446744073709551615, not 18446744073709551616"
            ),
        ),
        (
            '[rate_limit.broker]\nmax_orders = 18446744073709551616\nwindow = "1s"',
            (
                "[rate_limit.broker] key 'max_orders' must be a whole number from 0 to "
                "18446744073709551615, not 18446744073709551616"
            ),
        ),
        (
            '[rate_limit.broker]\nmax_orders = 1.5\nwindow = "1s"',
            (
                "[rate_limit.broker] key 'max_orders' must be a whole number from 0 to "
                "18446744073709551615, not 1.5"
            ),
        ),
        (
            '[rate_limit.broker]\nmax_orders = 5\nwindow = "0s"',
            (
                "[rate_limit.broker] key 'window' must be a length of time such as "
                '"250ms", "1s" or "5m", not \'0s\''
            ),
        ),
        (
            '[rate_limit.broker]\nmax_orders = 5\nwindow = "5124096h"',
            "[rate_limit.broker] key 'window' is too long, not '5124096h'",
        ),
        (
            (
                '[[spot_funds.position_limit]]\naccount = 1\nasset = "KO"\nlimit = 5\n'
                '[[spot_funds.position_limit]]\naccount = 1\nasset = "KO"\nlimit = 9'
            ),
            (
                "[spot_funds.position_limit #2] is for the same account and asset "
                "as [spot_funds.position_limit #1]"
            ),
        ),
        (
            "[order_validation]\npolicy_group_id = 65536",
            (
                "[order_validation] key 'policy_group_id' must be a whole number from 0 to 65535, "
                "not 65536"
            ),
        ),
        (
            "[order_size_limit]\nbroker = {}",
            "[order_size_limit.broker] give max_quantity, max_notional, or both",
        ),
        (
            (
                '[[rate_limit.account]]\naccount = 1\nmax_orders = 5\nwindow = "1s"\n'
                '[[rate_limit.account]]\naccount = 2\nmax_orders = 5\nwindow = "1s"\n'
                '[[rate_limit.account]]\naccount = 1\nmax_orders = 9\nwindow = "1s"'
            ),
            "[rate_limit.account #3] is for the same account as [rate_limit.account #1]",
        ),
        (
            (
                '[[pnl_bounds_killswitch.account]]\naccount = "A"\nsettlement_asset = "USD"\n'
                "lower_bound = -5\n"
                '[[pnl_bounds_killswitch.account]]\naccount = "A"\nsettlement_asset = "USD"\n'
                "lower_bound = -9"
            ),
            (
                "[pnl_bounds_killswitch.account #2] is for the same account and settlement_asset "
                "as [pnl_bounds_killswitch.account #1]"
            ),
        ),
        (
            f'[[rate_limit.account]]\naccount = "{"x" * 257}"\nmax_orders = 5\nwindow = "1s"',
            (
                "[rate_limit.account #1] key 'account' must be at most 256 bytes long, not '"
                + "x" * 56
                + "..."
            ),
        ),
        (
            f'[[order_size_limit.asset]]\nasset = "{"x" * 257}"\nmax_quantity = 5',
            (
                "[order_size_limit.asset #1] key 'asset' must be at most 256 bytes long, not '"
                + "x" * 56
                + "..."
            ),
        ),
        (
            '[[spot_funds.funds]]\naccount = 1\nsum = 1\nasset = "USD"\nbalance = 1',
            (
                "[spot_funds.funds #1] unknown key 'sum' "
                "(keys here: first_account, last_account, account, asset, balance)"
            ),
        ),
        (
            '[[order_size_limit.asset]]\nasset = "KO"\nmax_quantity = "many"',
            (
                "[order_size_limit.asset #1] key 'max_quantity' is wrong "
                "(invalid format for Quantity: 'many'), not 'many'"
            ),
        ),
    ],
)
def test_a_configuration_that_cannot_be_read(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[pnl_bounds_killswitch]",
            (
                "[pnl_bounds_killswitch] "
                "at least one broker or account+asset barrier must be configured"
            ),
        ),
    ],
)
def test_settings_that_a_policy_refuses(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text).add_to(openpit.Engine.builder().no_sync())
    assert str(caught.value) == expected
