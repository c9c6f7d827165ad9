"""`openpit mcp` and `openpit top`: a running server for a model, and for a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from flow import IN_SHARD_0, IN_SHARD_1, buy
from server_processes import Server

import openpit
from openpit.cli import main
from openpit.cli.exits import Exit

pytest.importorskip("mcp")

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from openpit.cli.commands.journal_past import audit_of
from openpit.cli.mcp_tools import Tools, new_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.one_python

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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a journal for the tests of this module; each leaves it as it was."""
    journal = tmp_path_factory.mktemp("mcp") / "journal"
    server = Server(LIMITS, "--journal", str(journal))
    server.journal = journal  # type: ignore[attr-defined]  # for the audit
    yield server
    server.remove()


def asked(server: Server, talk: Callable[[Client], Any], *allowed: str) -> Any:
    """Have a model's program talk to the tools of a server."""

    async def connected() -> Any:
        path = Path(server.path)
        limits = Path(server.folder, "limits.toml")
        async with await openpit.connect_async(path, name="mcp 1", timeout=60) as engine:

            def audit(account: int | None) -> Iterator[str]:
                return audit_of(server.journal, limits, (), (), account)  # type: ignore[attr-defined]  # see above

            tools = Tools(engine, path, 60, "mcp 1", audit)
            async with Client(new_server(tools, allowed, has_audit=True)) as client:
                return await talk(client)

    return asyncio.run(connected())


async def told(client: Client, tool: str, **arguments: Any) -> Any:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content[0].text)  # type: ignore[union-attr]  # it is a text


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


READING = [
    "health", "account", "groups", "limits", "last_refusals", "last_changes", "check_order",
    "audit",
]  # fmt: skip


