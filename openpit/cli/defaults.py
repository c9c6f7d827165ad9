"""The configuration that `openpit replay` uses by default and `openpit config` prints."""

from __future__ import annotations

__all__ = ["DEFAULT_CONFIG"]

DEFAULT_CONFIG = """\
# Policies and limits of `openpit replay`, as TOML.
#
# A policy is on when its table is here. Policies are asked in the order of their tables. Amounts
# are text or numbers. Accounts are whole numbers or text, as in the flow. An unknown key is an
# error.
# Every table also takes policy_group_id (0 to 65535, default 0).

# Refuses an order without a quantity or volume, or with one of zero.
[order_validation]

# Orders per time window, such as "250ms", "1s", "5m", "1h". Rejected orders count, too.
[rate_limit]

# All orders together.
[rate_limit.broker]
max_orders = 50000
window = "1s"

# All orders that settle in one currency.
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 40000
window = "1s"

# The orders of one account. `openpit generate` sends bursts from account 1.
[[rate_limit.account]]
account = 1
max_orders = 100
window = "1s"

# The orders of one account that settle in one currency.
# [[rate_limit.account_asset]]
# account = 1
# settlement_asset = "EUR"
# max_orders = 20
# window = "1s"

# Size of one order: max_quantity in units of the symbol, max_notional in the settlement currency.
# Either may be left out. A market order has no price, so no max_notional can pass it.
[order_size_limit]

[order_size_limit.broker]
max_quantity = "100000"
max_notional = "50000000"

# One asset: the symbol for max_quantity, the settlement currency for max_notional.
[[order_size_limit.asset]]
asset = "KO"
max_quantity = "20000"

# [[order_size_limit.account_asset]]
# account = 1
# asset = "USD"
# max_notional = "1000000"

# Blocks an account whose realized profit and loss (less fees) leaves the bounds. Either bound may
# be left out.
[pnl_bounds_killswitch]

[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-10000"

[[pnl_bounds_killswitch.broker]]
settlement_asset = "EUR"
lower_bound = "-10000"

# [[pnl_bounds_killswitch.account]]
# account = 1
# settlement_asset = "USD"
# lower_bound = "-500"
# upper_bound = "2000"
# initial_pnl = "0"

# Holds what an order may cost until it is done, and refuses an order without the funds. Market
# orders are refused, for a replay has no quotes. limit_mode "TrackOnly" counts and refuses nothing.
#
# An account owns nothing until a row of [[spot_funds.funds]] gives it something, and a flow has no
# deposits: without such rows every order is refused (InsufficientFunds). Who buys needs the
# currency, who sells needs what is sold.
# [spot_funds]
# limit_mode = "Enforce"
# account_currency = "USD"

# What accounts own at the start: one account, or all from first_account to last_account. One row
# for each asset.
# [[spot_funds.funds]]
# first_account = 1
# last_account = 10000
# asset = "USD"
# balance = "1000000"
#
# [[spot_funds.funds]]
# account = "desk 7"
# asset = "AAPL"
# balance = "500"

# The largest position, long or short, that an account may come to.
# [[spot_funds.position_limit]]
# account = 1
# asset = "AAPL"
# limit = "5000"
"""
