"""Calls with keys, and reservations that expire, of programs that share a server."""

from __future__ import annotations

import asyncio

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
