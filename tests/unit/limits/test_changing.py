"""Settings of a running engine as a file, and what a file changes in them."""

from __future__ import annotations

import tomllib

import pytest
from limits_texts import BARE, FULL

from openpit import Engine
from openpit.limits import apply, diff, loads
from openpit.limits.changing import settings_in, text_of_tables
from openpit.limits.tables import ConfigError


def built(text: str) -> Engine:
    policies = loads(text)
    engine: Engine = policies.add_to(Engine.builder().no_sync()).build()
    policies.prepare(engine)
    return engine


def test_what_is_printed_is_what_was_configured() -> None:
    assert text_of_tables(built(FULL).settings()) == FULL


@pytest.mark.parametrize(("before", "after"), [(FULL, BARE), (BARE, FULL)])
def test_every_axis_can_be_changed_to_every_other(before: str, after: str) -> None:
    engine = built(before)
    wanted = loads(after)
    changed = apply(engine, wanted)
    assert changed == ["rate_limit", "order_size_limit", "pnl_bounds_killswitch", "spot_funds"]
    assert engine.settings() == wanted.settings() == built(after).settings()


def test_a_policy_that_cannot_work_with_its_table_leaves_all_others_as_they_were() -> None:
    engine = built(FULL)
    in_force = engine.settings()
    start, end = FULL.index("[[pnl_bounds"), FULL.index("[spot_funds]")
    wrong = FULL[:start] + FULL[end:]
    with pytest.raises(ConfigError, match="at least one broker or account") as caught:
        apply(engine, loads(wrong.replace("max_orders = 50", "max_orders = 51")))
    assert wrong.splitlines()[(caught.value.line or 0) - 1] == "[pnl_bounds_killswitch]"
    assert engine.settings() == in_force


def test_lengths_of_time_and_numbers_are_told_in_one_way() -> None:
    settings = built(BARE).settings()
    assert settings["rate_limit"]["account"] == [{"account": 9, "max_orders": 7, "window": "1m"}]
    assert settings["order_size_limit"]["broker"] == {"max_quantity": "100"}


def test_a_table_that_is_alike_is_left_alone() -> None:
    engine = built(FULL)
    assert diff(loads(FULL), loads(FULL.replace('window = "1h"', 'window = "60m"'))) == ""
    wanted = loads(FULL.replace("max_orders = 50", "max_orders = 51"))
    assert "-max_orders = 50\n+max_orders = 51" in diff(loads(FULL), wanted)
    assert apply(engine, wanted) == ["rate_limit"]
    assert apply(engine, wanted) == []


def test_funds_of_the_start_are_not_looked_at() -> None:
    text = FULL + "[[spot_funds.funds]]\nfirst_account = 1\nlast_account = 9000000\n"
    text += 'asset = "USD"\nbalance = 1\n'
    assert loads(text).settings() == built(FULL).settings()


def test_policies_are_of_the_start() -> None:
    in_force = built(BARE).settings()
    with pytest.raises(ConfigError, match=r"the file has no \[rate_limit\]: policies .* start$"):
        settings_in(loads("[order_validation]"), in_force)
    less = {name: in_force[name] for name in in_force if name != "order_validation"}
    with pytest.raises(ConfigError, match="the engine has no") as caught:
        settings_in(loads(BARE), less)
    assert _line(BARE, caught.value) == "[order_validation]"
    grouped = BARE.replace("[order_validation]", "[order_validation]\npolicy_group_id = 2")
    with pytest.raises(ConfigError, match="policy_group_id is of the start") as caught:
        settings_in(loads(grouped), in_force)
    assert _line(grouped, caught.value) == "policy_group_id = 2"
    with pytest.raises(ConfigError, match="policy_group_id is of the start") as caught:
        settings_in(loads(BARE), built(grouped).settings())
    assert _line(BARE, caught.value) == "[order_validation]"


def _line(text: str, error: ConfigError) -> str:
    assert error.line is not None
    assert str(error).endswith(f"(line {error.line})")
    return text.splitlines()[error.line - 1]


def test_a_file_is_asked_for_its_settings_as_often_as_one_likes() -> None:
    policies = loads(FULL)
    assert policies.settings() == policies.settings()
    engine: Engine = policies.add_to(Engine.builder().no_sync()).build()
    policies.prepare(engine)
    assert engine.settings() == policies.settings()


def test_names_are_quoted_as_toml_has_it() -> None:
    tables = {"t": {"a": 'say "é"\\', "rows": [{"n": 1}, {"n": 2}], "in": {"x": "y"}}}
    assert tomllib.loads(text_of_tables(tables)) == tables
