from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from openpit.limits.tables import ConfigError, Table, line_of, located, parse
from openpit.param.ids import AccountId, Asset
from openpit.param.values import Pnl, Quantity


def table(text: str) -> Table:
    return Table("rate_limit", parse(text))


def test_each_kind_of_value() -> None:
    row = table('asset = "USD"\nmax = 5\nwindow = "250ms"\nname = "desk"\nnumber = 7\nlow = -1.50')

    assert row.asset("asset") == Asset("USD")
    assert row.count("max") == 5
    assert row.window("window") == timedelta(milliseconds=250)
    assert row.account("name") == AccountId.from_string("desk")
    assert row.account("number") == AccountId.from_int(7)
    assert row.amount("low", Pnl) == Pnl("-1.50")
    assert row.optional_amount("high", Pnl) is None
    assert row.optional_count("group") is None
    row.finish()


def test_amounts_keep_every_digit() -> None:
    assert str(table("low = 0.1000000000000000000001").amount("low", Pnl)) == (
        "0.1000000000000000000001"
    )
    assert table('low = "12"').amount("low", Pnl).decimal == Decimal(12)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("7us", timedelta(microseconds=7)),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
    ],
)
def test_windows(text: str, length: timedelta) -> None:
    assert table(f'window = "{text}"').window("window") == length


def test_tables_within_are_named_by_path_and_position() -> None:
    outer = table("[broker]\nx = 1\n[[account]]\ny = 1\n[[account]]\nz = 1\n")

    broker = outer.table("broker")
    assert broker is not None
    assert broker.path == "rate_limit.broker"
    assert [row.path for row in outer.tables("account")] == [
        "rate_limit.account #1",
        "rate_limit.account #2",
    ]
    assert outer.table("asset") is None
    assert outer.tables("asset") == []


def test_a_key_left_over_is_named_with_its_table() -> None:
    row = table('max_order = 5\nwindow = "1s"')
    row.window("window")

    with pytest.raises(ConfigError) as caught:
        row.finish()
    assert str(caught.value) == "[rate_limit] unknown key 'max_order' (keys here: window)"


def test_a_missing_key_is_named_with_its_table() -> None:
    with pytest.raises(ConfigError) as caught:
        table("").count("max_orders")
    assert str(caught.value) == "[rate_limit] key 'max_orders' is missing"


@pytest.mark.parametrize(
    ("value", "method", "expected"),
    [
        ("5", "asset", "must be a text, not 5"),
        ('" "', "asset", "must be a text, not ' '"),
        ("-1", "count", "must be a whole number from 0 to 18446744073709551615, not -1"),
        ("true", "count", "must be a whole number from 0 to 18446744073709551615, not True"),
        ('"1"', "count", "must be a whole number from 0 to 18446744073709551615, not '1'"),
        ('"1 s"', "window", 'must be a length of time such as "250ms", "1s" or "5m", not \'1 s\''),
        ("1", "window", 'must be a length of time such as "250ms", "1s" or "5m", not 1'),
        ("1.5", "account", "must be a whole number or text, not 1.5"),
        ('""', "account", "is wrong (account id string must not be empty): ''"),
        ("[1]", "table", "must be a table, not [1]"),
        ("[1]", "tables", "must be an array of tables, not [1]"),
        ("{}", "tables", "must be an array of tables, not {}"),
    ],
)
def test_a_value_of_another_kind(value: str, method: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        getattr(table(f"key = {value}"), method)("key")
    assert str(caught.value) == f"[rate_limit] key 'key' {expected}"


def test_an_amount_that_its_type_refuses() -> None:
    with pytest.raises(ConfigError) as caught:
        table("max = -1").amount("max", Quantity)
    assert str(caught.value) == (
        "[rate_limit] key 'max' is wrong (value must be non-negative for Quantity): -1"
    )
    with pytest.raises(ConfigError, match="must be a number or text, not True"):
        table("max = true").amount("max", Quantity)


def test_a_window_longer_than_time() -> None:
    with pytest.raises(ConfigError) as caught:
        table('window = "999999999999h"').window("window")
    assert str(caught.value) == "[rate_limit] key 'window' is too long, not '999999999999h'"


def test_text_that_is_not_toml() -> None:
    with pytest.raises(ConfigError, match=r"not TOML: .*\(at line 1, column 5\)"):
        parse("a = ?\nb = 1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a." * 100_000 + "a = 1", "a key has 8 names at most"),
        ('"a" . ' * 8 + "a = 1", "a key has 8 names at most"),
        ("[" + "a." * 8 + "a]", "a key has 8 names at most"),
        ("x = {" + "a." * 8 + "a = 1}", "a key has 8 names at most"),
        ("x = " + "[" * 100_000, "not TOML that can be read: its values are nested too deeply"),
        ("x = " + "9" * 5_000, "not TOML: Exceeds the limit"),
    ],
    ids=["many names", "quoted", "table", "inline", "nested", "digits"],
)
def test_a_text_that_nobody_means_is_refused_at_once(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c.d.e.f.g.h = 1",
        'x = "a.b.c.d.e.f.g.h.i"',
        "x = 'a.b.c.d.e.f.g.h.i'",
        'x = "\\"a.b.c.d.e.f.g.h.i"',
        'x = """\na.b.c.d.e.f.g.h.i"""',
        "x = '''\na.b.c.d.e.f.g.h.i'''",
        "x = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]  # a.b.c.d.e.f.g.h.i",
    ],
)
def test_dots_are_counted_in_keys_alone(text: str) -> None:
    assert parse(text).keys() <= {"a", "x"}


def test_a_line_is_not_looked_for_at_any_cost() -> None:
    """A value of many lines that ends nowhere before the last: each of them would be tried."""
    assert line_of("[a]\nx = [\n" + "1,\n" * 100 + "]\n", ("a",)) == 1
    assert line_of("[a]\nx = [\n" + "1,\n" * 20_000 + "]\n", ("a",)) is None


def test_an_error_whose_line_is_not_found_says_the_rest() -> None:
    text = "[a]\nx = [\n" + "1,\n" * 20_000 + "]\n"
    with pytest.raises(ConfigError) as caught, located(text):
        raise ConfigError("unknown table [a]", ("a",))
    assert (str(caught.value), caught.value.line) == ("unknown table [a]", None)
