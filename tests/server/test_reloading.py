"""SIGHUP has a server read its limits again: all of them at one point, or none."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flow import buy
from server_processes import FUNDS, RATE, Server, until

import openpit

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITED = "[order_size_limit]\nbroker = { max_quantity = 5 }\n" + RATE


def reload(server: Server, text: str) -> str:
    """Have a server read another file; return what it says then."""
    Path(server.folder, "limits.toml").write_text(text)
    server.process.send_signal(signal.SIGHUP)
    assert server.process.stderr is not None
    return server.process.stderr.readline()


def codes(engine: Any, quantity: str) -> list[list[str]]:
    """Return what accounts of all shards are told for an order."""
    results = engine.execute_pre_trade_many([buy(number, quantity) for number in range(1, 13)])
    return [[str(reject.code) for reject in result.rejects] for result in results]


def test_a_file_that_is_right_changes_every_shard(serve: Callable[..., Server]) -> None:
    server = serve(LIMITED.replace("max_orders = 5", "max_orders = 5000"), shards=3)
    assert server.process.stderr is not None
    server.process.stderr.readline()  # where it listens
    with openpit.connect(server.path) as engine:
        assert codes(engine, "6") == [["OrderQtyExceedsLimit"]] * 12
        path = f"{server.folder}/limits.toml"
        wider = LIMITED.replace("max_quantity = 5", "max_quantity = 7").replace(
            "max_orders = 5", "max_orders = 5000"
        )
        assert reload(server, wider) == f"{path}: changed [order_size_limit]\n"
        assert codes(engine, "6") == [[]] * 12
        assert reload(server, wider) == f"{path}: these limits are in force\n"
        assert reload(server, "[rate_limit]\nbroker = 5\n") == (
            f"{path}: [rate_limit] key 'broker' must be a table, not 5 (line 2); "
            "the limits stay as they are\n"
        )
        assert "the file has no [order_size_limit]" in reload(server, RATE)
        Path(path).unlink()
        server.process.send_signal(signal.SIGHUP)
        assert "the limits stay as they are" in server.process.stderr.readline()
        assert codes(engine, "6") == [[]] * 12
    assert server.stop()[0] == 0


def test_a_server_at_a_terminal_ends_with_it(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text(FUNDS)
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        server = subprocess.Popen(
            [sys.executable, "-m", "openpit", "serve", "--socket", str(tmp_path / "s"),
             "--shards", "1", "--config", str(limits)],
            stderr=its,
        )  # fmt: skip
        os.close(its)
        try:
            until((tmp_path / "s").exists)
            assert b"listening" in terminal.read(4096)
            server.send_signal(signal.SIGHUP)
            assert server.wait(60) == 0
        finally:
            server.kill()
            server.wait()


def test_a_server_without_a_file_ends_as_it_did(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "openpit", "serve", "--socket", str(tmp_path / "s"),
         "--shards", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert server.stderr is not None
    with server.stderr as said:
        assert "listening" in said.readline()
        server.send_signal(signal.SIGHUP)
        assert server.wait(60) == 0


def test_a_change_is_in_the_journal_and_the_file_is_carried_over_to_the_next_server(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "desk"))
    server = serve(LIMITED, *journal, shards=1)
    assert server.process.stderr is not None
    server.process.stderr.readline()  # where it listens
    wider = LIMITED.replace("max_quantity = 5", "max_quantity = 7")
    said = "changed [order_size_limit]; the next start with this file takes --migrate"
    assert said in reload(server, wider)
    with openpit.connect(server.path) as engine:
        assert codes(engine, "6") == [[]] * 5 + [["RateLimitExceeded"]] * 7
    assert server.stop()[0] == 0

    server = serve(LIMITED, *journal, shards=1)  # the first file: what was changed stays
    with openpit.connect(server.path) as engine:
        assert engine.settings()["order_size_limit"]["broker"] == {"max_quantity": "7"}
    assert server.stop()[0] == 0

    funds = FUNDS.replace("[spot_funds]", '[spot_funds]\nlimit_mode = "TrackOnly"')
    narrower = LIMITED.replace("max_quantity = 5", "max_quantity = 3")
    server = serve(f"{narrower}{funds}", *journal, "--migrate", shards=1)
    with openpit.connect(server.path) as engine:
        settings = engine.settings()
        assert settings["order_size_limit"]["broker"] == {"max_quantity": "3"}
        assert settings["spot_funds"]["limit_mode"] == "TrackOnly"  # it is new, and was prepared
        changed = openpit.limits.loads(narrower + FUNDS)
        openpit.limits.apply(engine, changed)
        assert engine.settings()["spot_funds"].get("limit_mode") != "TrackOnly"
    assert server.stop()[0] == 0

    server = serve(f"{narrower}{funds}", *journal, "--migrate", shards=1)
    with openpit.connect(server.path) as engine:  # what the file says holds, whoever changed it
        assert engine.settings()["spot_funds"]["limit_mode"] == "TrackOnly"
    code, text = server.stop()
    assert code == 0
    assert "changed [spot_funds]" in text
