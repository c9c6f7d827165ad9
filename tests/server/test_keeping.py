"""Calls with keys, and reservations that expire, of programs that share a server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from flow import account, buy
from makers import deposit
from server_processes import Server, until

import openpit
from openpit.cli.__main__ import main
from openpit.errors import ReservationExpired
from openpit.pretrade.policies import build_order_validation
from openpit.server.limits import Limits
from openpit.server.service import start_service

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "[order_validation]\n[spot_funds]\n"


def test_another_program_has_the_answer_and_what_nobody_ends_expires() -> None:
    server = Server(CONFIG, "--reservation-ttl", "0.3", "--key-window", "3600", "--keys", "9")
    try:
        with openpit.connect(server.path) as one, openpit.connect(server.path) as other:
            one.apply_account_adjustment(account(1), [deposit("USD", "10000")], key="paid in")
            again = other.apply_account_adjustment(
                account(1), [deposit("USD", "10000")], key="paid in"
            )
            assert str(again.outcomes[0].entry.balance.absolute.decimal) == "10000"
            mine = one.execute_pre_trade(buy(1, "50"), key="order").reservation
            taken = other.execute_pre_trade(buy(1, "50"), key="order").reservation
            until(lambda: one.execute_pre_trade(buy(1, "50")).ok)
            with pytest.raises(ReservationExpired):
                taken.commit()
            with pytest.raises(RuntimeError):
                mine.commit()
    finally:
        code, _ = server.stop()
        server.remove()
    assert code == 0


def test_where_programs_bring_the_time_nothing_expires() -> None:
    arguments = ["serve", "--socket", "s", "--client-time", "--reservation-ttl", "5"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "--reservation-ttl goes by the server's clock" in result.output
    stage = openpit.Engine.builder().sharded(2, reservation_ttl=5)
    plan = stage.builtin(build_order_validation())._plan()
    starting = start_service(plan, lambda: 0, Limits(), users={}, client_time=True)
    with pytest.raises(ValueError, match="goes by the server's clock"):
        asyncio.run(starting)


@pytest.mark.parametrize(("options", "found"), [(("--keep", "all"), [1, 2, 3]), ((), [3])])
def test_the_audit_goes_back_as_far_as_a_server_keeps_its_journal(
    tmp_path: Path, options: tuple[str, ...], found: list[int]
) -> None:
    journal = tmp_path / "desk"
    for number in (1, 2, 3):
        server = Server(CONFIG, "--journal", str(journal), *options, shards=1)
        try:
            with openpit.connect(server.path) as engine:
                engine.accounts().block(account(number), "by hand")
        finally:
            assert server.stop()[0] == 0
            limits = tmp_path / "limits.toml"
            limits.write_text(CONFIG)
            server.remove()
    result = CliRunner().invoke(
        main, ["journal", "decisions", str(journal), "--config", str(limits)]
    )
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["account"] for one in lines if one.get("what") == "block"] == found


@pytest.mark.parametrize("value", ["1", "-2", "every", "", "٣"])
def test_how_many_snapshots_stay_is_two_or_more_or_all(value: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--socket", "s", "--keep", value])
    assert result.exit_code == 2
    assert "neither 2 or more nor all" in result.output
