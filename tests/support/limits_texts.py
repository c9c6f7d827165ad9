"""Limits files, right and wrong ones, in one place for all who read them."""

from __future__ import annotations

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

WRONG: list[tuple[str, str, int | None]] = [
    (
        "",
        (
            "no policy is configured (tables: order_validation, rate_limit, order_size_limit, "
            "pnl_bounds_killswitch, spot_funds)"
        ),
        None,
    ),
    (
        "[rate_limits]",
        (
            "unknown table [rate_limits] (tables: order_validation, rate_limit, "
            "order_size_limit, pnl_bounds_killswitch, spot_funds)"
        ),
        1,
    ),
    (
        "rate_limit = 5",
        "[rate_limit] must be a table",
        1,
    ),
    (
        "[order_validation]\nstrict = true",
        "[order_validation] unknown key 'strict' (keys here: policy_group_id)",
        2,
    ),
    (
        '[rate_limit.broker]\nmax_order = 5\nmax_orders = 5\nwindow = "1s"',
        "[rate_limit.broker] unknown key 'max_order' (keys here: max_orders, window)",
        2,
    ),
    (
        '[[rate_limit.account]]\nmax_orders = 5\nwindow = "1s"',
        "[rate_limit.account #1] key 'account' is missing",
        1,
    ),
    (
        '[spot_funds]\nlimit_mode = "Off"',
        "[spot_funds] key 'limit_mode' must be one of Enforce, TrackOnly, not 'Off'",
        2,
    ),
    (
        '[[spot_funds.funds]]\nfirst_account = 1\nasset = "USD"\nbalance = 1',
        (
            "[spot_funds.funds #1] give either account, or first_account and last_account in "
            "this order"
        ),
        1,
    ),
    (
        (
            "[[spot_funds.funds]]\nfirst_account = 1\nlast_account = 10000001\n"
            'asset = "USD"\nbalance = 1'
        ),
        "[spot_funds.funds #1] more than 10,000,000 accounts",
        1,
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
        3,
    ),
    (
        '[rate_limit.broker]\nmax_orders = 18446744073709551616\nwindow = "1s"',
        (
            "[rate_limit.broker] key 'max_orders' must be a whole number from 0 to "
            "18446744073709551615, not 18446744073709551616"
        ),
        2,
    ),
    (
        '[rate_limit.broker]\nmax_orders = 1.5\nwindow = "1s"',
        (
            "[rate_limit.broker] key 'max_orders' must be a whole number from 0 to "
            "18446744073709551615, not 1.5"
        ),
        2,
    ),
    (
        '[rate_limit.broker]\nmax_orders = 5\nwindow = "0s"',
        (
            "[rate_limit.broker] key 'window' must be a length of time such as "
            '"250ms", "1s" or "5m", not \'0s\''
        ),
        3,
    ),
    (
        '[rate_limit.broker]\nmax_orders = 5\nwindow = "5124096h"',
        "[rate_limit.broker] key 'window' is too long, not '5124096h'",
        3,
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
        5,
    ),
    (
        "[order_validation]\npolicy_group_id = 65536",
        (
            "[order_validation] key 'policy_group_id' must be a whole number from 0 to 65535, "
            "not 65536"
        ),
        2,
    ),
    (
        "[order_size_limit]\nbroker = {}",
        "[order_size_limit.broker] give max_quantity, max_notional, or both",
        2,
    ),
    (
        (
            '[[rate_limit.account]]\naccount = 1\nmax_orders = 5\nwindow = "1s"\n'
            '[[rate_limit.account]]\naccount = 2\nmax_orders = 5\nwindow = "1s"\n'
            '[[rate_limit.account]]\naccount = 1\nmax_orders = 9\nwindow = "1s"'
        ),
        "[rate_limit.account #3] is for the same account as [rate_limit.account #1]",
        9,
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
        5,
    ),
    (
        f'[[rate_limit.account]]\naccount = "{"x" * 257}"\nmax_orders = 5\nwindow = "1s"',
        (
            "[rate_limit.account #1] key 'account' must be at most 256 bytes long, not '"
            + "x" * 56
            + "..."
        ),
        2,
    ),
    (
        f'[[order_size_limit.asset]]\nasset = "{"x" * 257}"\nmax_quantity = 5',
        (
            "[order_size_limit.asset #1] key 'asset' must be at most 256 bytes long, not '"
            + "x" * 56
            + "..."
        ),
        2,
    ),
    (
        '[[spot_funds.funds]]\naccount = 1\nsum = 1\nasset = "USD"\nbalance = 1',
        (
            "[spot_funds.funds #1] unknown key 'sum' "
            "(keys here: first_account, last_account, account, asset, balance)"
        ),
        3,
    ),
    (
        '[[order_size_limit.asset]]\nasset = "KO"\nmax_quantity = "many"',
        (
            "[order_size_limit.asset #1] key 'max_quantity' is wrong "
            "(invalid format for Quantity: 'many'): 'many'"
        ),
        3,
    ),
    (
        "[rate_limit.broker]\nmax_orders = 5\nwindow = 250",
        (
            "[rate_limit.broker] key 'window' must be a length of time such as "
            '"250ms", "1s" or "5m", not 250'
        ),
        3,
    ),
    (
        '[rate_limit.broker]\nmax_orders = true\nwindow = "1s"',
        (
            "[rate_limit.broker] key 'max_orders' must be a whole number from 0 to "
            "18446744073709551615, not True"
        ),
        2,
    ),
    (
        '[rate_limit.account]\naccount = 1\nmax_orders = 5\nwindow = "1s"',
        (
            "[rate_limit] key 'account' must be an array of tables, not "
            "{'account': 1, 'max_orders': 5, 'window': '1s'}"
        ),
        1,
    ),
    (
        "[order_validation]\n[rate_limit]\nbroker = 7",
        "[rate_limit] key 'broker' must be a table, not 7",
        3,
    ),
    (
        "[order_size_limit.broker]\nmax_quantity = -5",
        (
            "[order_size_limit.broker] key 'max_quantity' is wrong "
            "(value must be non-negative for Quantity): -5"
        ),
        2,
    ),
    (
        "[order_size_limit.broker]\nmax_notional = [1]",
        "[order_size_limit.broker] key 'max_notional' must be a number or text, not [1]",
        2,
    ),
    (
        "[[order_size_limit.asset]]\nmax_quantity = 5\nasset = 5",
        "[order_size_limit.asset #1] key 'asset' must be a text, not 5",
        3,
    ),
    (
        '[[pnl_bounds_killswitch.broker]]\nsettlement_asset = "USD"\nlower_bound = nan',
        (
            "[pnl_bounds_killswitch.broker #1] key 'lower_bound' is wrong "
            "(Pnl decimal NaN is not finite): NaN"
        ),
        3,
    ),
    (
        '[[spot_funds.position_limit]]\naccount = ""\nasset = "KO"\nlimit = 5',
        (
            "[spot_funds.position_limit #1] key 'account' is wrong "
            "(account id string must not be empty): ''"
        ),
        2,
    ),
    (
        '[[spot_funds.funds]]\naccount = 1\nasset = "USD"\nbalance = 1e400000',
        (
            "[spot_funds.funds #1] key 'balance' is wrong "
            "(PositionSize decimal 1E+400000 exceeds the core decimal range): 1E+400000"
        ),
        4,
    ),
]

FULL = """\
[order_validation]

[rate_limit]

[rate_limit.broker]
max_orders = 50
window = "250ms"

[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 40
window = "1s"

[[rate_limit.account]]
account = 1
max_orders = 2
window = "1h"

[[rate_limit.account_asset]]
account = 1
settlement_asset = "EUR"
max_orders = 1
window = "1us"

[order_size_limit]

[order_size_limit.broker]
max_quantity = "100"
max_notional = "5000.50"

[[order_size_limit.asset]]
asset = "KO"
max_quantity = "20"

[pnl_bounds_killswitch]

[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-10"

[[pnl_bounds_killswitch.account]]
account = 1
settlement_asset = "USD"
upper_bound = "20"

[spot_funds]
limit_mode = "TrackOnly"

[[spot_funds.position_limit]]
account = 1
asset = "AAPL"
limit = "5000"
"""

BARE = """\
[order_validation]
[rate_limit]
[[rate_limit.account]]
account = 9
max_orders = 7
window = "60s"
[order_size_limit.broker]
max_quantity = 1e2
[[pnl_bounds_killswitch.broker]]
settlement_asset = "EUR"
lower_bound = -1
[spot_funds]
"""
