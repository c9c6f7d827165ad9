"""Settings of a running engine as a file, and what a file changes in them."""

from __future__ import annotations

import tomllib

import pytest

from openpit import Engine
from openpit.cli.config import load
from openpit.cli.limits import apply, difference, settings_in, text_of_tables
from openpit.cli.tables import ConfigError

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


def built(text: str) -> Engine:
    policies = load(text)
    engine: Engine = policies.add_to(Engine.builder().no_sync()).build()
    policies.prepare(engine)
    return engine


def test_what_is_printed_is_what_was_configured() -> None:
    assert text_of_tables(built(FULL).settings()) == FULL


@pytest.mark.parametrize(("before", "after"), [(FULL, BARE), (BARE, FULL)])
def test_every_axis_can_be_changed_to_every_other(before: str, after: str) -> None:
    engine = built(before)
    in_force = engine.settings()
    wanted = settings_in(after, in_force)
    changed = list(apply(engine, in_force, wanted))
    assert changed == ["rate_limit", "order_size_limit", "pnl_bounds_killswitch", "spot_funds"]
    assert engine.settings() == wanted == built(after).settings()


def test_lengths_of_time_and_numbers_are_told_in_one_way() -> None:
    settings = built(BARE).settings()
    assert settings["rate_limit"]["account"] == [{"account": 9, "max_orders": 7, "window": "1m"}]
    assert settings["order_size_limit"]["broker"] == {"max_quantity": "100"}


def test_a_table_that_is_alike_is_left_alone() -> None:
    engine = built(FULL)
    in_force = engine.settings()
    assert difference(in_force, settings_in(FULL, in_force)) == ""
    wanted = settings_in(FULL.replace("max_orders = 50", "max_orders = 51"), in_force)
    assert "-max_orders = 50\n+max_orders = 51" in difference(in_force, wanted)
    assert list(apply(engine, in_force, wanted)) == ["rate_limit"]


def test_funds_of_the_start_are_not_looked_at() -> None:
    text = FULL + "[[spot_funds.funds]]\nfirst_account = 1\nlast_account = 9000000\n"
    text += 'asset = "USD"\nbalance = 1\n'
    in_force = built(FULL).settings()
    assert settings_in(text, in_force) == in_force


def test_policies_are_of_the_start() -> None:
    in_force = built(BARE).settings()
    with pytest.raises(ConfigError, match="the file has no"):
        settings_in("[order_validation]", in_force)
    with pytest.raises(ConfigError, match="the server has no"):
        settings_in(BARE, {name: in_force[name] for name in in_force if name != "order_validation"})


def test_names_are_quoted_as_toml_has_it() -> None:
    tables = {"t": {"a": 'say "é"\\', "rows": [{"n": 1}, {"n": 2}], "in": {"x": "y"}}}
    assert tomllib.loads(text_of_tables(tables)) == tables
