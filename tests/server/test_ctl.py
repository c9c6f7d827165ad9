"""`openpit ctl` against a server, beside a program that trades there."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from flow import ALSO_IN_SHARD_0, IN_SHARD_0, IN_SHARD_1, buy
from server_processes import Server

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.param import AccountId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

LIMITS = """
[order_validation]

[rate_limit.broker]
max_orders = 1000
window = "1h"

[spot_funds]
[[spot_funds.funds]]
first_account = 1
last_account = 40
asset = "USD"
balance = 10000
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the tests of this module; each leaves it as it was."""
    server = Server(LIMITS)
    yield server
    server.remove()


def ctl(server: Server, *arguments: str, answer: str = "") -> Result:
    arguments = ("ctl", "--socket", server.path, "--timeout", "30", *arguments)
    return CliRunner().invoke(main, arguments, input=answer)


def document(server: Server, *arguments: str) -> Any:
    result = ctl(server, *arguments, "--json")
    assert result.exit_code == Exit.OK, result.output
    return json.loads(result.stdout)


@contextmanager
def gateway(server: Server) -> Iterator[Any]:
    with openpit.connect(server.path, name="gateway", timeout=30) as engine:
        yield engine


def reasons(engine: Any, *accounts: int) -> list[str]:
    return [
        one.reason for each in accounts for one in engine.execute_pre_trade(buy(each, "1")).rejects
    ]


def test_it_shows_shards_and_who_else_is_connected(server: Server) -> None:
    with gateway(server) as engine:
        engine.execute_pre_trade(buy(IN_SHARD_0, "1"))
        told = document(server, "stats")
        assert told["halted"] is None
        assert told["shards"] == [{"shard": n, "state": "up", "why": None} for n in (0, 1)]
        (session,) = told["sessions"]
        assert (session["name"], session["user"], session["role"]) == (
            "gateway",
            os.getuid(),
            "admin",
        )
        assert (session["commands"] >= 1, session["in_flight"]) == (True, 0)
        shown = ctl(server, "stats").output
        assert "orders pass" in shown
        assert "gateway" in shown


def test_a_halt_stops_every_programs_orders_and_a_resume_lets_them_pass(server: Server) -> None:
    with gateway(server) as engine:
        open_order = engine.execute_pre_trade(buy(IN_SHARD_0, "1")).reservation
        assert ctl(server, "halt", "exchange is down").output == (
            "orders are halted: exchange is down\n"
        )
        assert reasons(engine, IN_SHARD_0, IN_SHARD_1) == ["exchange is down"] * 2
        assert engine.halted() == document(server, "stats")["halted"] == "exchange is down"
        open_order.rollback()
        assert document(server, "resume") == {"halted": None}
        assert reasons(engine, IN_SHARD_0, IN_SHARD_1) == []


def test_it_blocks_an_account_and_lets_it_trade_again(server: Server) -> None:
    with gateway(server) as engine:
        told = document(server, "block", str(ALSO_IN_SHARD_0), "hedge first")
        assert told["block"]["reason"] == "hedge first"
        assert reasons(engine, ALSO_IN_SHARD_0) == ["hedge first"]
        assert ctl(server, "unblock", str(ALSO_IN_SHARD_0)).output == (
            f"account {ALSO_IN_SHARD_0} is not blocked\n"
        )
        assert reasons(engine, ALSO_IN_SHARD_0) == []


def test_it_shows_an_account(server: Server) -> None:
    with gateway(server) as engine:
        order = engine.execute_pre_trade(buy(IN_SHARD_1, "2", "100"))
        told = document(server, "account", str(IN_SHARD_1))
        (funds,) = told["policies"]
        # What was there before may have left its digits: 9800.0.
        held = {
            one["asset"]: (Decimal(one["available"]), Decimal(one["held"]))
            for one in funds["holdings"]
        }
        assert held["USD"] == (9800, 200)
        assert told["open"] == {"reservations": 1, "drop_copies": 0, "requests": 0}
        shown = ctl(server, "account", str(IN_SHARD_1)).output
        assert "9800" in shown
        assert "SpotFundsPolicy" in shown
        order.reservation.rollback()


def test_it_shows_groups(server: Server) -> None:
    with gateway(server) as engine:
        accounts = engine.accounts()
        members = [AccountId.from_int(one) for one in (IN_SHARD_0, IN_SHARD_1)]
        accounts.register_group(members, 7)
        accounts.block_group(7, "closed")
        assert document(server, "groups") == [
            {"group": 7, "members": 2, "block_reason": "closed", "currency": None}
        ]
        assert "closed" in ctl(server, "groups").output
        accounts.unblock_group(7)
        accounts.unregister_group(members, 7)


def test_limits_that_are_shown_can_be_set(server: Server, tmp_path: Path) -> None:
    shown = ctl(server, "limits", "show").output
    file = tmp_path / "limits.toml"
    file.write_text(shown)
    assert ctl(server, "limits", "set", str(file)).output == ("these limits are in force already\n")
    file.write_text(shown.replace("max_orders = 1000", "max_orders = 900"))
    refused = ctl(server, "limits", "set", str(file), answer="n\n")
    assert "-max_orders = 1000\n+max_orders = 900" in refused.output
    assert document(server, "limits", "show")["rate_limit"]["broker"]["max_orders"] == 1000
    changed = document(server, "limits", "set", str(file), "--yes")
    assert changed["changed"] == ["rate_limit"]
    assert document(server, "limits", "show")["rate_limit"]["broker"]["max_orders"] == 900
    file.write_text(shown)
    done = ctl(server, "limits", "set", str(file), answer="y\n")
    assert (done.exit_code, done.output.splitlines()[-1]) == (Exit.OK, "these limits are in force")
    assert ctl(server, "limits", "show").output == shown


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[order_validation]\n", "the file has no [rate_limit]"),
        (f"{LIMITS}\n[order_size_limit.broker]\nmax_quantity = 5\n", "the engine has no"),
        (LIMITS.replace('"1h"', '"soon"'), "must be a length of time"),
        (f"[rate_limit]\npolicy_group_id = 3\n{LIMITS}", "policy_group_id is of the start"),
    ],
)  # fmt: skip
def test_limits_that_cannot_be_set_change_nothing(
    server: Server, tmp_path: Path, text: str, why: str
) -> None:
    before = document(server, "limits", "show")
    file = tmp_path / "limits.toml"
    file.write_text(text)
    result = ctl(server, "limits", "set", str(file), "--yes")
    assert (result.exit_code, why in result.output) == (Exit.BAD_CONFIG, True), result.output
    assert document(server, "limits", "show") == before


def test_what_cannot_be_asked_is_a_usage_error(server: Server, tmp_path: Path) -> None:
    assert ctl(server, "account", "").exit_code == Exit.USAGE
    assert ctl(server, "limits", "set", str(tmp_path / "none")).exit_code == Exit.USAGE
    file = tmp_path / "limits.toml"
    file.write_text(LIMITS)
    assert ctl(server, "limits", "set", str(file), "--json").exit_code == Exit.USAGE


def test_one_that_may_not_is_told_so_and_one_without_server(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(LIMITS, "--role", f"{os.getuid()}=reader", shards=1)
    assert document(server, "account", "1")["account"] == 1
    assert document(server, "limits", "show")["order_validation"] == {}
    for arguments in (("halt", "drill"), ("resume",), ("block", "1"), ("drain",)):
        result = ctl(server, *arguments)
        assert (result.exit_code, "reader" in result.output) == (Exit.REFUSED, True), result.output
    assert document(server, "stats")["halted"] is None
    server.path = str(tmp_path / "nobody")
    assert ctl(server, "stats").exit_code == Exit.REFUSED
    assert ctl(server, "drain").exit_code == Exit.REFUSED


def test_a_server_is_drained(serve: Callable[..., Server]) -> None:
    server = serve(LIMITS, shards=1)
    assert document(server, "drain") == {"ended": True}
    assert server.process.wait(timeout=60) == 0