@pytest.mark.parametrize(
    ("allowed", "more"),
    [
        ((), []),
        (("block",), ["block_account", "unblock_account"]),
        (
            ("limits", "halt", "block"),
            ["block_account", "unblock_account", "halt", "resume", "set_limits"],
        ),
    ],
)
def test_what_changes_something_is_there_only_where_it_was_switched_on(
    server: Server, allowed: tuple[str, ...], more: list[str]
) -> None:
    async def talk(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == READING + more
        for tool in tools:
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is (tool.name in READING)
        if not allowed:
            assert "halt" in await refused(client, "halt", reason="now")

    asked(server, talk, *allowed)
    with openpit.connect(server.path, timeout=60) as engine:
        assert engine.halted() is None


def test_a_model_finds_out_why_an_order_was_refused(server: Server) -> None:
    with openpit.connect(server.path, name="gateway", timeout=60) as engine:
        assert not engine.execute_pre_trade(buy(IN_SHARD_1, "1000", "100"))

        async def talk(client: Client) -> None:
            (first, *_) = (await told(client, "last_refusals", account=str(IN_SHARD_1)))["refusals"]
            assert (first["account"], first["session"]) == (IN_SHARD_1, "gateway")
            assert first["rejects"][0]["policy"] == "SpotFundsPolicy"
            assert (await told(client, "last_refusals", account=str(IN_SHARD_0)))["refusals"] == []

            order = {"underlying": "AAPL", "settlement": "USD", "side": "BUY", "price": "100"}
            now = await told(
                client, "check_order", account=str(IN_SHARD_1), quantity="1000", **order
            )
            assert (now["would_pass"], now["rejects"]) == (False, first["rejects"])
            less = await told(client, "check_order", account=str(IN_SHARD_1), quantity="1", **order)
            assert less == {"would_pass": True, "rejects": [], "would_block_the_account": None}

            account = await told(client, "account", account=str(IN_SHARD_1))
            assert account["policies"][0]["holdings"][0]["available"] == "10000"
            (line,) = (await told(client, "audit", account=str(IN_SHARD_1), most=1))["lines"]
            assert (line["kind"], line["accepted"]) == ("order", False)
            assert line["rejects"][0]["reason"] == first["rejects"][0]["reason"]

        asked(server, talk)


def test_health_and_limits_are_told(server: Server) -> None:
    with openpit.connect(server.path, name="gateway", timeout=60):

        async def talk(client: Client) -> None:
            health = await told(client, "health")
            assert (health["is_well"], health["halted"]) == (True, None)
            assert [one["state"] for one in health["shards"]] == ["up", "up"]
            assert [one["name"] for one in health["sessions"]] == ["gateway"]
            limits = await told(client, "limits")
            assert limits["tables"]["rate_limit"]["broker"]["max_orders"] == 1000
            assert "max_orders = 1000" in limits["toml"]
            assert (await told(client, "groups")) == {"groups": []}

        asked(server, talk)


def test_blocks_halts_and_limits_are_changed_where_that_is_allowed(server: Server) -> None:
    with openpit.connect(server.path, name="gateway", timeout=60) as engine:
        # In a thread: the model's session shares this one's loop, and has to give back its turns.
        async def reasons(account: int) -> list[str]:
            report = await asyncio.to_thread(engine.execute_pre_trade_dry_run, buy(account, "1"))
            return [one.reason for one in report.rejects or ()]

        async def most_orders() -> object:
            tables = await asyncio.to_thread(engine.settings)
            return tables["rate_limit"]["broker"]["max_orders"]

        async def talk(client: Client) -> None:
            blocked = await told(client, "block_account", account=str(IN_SHARD_0), reason="hedge")
            assert blocked["block"]["reason"] == "hedge"
            assert (await reasons(IN_SHARD_0), await reasons(IN_SHARD_1)) == (["hedge"], [])
            left = await told(client, "unblock_account", account=str(IN_SHARD_0))
            assert left["still_blocked_by"] is None
            assert await told(client, "halt", reason="lunch") == {"halted": "lunch"}
            assert await reasons(IN_SHARD_0) == await reasons(IN_SHARD_1) == ["lunch"]
            assert await told(client, "resume") == {"halted": None}
            assert await reasons(IN_SHARD_0) == []

            toml = (await told(client, "limits"))["toml"]
            wanted = toml.replace("max_orders = 1000", "max_orders = 900")
            asking = await told(client, "set_limits", toml=wanted)
            assert asking["changed"] is False
            assert "-max_orders = 1000\n+max_orders = 900" in asking["difference"]
            assert await most_orders() == 1000
            made = await told(
                client, "set_limits", toml=wanted, expected_difference=asking["difference"]
            )
            assert made["changed"] is True
            assert await most_orders() == 900
            other = await told(
                client, "set_limits", toml=toml, expected_difference=asking["difference"]
            )
            assert other["changed"] is False  # the difference is another one by now
            back = other["difference"]
            assert (await told(client, "set_limits", toml=toml, expected_difference=back))[
                "changed"
            ]
            changes = (await told(client, "last_changes", most=2))["changes"]
            assert [one["session"] for one in changes] == ["mcp 1", "mcp 1"]

        asked(server, talk, "block", "halt", "limits")


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        ("account", {"account": ""}, "is no account"),
        ("check_order", {"price": "1"}, "a quantity or a volume"),
        ("check_order", {"quantity": "1", "volume": "1"}, "a quantity or a volume"),
        ("check_order", {"quantity": "many"}, "no such order"),
        ("check_order", {"quantity": "1", "side": "HOLD"}, "side"),
        ("last_refusals", {"most": 0}, "most"),
        ("set_limits", {"toml": "[order_validation]"}, "the file has no [rate_limit]"),
        ("set_limits", {"toml": "[rate_limit]\nmax = 1"}, "unknown key"),
    ],
)
def test_what_makes_no_sense_is_told_so(
    server: Server, tool: str, arguments: dict[str, Any], why: str
) -> None:
    if tool == "check_order":
        usual = {"account": "1", "underlying": "AAPL", "settlement": "USD", "side": "BUY"}
        arguments = {**usual, **arguments}

    async def talk(client: Client) -> None:
        assert why in await refused(client, tool, **arguments)

    asked(server, talk, "limits")


