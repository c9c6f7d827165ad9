"""A server's metrics, observer and logs: what its operator has of it."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("prometheus_client")

from click.testing import CliRunner
from flow import IN_SHARD_0, IN_SHARD_1, buy
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from server_processes import FUNDS, Server, until

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.metrics import collector
from openpit.param import AccountId

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python

RATE = '[rate_limit.broker]\nmax_orders = 5\nwindow = "1h"\n'


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def check_logs(text: str, desk: int) -> None:
    *lines, last = text.splitlines()
    assert last.startswith("Error: shard 0 is down")
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    by_event: dict[str, dict[str, Any]] = {one.get("event", ""): one for one in records}
    assert by_event["block"]["session"] == desk
    assert by_event["block"]["account"] == IN_SHARD_1
    changed = by_event["settings"]
    assert changed["before"]["rate_limit"]["broker"]["max_orders"] == 5
    assert changed["after"]["rate_limit"]["broker"]["max_orders"] == 2
    by_whom = {one["session"]: one for one in records if one.get("event") == "session_opened"}
    assert by_whom[changed["session"]]["name_of_session"].startswith("ctl ")
    assert (by_event["down"]["logger"], by_event["down"]["shard"]) == ("openpit.router", 0)
    assert any(one["message"].startswith("listening at") for one in records)


def test_what_an_operator_reads_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = tmp_path / "watched"
    monkeypatch.setenv("OPENPIT_WATCHED", str(watched))
    server = Server(RATE + FUNDS, "--log-json", "--observer", "watching:Written")
    limits = tmp_path / "limits.toml"
    limits.write_text(RATE.replace("5", "2") + FUNDS)
    try:
        with openpit.connect(server.path, name="desk", timeout=30) as engine:
            kept = engine.execute_pre_trade(buy(IN_SHARD_0, "1"))
            engine.accounts().block(AccountId.from_int(IN_SHARD_1), "by hand")
            assert engine.execute_pre_trade(buy(IN_SHARD_1, "1")).rejects

            ctl = ("ctl", "--socket", server.path, "--timeout", "30")
            result = CliRunner().invoke(main, [*ctl, "metrics"])
            assert result.exit_code == Exit.OK, result.output
            told = samples(result.stdout)
            assert told["openpit_decisions_total", "accepted", "0"] == 1
            assert told["openpit_rejects_total", "AccountBlocked", "Engine", "1"] == 1
            assert told["openpit_reservations_open", "0"] == 1
            assert told["openpit_sessions", "admin"] == 2  # this one, and the command's
            assert told["openpit_round_trip_seconds_count", "0"] > 0
            assert told["openpit_server_up",] == 1

            shown = CliRunner().invoke(main, [*ctl, "limits", "set", "--yes", str(limits)])
            assert shown.exit_code == Exit.OK, shown.output

            os.kill(server.workers[0], signal.SIGKILL)
            until(lambda: engine.stats()[0].state == "down")
            after = samples(collector(engine, timeout=30).text())
            assert any(key[0] == "openpit_shard_missing" and key[1] == "0" for key in after)
            assert after["openpit_shard_up", "0"] == 0
            del kept
        until(lambda: watched.read_text().count("closed") >= 1)
        code, text = server.stop()
    finally:
        server.remove()

    assert code == Exit.SHARD_DIED
    heard = [json.loads(line) for line in watched.read_text().splitlines()]
    number = next(row[1] for row in heard if row[0] == "opened" and row[2] == "desk")
    assert ["opened", number, "desk", os.getuid()] in heard
    assert ["closed", number, "desk", os.getuid()] in heard
    assert ["down", 0] in heard

    check_logs(text, number)


@pytest.mark.parametrize("form", [None, "text"])
def test_a_policy_that_raises_is_in_the_servers_log_once(
    form: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form is not None:
        monkeypatch.setenv("OPENPIT_LOG", form)
    server = Server(FUNDS, "--policy", "touchy_policy:Touchy")
    try:
        with openpit.connect(server.path, name="desk", timeout=30) as engine:
            engine.accounts().block(AccountId.from_int(IN_SHARD_1), "by hand")
            for _ in range(3):
                with pytest.raises(openpit.errors.ShardCallbackError, match="TouchyError"):
                    engine.execute_pre_trade(buy(IN_SHARD_0, "13"))
        code, text = server.stop()
    finally:
        server.remove()
    assert code == Exit.OK
    lines = [line for line in text.splitlines() if "Touchy" in line]
    told = f"shard 0: policy Touchy has raised TouchyError: not that (account {IN_SHARD_0}, "
    assert [told in line for line in lines] == [True, False]
    assert lines[1].endswith("shard 0: policy Touchy: TouchyError: 2 more")
    # What is no warning is told where it was asked for, by the server as by its workers.
    wanted = ["INFO openpit.server", "session 1 (desk) of user", "session 1: block ["]
    said = [any(one in line for line in text.splitlines()) for one in wanted]
    assert said == [form == "text"] * 3, text


def test_a_server_that_has_gone_is_told_and_nobody_waits() -> None:
    server = Server(FUNDS)
    try:
        with openpit.connect(server.path, timeout=30) as engine:
            metrics = collector(engine)
            server.stop(signal.SIGKILL)
            told = samples(metrics.text())
    finally:
        server.remove()
    assert told["openpit_server_up",] == 0
    assert told["openpit_shard_up", "0"] == 0


@pytest.mark.parametrize(
    ("observer", "why"),
    [
        ("watching", "--observer is MODULE:FACTORY, not watching"),
        ("watching:Nobody", "has no attribute 'Nobody'"),
        ("builtins:object", "observer() takes an object with one of"),
    ],
)
def test_an_observer_that_is_none_is_refused_before_anything_starts(
    observer: str, why: str, tmp_path: Path
) -> None:
    arguments = ["serve", "--socket", str(tmp_path / "s"), "--observer", observer]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == Exit.USAGE
    assert why in " ".join(result.stderr.split())
