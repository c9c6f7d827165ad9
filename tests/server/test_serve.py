"""`openpit serve` as a process: where it listens, whom it takes, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flow import buy
from server_processes import FUNDS, RATE, until

import openpit
from openpit.errors import NotPermitted, ServerRefused

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS = 20


def serve_at(path: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "openpit", "serve", "--socket", path, "--shards", "1", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent,
    )


def test_it_says_where_it_listens_and_leaves_nothing(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    server = serve(FUNDS, "--pid-file", str(pid_file))
    workers = server.workers
    assert server.line == (
        f"listening at {server.path} with 2 shards, process {server.process.pid}\n"
    )
    assert pid_file.read_text() == f"{server.process.pid}\n"
    assert stat.S_IMODE(Path(server.path).stat().st_mode) == 0o600
    assert server.stop() == (0, server.line)
    assert not Path(server.path).exists()
    assert not pid_file.exists()
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_dead_servers_socket_is_replaced_and_a_living_ones_is_not(
    serve: Callable[..., Any],
) -> None:
    server = serve()
    second = serve_at(server.path)
    assert (second.returncode, second.stderr) == (
        7,
        f"Error: cannot listen at {server.path}: a server listens there already\n",
    )
    with openpit.connect(server.path) as engine:
        assert engine.execute_pre_trade(buy(7))
    server.stop(signal.SIGKILL)
    assert Path(server.path).exists()
    with pytest.raises(ServerRefused, match="no server listens at"):
        openpit.connect(server.path)
    again = serve(FUNDS, path=server.path)
    with openpit.connect(server.path) as engine:
        assert engine.execute_pre_trade(buy(7))
    assert again.stop()[0] == 0


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    assert serve_at(str(path)).returncode == 7
    assert path.read_text() == "mine"


def test_orders_in_flight_are_answered_before_it_ends(serve: Callable[..., Any]) -> None:
    server = serve(FUNDS, "--policy", "serve_policies:Slow")
    with openpit.connect(server.path) as engine:
        # Five orders of a shard, 0.2 s each.
        call = engine._client.execute_many(0, [buy(7, "1")] * 5, [0] * 5)
        while call.feed():
            pass
        engine._driver._send()
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        engine._driver._wait(call)
        assert [bool(result) for result in call.result()] == [True] * 5
    assert server.process.wait(ENDS) == 0


def test_a_second_signal_ends_it_at_once(serve: Callable[..., Any]) -> None:
    server = serve(FUNDS, "--policy", "serve_policies:Stuck", "--drain", "60")
    with openpit.connect(server.path, timeout=0.2) as engine:
        assert not engine.execute_pre_trade(buy(7))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None
        code, text = server.stop()
    assert code == 130
    assert "ended at once, by a second signal" in text
    assert time.monotonic() - began < ENDS


def test_a_signal_ends_it_while_its_workers_start(tmp_path: Path) -> None:
    starting = subprocess.Popen(
        [sys.executable, "-m", "openpit", "serve", "--socket", str(tmp_path / "s"),
         "--shards", "1", "--policy", "serve_policies:Late"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )  # fmt: skip
    children = Path(f"/proc/{starting.pid}/task/{starting.pid}/children")
    until(lambda: bool(children.read_text()))
    (worker, *_) = children.read_text().split()
    starting.send_signal(signal.SIGTERM)
    _, text = starting.communicate(timeout=ENDS)
    assert starting.returncode == 130
    assert "interrupted" in text
    assert not Path(f"/proc/{worker}").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_policy_of_ones_own_sees_the_orders(serve: Callable[..., Any]) -> None:
    server = serve(RATE, "--policy", "serve_policies:EvenOnly")
    with openpit.connect(server.path) as engine:
        assert engine.execute_pre_trade(buy(7, "2"))
        (reject,) = engine.execute_pre_trade(buy(7, "3")).rejects
        assert (reject.policy, reject.reason) == ("EvenOnly", "odd")


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("os:getcwd", "has no attribute 'name'"),
        ("serve_policies:Needy", "TypeError: Needy.__init__() missing 1"),
        ("serve_policies:Needy", "name an object that your module makes of it"),
        ("serve_policies", "--policy is MODULE:NAME"),
        ("serve_policies:None_", "has no attribute 'None_'"),
        ("no_such_module:Policy", "No module named 'no_such_module'"),
    ],
)
def test_a_policy_that_is_not_there(tmp_path: Path, policy: str, why: str) -> None:
    done = serve_at(str(tmp_path / "s"), "--policy", policy)
    assert done.returncode == 2
    assert why in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("actor", "why"),
    [
        ("desk_actor:Desk", "--actor is NAME=MODULE:FACTORY, not desk_actor:Desk"),
        ("desk=desk_actor", "--actor is NAME=MODULE:FACTORY, not desk=desk_actor"),
        ("desk", "--actor is NAME=MODULE:FACTORY, not desk"),
        ("=desk_actor:Desk", "an actor's name has 1 to 64 bytes"),
        ("desk=desk_actor:None_", "has no attribute 'None_'"),
        ("desk=os:sep", "TypeError: actor() takes a name and a factory"),
    ],
)
def test_an_actor_that_is_not_there(tmp_path: Path, actor: str, why: str) -> None:
    done = serve_at(str(tmp_path / "s"), "--actor", actor)
    assert done.returncode == 2
    assert why in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("role", ["1000", "1000=root", "me=admin", "=admin", "-1=admin"])
def test_a_role_that_there_is_none_of(tmp_path: Path, role: str) -> None:
    done = serve_at(str(tmp_path / "s"), "--role", role)
    assert done.returncode == 2
    assert "--role is UID=reader, UID=trader or UID=admin" in done.stderr.replace("\n", " ")


def test_a_bad_configuration_is_told(tmp_path: Path) -> None:
    config = tmp_path / "limits.toml"
    config.write_text("[order_limits]\n")
    done = serve_at(str(tmp_path / "s"), "--config", str(config))
    assert done.returncode == 3
    assert "unknown table [order_limits]" in done.stderr


def test_a_service_manager_is_notified(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        listening.settimeout(ENDS)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        server = serve()
        assert listening.recv(100) == b"READY=1"
        server.stop()
        assert listening.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (["--socket", "FOLDER/none/s"], 7, "cannot listen at FOLDER/none/s: No such file"),
        (["--socket", "FOLDER/" + "s" * 120], 7, "AF_UNIX path too long"),
        (["--pid-file", "FOLDER/none/pid"], 7, "cannot write FOLDER/none/pid: No such file"),
        (["--journal", ""], 2, "'--journal': is empty, which names no directory"),
        (["--ready-fd", "77"], 2, "--ready-fd 77: no such descriptor is open"),
        (["--policy", "serve_policies:EvenOnly"] * 2, 2, "--policy: duplicate"),
        (["--actor", "desk=desk_actor:Desk"] * 2, 2, "duplicate actor name in engine config"),
        (["--actor", "desk=os:getcwd"], 6, "actor desk cannot be made: TypeError: "),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_left(
    tmp_path: Path, options: list[str], code: int, why: str
) -> None:
    folder = str(tmp_path)
    options = [option.replace("FOLDER", folder) for option in options]
    done = serve_at(f"{folder}/s", *options)
    assert done.returncode == code
    assert why.replace("FOLDER", folder) in done.stderr
    assert list(tmp_path.iterdir()) == []


STRANGER = 65534


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_users_are_told_by_the_kernel(serve: Callable[..., Any]) -> None:
    answers = []
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # others cannot enter pytest's own
        Path(folder).chmod(0o755)
        for users in (
            [],
            ["--allow-uid", "12345"],
            ["--allow-uid", str(STRANGER)],
            ["--role", f"{STRANGER}=reader"],
            ["--role", f"{STRANGER}=admin", "--allow-uid", str(STRANGER)],
        ):
            server = serve(FUNDS, *users, path=f"{folder}/s")
            openpit.connect(server.path).close()  # and everything is imported that this takes
            answers.append(_as_stranger(server.path))
            server.stop()
    assert answers == [
        f"user this user may not connect to PATH: {os.strerror(13)}",
        f"user user {STRANGER} may not connect to this server",
        "2 trader",
        "2 reader",
        "2 admin",
    ]


def _as_stranger(path: str) -> str:
    """What a program of another user gets; forked, since that user may not read this checkout."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setuid(STRANGER)
            try:
                with openpit.connect(path) as engine:
                    text = f"{engine.shards} admin"
                    try:
                        engine.accounts().unblock_all()
                    except NotPermitted as error:
                        text = f"{engine.shards} {error.role}"
            except ServerRefused as error:
                text = f"{error.reason} {error}"
            os.write(writing, text.replace(path, "PATH").encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def test_a_built_in_policy_may_have_market_data(serve: Callable[..., Any]) -> None:
    server = serve("[order_validation]\n", "--policy", "serve_policies:SPOT")
    with openpit.connect(server.path) as one, openpit.connect(server.path) as other:
        market = one.market_data("SpotFundsPolicy")
        number = market.resolve(openpit.Instrument("AAPL", "USD"))
        (reject,) = other.execute_pre_trade(buy(1, price=None)).rejects
        assert str(reject.code) == "MarkPriceUnavailable"
        market.push(number, openpit.marketdata.Quote(mark="100"), timedelta(0))
        assert market.resolve(openpit.Instrument("AAPL", "USD")) == number  # the quote is there
        (reject,) = one.execute_pre_trade(buy(1, price=None)).rejects
        assert str(reject.code) == "InsufficientFunds"
