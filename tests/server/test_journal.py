"""A server with a journal that is killed, ended, and started again; its workers that are killed."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from server_processes import FUNDS, RATE, Server, until

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.errors import CommandSkipped, ShardDown
from openpit.faces.blocking.driver import BlockingDriver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHARDS = (IN_SHARD_0, IN_SHARD_1)


def usd(engine: openpit.ShardedEngine, number: int) -> tuple[int, int]:
    """Return what an account has free, and what is set aside, in USD."""
    state = engine.account_state(account(number))
    (found,) = [one for policy in state.policies for one in policy.holdings if one.asset == "USD"]
    return int(found.available.decimal), int(found.held.decimal)


def ordered(number: int, quantity: str = "10") -> openpit.Order:
    """An order for so many shares at 10 USD."""
    return buy(number, quantity, price="10")


def test_a_killed_server_comes_back_with_all_that_was_answered(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "desk"), "--grace", "0.5")
    server = serve(FUNDS, *journal)
    kept = openpit.connect(server.path, name="desk")
    other = openpit.connect(server.path)
    first = [kept.execute_pre_trade(ordered(number)).reservation for number in SHARDS]
    others = [other.execute_pre_trade(ordered(number)).reservation for number in SHARDS]
    kept.execute_pre_trade(ordered(SHARDS[0])).reservation.commit()
    kept.accounts().block(account(3), "by hand")
    kept.accounts().register_group([account(4), account(5)], 7)
    server.stop(signal.SIGKILL)

    serve(FUNDS, *journal, path=server.path)
    with openpit.connect(server.path, name="desk") as engine:
        left = engine.open_reservations()
        assert [one.account_id for one in left] == [*map(account, SHARDS)]
        # The orders of the one without a name are rolled back, the funds are not set anew.
        assert [usd(engine, number) for number in SHARDS] == [(9800, 200), (9900, 100)]
        assert engine.account_state(account(3)).is_blocked
        assert [group.members for group in engine.groups()] == [2]
        left[0].handle.commit()
        left[1].handle.rollback()
        assert [usd(engine, number)[0] for number in SHARDS] == [9800, 10000]
        assert engine.open_reservations() == []
    del first, others
    for engine in (kept, other):
        engine.close()


def test_a_name_keeps_what_is_open_while_its_program_is_away_and_no_longer(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(FUNDS, "--journal", str(tmp_path / "desk"), "--grace", "0.5")
    watching = openpit.connect(server.path)
    for ends in (True, False):
        engine = openpit.connect(server.path, name="desk")
        held = [engine.execute_pre_trade(ordered(number)).reservation for number in SHARDS]
        if ends:
            engine.close()
            held.clear()
            engine = openpit.connect(server.path, name="desk")
        else:  # the newer one wins
            engine = openpit.connect(server.path, name="desk")
        mine = engine.execute_pre_trade(ordered(SHARDS[0])).reservation
        left = engine.open_reservations()
        assert [one.account_id for one in left] == [*map(account, SHARDS)]
        assert usd(watching, SHARDS[0]) == (9800, 200)
        for one in left:
            one.handle.rollback()
        mine.rollback()
        del held, left, one
        engine.close()

    engine = openpit.connect(server.path, name="desk")
    held = [engine.execute_pre_trade(ordered(number)).reservation for number in SHARDS]
    engine.close()
    until(lambda: [usd(watching, number) for number in SHARDS] == [(10000, 0)] * 2)
    engine = openpit.connect(server.path, name="desk")
    assert engine.open_reservations() == []
    held = [engine.execute_pre_trade(ordered(number)).reservation for number in SHARDS]
    engine.close(rollback=True)
    assert [usd(watching, number) for number in SHARDS] == [(10000, 0)] * 2
    del held
    watching.close()


def test_an_ended_server_keeps_what_sessions_with_a_name_have_open(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "desk"))
    server = serve(FUNDS, *journal)
    engine = openpit.connect(server.path, name="desk")
    held = [engine.execute_pre_trade(ordered(number)).reservation for number in SHARDS]
    assert server.stop()[0] == 0

    again = serve(FUNDS, *journal, path=server.path)
    until(
        lambda: engine.execute_pre_trade(ordered(SHARDS[0])).ok
    )  # the session comes back by itself
    hint = r"of the session before, and open_reservations\(\) gives back what that has left open$"
    with pytest.raises(ShardDown, match=hint):
        held[0].commit()
    left = engine.open_reservations()
    assert [one.account_id for one in left][-2:] == [*map(account, SHARDS)][-2:]
    assert len(left) == 2
    engine.close(rollback=True)
    with openpit.connect(server.path) as engine:
        until(lambda: [usd(engine, number) for number in SHARDS] == [(10000, 0)] * 2)
    assert again.stop()[0] == 0


def test_a_killed_worker_of_a_server_costs_its_sessions_a_pause(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(FUNDS, "--journal", str(tmp_path / "desk"))
    with openpit.connect(server.path, timeout=1.0) as engine:
        held: list[Any] = [
            engine.execute_pre_trade(ordered(number)).reservation for number in SHARDS
        ]
        for pid in server.workers[-2:]:
            os.kill(pid, signal.SIGKILL)
        for number in SHARDS * 2:
            assert engine.execute_pre_trade(ordered(number)).ok
        held.pop(0).commit()
        held.pop(0).rollback()
        engine.poll()
        assert usd(engine, SHARDS[0]) == (9900, 100)
        assert usd(engine, SHARDS[1]) == (10000, 0)


def test_of_a_batch_that_ends_its_worker_each_time_the_innocent_orders_are_answered(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "desk"), "--policy", "serve_policies:Fatal")
    server = serve(FUNDS + RATE, *journal)
    quantities = ("10", "77", "20", "30")
    with openpit.connect(server.path, name="desk") as engine:
        watching = openpit.connect(server.path)

        with pytest.raises(openpit.SomeItemsFailed) as failed:
            engine.execute_pre_trade_many([ordered(SHARDS[0], one) for one in quantities])

        assert failed.value.indexes == (1,)
        assert isinstance(failed.value.exceptions[0], CommandSkipped)
        results = failed.value.results
        assert [result is not None and result.ok for result in results] == [True, False, True, True]
        assert usd(watching, SHARDS[0]) == (9400, 600)
        assert watching.stats()[0].state == "up"
        # Of the five that the rate allows, the three have counted, and the skipped one at most.
        more = watching.execute_pre_trade_many([ordered(SHARDS[1], "10")] * 3)
        assert [result.ok for result in more] in ([True, False, False], [True, True, False])
        for result in results:
            if result:
                result.reservation.rollback()
        assert usd(watching, SHARDS[0]) == (10000, 0)
        watching.close()

    asked = ["journal", "decisions", journal[1], "--config", f"{server.folder}/limits.toml"]
    told = CliRunner().invoke(main, [*asked, *journal[2:], "--account", str(SHARDS[0])])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    (line,) = (one for one in lines if one["kind"] == "skipped")
    assert (line["name"], line["user"], line["account"]) == ("desk", os.getuid(), SHARDS[0])
    assert line["detail"] == "execute, counted"


def test_a_server_that_is_to_replace_no_worker_does_not(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(FUNDS, "--journal", str(tmp_path / "desk"), "--restarts", "0")
    workers = server.workers
    with openpit.connect(server.path) as engine:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        until(lambda: [one.state for one in engine.stats()] == ["down", "down"])
        assert not engine.execute_pre_trade(ordered(SHARDS[0]))


def test_the_options_of_replaced_workers_have_limits() -> None:
    for option, value in (("--restarts", "-1"), ("--recovery-timeout", "0")):
        done = CliRunner().invoke(main, ["serve", "--socket", "s", option, value])
        assert done.exit_code == Exit.USAGE
        assert f"Invalid value for '{option}'" in done.output


def test_a_session_that_has_not_heard_of_other_limits_ends_as_soon_as_it_is_closed(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(FUNDS + RATE, "--journal", str(tmp_path / "desk"))
    idle = openpit.connect(server.path, name="idle", timeout=20)
    with openpit.connect(server.path, name="operator") as operator:
        most = openpit.pretrade.policies.RateLimit(7, timedelta(hours=1))
        broker = openpit.pretrade.policies.RateLimitBrokerBarrier(most)
        operator.configure().rate_limit("RateLimitPolicy", broker=broker)

    are_over = []
    give_up = BlockingDriver._give_up_the_rest

    def noted(driver: BlockingDriver) -> None:
        are_over.append(all(port.is_over for port in driver._ports))
        give_up(driver)

    monkeypatch.setattr(BlockingDriver, "_give_up_the_rest", noted)
    idle.close()
    assert are_over == [True]  # it did not wait until its time was up