def test_a_program_starts_it_and_talks_to_it_by_its_pipes(server: Server) -> None:
    arguments = ["-m", "openpit", "mcp", "--socket", server.path, "--timeout", "60"]

    async def talk() -> None:
        program = StdioServerParameters(
            command=sys.executable, args=[*arguments, "--allow", "halt"], env={**os.environ}
        )
        async with Client(program) as client:
            assert await names(client) == [*READING[:-1], "halt", "resume"]
            assert (await told(client, "health"))["is_well"] is True

    asyncio.run(talk())


@pytest.mark.parametrize("command", ["mcp", "top"])
def test_where_no_server_is_the_command_says_so(command: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [command, "--socket", str(tmp_path / "nobody")])
    assert (result.exit_code, "no server" in result.output) == (Exit.REFUSED, True), result.output


def test_options_that_make_no_sense_are_usage_errors(tmp_path: Path) -> None:
    for options in (["--allow", "everything"], ["--config", __file__]):
        result = CliRunner().invoke(main, ["mcp", "--socket", str(tmp_path), *options])
        assert result.exit_code == Exit.USAGE, result.output


def test_top_prints_a_frame(server: Server) -> None:
    with openpit.connect(server.path, name="gateway", timeout=60) as engine:
        accounts = engine.accounts()
        accounts.block(openpit.param.AccountId.from_int(IN_SHARD_0), "hedge first")
        assert not engine.execute_pre_trade(buy(IN_SHARD_0, "1"))
        result = CliRunner().invoke(
            main, ["top", "--socket", server.path, "--timeout", "60", "--once"]
        )
        assert result.exit_code == Exit.OK, result.output
        accounts.unblock(openpit.param.AccountId.from_int(IN_SHARD_0))
    lines = result.output.splitlines()
    assert lines[0] == "orders pass"
    assert [line.split()[:2] for line in lines if " up " in line] == [["0", "up"], ["1", "up"]]
    assert "1 accounts blocked" in result.output
    (refusal,) = [line for line in lines if "ago" in line and "AAPL/USD" in line][:1]
    assert refusal.split()[3] == str(IN_SHARD_0)
    assert refusal.split()[-3:] == ["hedge", "first", "gateway"]
    (session,) = [line for line in lines if " admin " in line]
    assert session.split()[1] == "gateway"


def test_top_shows_accounts_by_the_names_that_a_file_has(server: Server, tmp_path: Path) -> None:
    names, wrong = tmp_path / "names", tmp_path / "wrong"
    names.write_text("desk-7\n")
    wrong.write_text("desk-7\n" + "x" * 300)
    asked = ["top", "--socket", server.path, "--timeout", "60", "--once", "--accounts"]
    desk = openpit.param.AccountId.from_string("desk-7")
    with openpit.connect(server.path, name="gateway", timeout=60) as engine:
        engine.accounts().block(desk, "hedge first")
        assert not engine.execute_pre_trade(buy(desk.value, "1"))
        result = CliRunner().invoke(main, [*asked, str(names)])
        engine.accounts().unblock(desk)
    assert result.exit_code == Exit.OK, result.output
    assert str(desk.value) not in result.output
    assert [line.split()[0] for line in result.output.splitlines() if "hedge first" in line].count(
        "desk-7"
    )
    refused = CliRunner().invoke(main, [*asked, str(wrong)])
    assert (refused.exit_code, "wrong: [line 2] key" in refused.output) == (Exit.USAGE, True)


def test_top_goes_on_until_it_is_interrupted(server: Server) -> None:
    """With a terminal, that sees frame after frame."""
    terminal, its = pty.openpty()
    arguments = ["--socket", server.path, "--timeout", "60", "--every", "0.1"]
    top = subprocess.Popen(
        [sys.executable, "-m", "openpit", "top", *arguments], stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    try:
        shown = b""
        while shown.count(b"orders pass") < 3:
            shown += os.read(terminal, 65536)
        top.send_signal(signal.SIGINT)
        assert read_out(terminal).count(b"Traceback") == 0
        assert top.wait(60) == Exit.OK
    finally:
        top.kill()
        top.wait()
        os.close(terminal)


def read_out(terminal: int) -> bytes:
    """Read until the other end is closed."""
    found = b""
    with suppress(OSError):
        while data := os.read(terminal, 65536):
            found += data
    return found
