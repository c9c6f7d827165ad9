"""The commands as a user calls them: options, files, messages and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openpit.cli import COMMANDS, main
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import MEANINGS, Exit
from openpit.limits import schema

FLOW = """\
{"event":"order","time":1000,"order":1,"account":5,"symbol":"AAPL","currency":"USD","side":"BUY","quantity":"10","price":"185.50"}
{"event":"order","time":2000,"order":2,"account":5,"symbol":"AAPL","currency":"USD","side":"BUY","quantity":"0","price":"185.50"}
{"event":"fill","time":3000,"order":1,"quantity":"4","price":"185.45"}
{"event":"cancel","time":4000,"order":1}
"""


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "flow.jsonl"
    path.write_text(FLOW)
    return path


def rows(output: str) -> list[str]:
    return [" ".join(line.split()) for line in output.splitlines()]


# --- help ----------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    result = run("--help")

    assert result.exit_code == 0
    for name, help_line in COMMANDS.items():
        assert f"{name}  " in result.output
        assert help_line in result.output
    for code in Exit:
        assert f"{code.value:<4}{code.name}" in result.output


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_examples(name: str) -> None:
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"Usage: main {name}" in result.output
    assert "Examples:" in result.output
    assert "Exit codes:\n    0   OK           done" in result.output
    assert "\n    130 INTERRUPTED  interrupted" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    result = run("repaly")

    assert result.exit_code == Exit.USAGE
    assert "No such command 'repaly'" in result.output


def test_a_light_command_does_not_load_the_heavy_ones() -> None:
    code = (
        "import sys\n"
        "from openpit.cli import main\n"
        "main(['config'], standalone_mode=False)\n"
        "heavy = {'plotly', 'rich', 'openpit.cli.commands.replay'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_documentation_lists_the_exit_codes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()

    for code, meaning in MEANINGS.items():
        assert f"| {code.value} | {code.name} | {meaning} |" in page.replace("`", "")


# --- config --------------------------------------------------------------------------------------


def test_config_prints_a_file_that_replay_takes(tmp_path: Path, flow: Path) -> None:
    printed = run("config")
    limits = tmp_path / "limits.toml"
    limits.write_text(printed.output)

    assert printed.output == DEFAULT_CONFIG
    assert run("replay", flow, "--shards", 0, "--config", limits).exit_code == Exit.OK


def test_config_checks_a_file(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text(DEFAULT_CONFIG)
    checked = run("config", "--check", limits)
    assert (checked.exit_code, checked.output) == (
        Exit.OK,
        (
            f"{limits}: right (order_validation, rate_limit, order_size_limit, "
            "pnl_bounds_killswitch)\n"
        ),
    )
    limits.write_text("[order_validation]\n[rate_limit]\nbrokers = 1\n")
    wrong = run("config", "--check", limits)
    assert wrong.exit_code == Exit.BAD_CONFIG
    assert f"{limits}: [rate_limit] unknown key 'brokers'" in wrong.output
    assert wrong.output.endswith("(line 3)\n")
    assert run("config", "--check", tmp_path / "none").exit_code == Exit.USAGE
    assert run("config", "--check", limits, "--schema").exit_code == Exit.USAGE


def test_config_prints_the_schema_of_such_files() -> None:
    assert json.loads(run("config", "--schema").output) == schema()


# --- generate ------------------------------------------------------------------------------------


def test_generate_writes_a_flow_that_replay_takes(tmp_path: Path) -> None:
    out = tmp_path / "flow.jsonl"
    decisions = tmp_path / "decisions.jsonl"

    generated = run("generate", "--orders", 3_000, "--accounts", 20, "--seed", 4, "--out", out)
    replayed = run("replay", out, "--shards", 0, "--out", decisions)

    assert (generated.exit_code, generated.output) == (Exit.OK, "")
    assert replayed.exit_code == Exit.OK
    assert sum('"event":"order"' in line for line in out.read_text().splitlines()) == 3_000
    assert "bad lines" not in replayed.output
    for policy in ("OrderValidation", "RateLimit", "OrderSizeLimit", "PnlBoundsKillSwitch"):
        assert f'"policy":"{policy}Policy"' in decisions.read_text()


def test_generate_writes_to_stdout_and_replay_reads_stdin() -> None:
    generated = run("generate", "--orders", 30, "--accounts", 5)
    again = run("generate", "--orders", 30, "--accounts", 5)
    replayed = run("replay", "-", "--shards", 0, stdin=generated.stdout)

    assert generated.stdout == again.stdout
    assert len(generated.stdout.splitlines()) > 30
    assert replayed.exit_code == Exit.OK
    assert any(row.startswith("total 5 30 ") for row in rows(replayed.stdout))


def test_generate_to_a_place_that_is_not_there(tmp_path: Path) -> None:
    result = run("generate", "--out", tmp_path / "none" / "flow.jsonl")

    assert result.exit_code == Exit.IO_FAILED
    assert "cannot write" in result.stderr
    assert "No such file or directory" in result.stderr


# --- replay --------------------------------------------------------------------------------------


def test_replay_reports_and_writes_decisions(tmp_path: Path, flow: Path) -> None:
    out = tmp_path / "decisions.jsonl"

    result = run("replay", flow, "--shards", 0, "--out", out)

    assert result.exit_code == Exit.OK
    assert result.stderr == ""
    assert any(row.startswith("total 1 2 1 1 2 0 ") for row in rows(result.stdout))
    assert out.read_text() == (
        '{"order":1,"account":5,"accepted":true,"rejects":[]}\n'
        '{"order":2,"account":5,"accepted":false,"rejects":[{"code":"InvalidFieldValue",'
        '"reason":"order quantity must be non-zero",'
        '"details":"requested quantity 0 is not allowed","policy":"OrderValidationPolicy",'
        '"scope":"order"}]}\n'
    )


def test_bad_lines_are_told_by_number_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "flow.jsonl"
    path.write_text("nonsense\n" + FLOW + '{"event":"fill","order":1}\n')

    result = run("replay", path, "--shards", 0)

    assert result.exit_code == Exit.OK
    assert result.stderr == (
        f"{path}: line 1: not JSON: Expecting value at column 1\n"
        f"{path}: line 6: fill has no price, quantity\n"
    )
    assert "bad lines: 2 (reported above, left out)" in rows(result.stdout)
    assert any(row.startswith("total 1 2 1 1 2 0 ") for row in rows(result.stdout))


def test_strict_stops_at_the_first_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "flow.jsonl"
    first, *others = FLOW.splitlines(keepends=True)
    path.write_text(first + "nonsense\n" + "".join(others))
    out = tmp_path / "decisions.jsonl"

    result = run("replay", path, "--shards", 0, "--strict", "--out", out)

    assert result.exit_code == Exit.BAD_LINE
    assert result.stderr.count("line 2: not JSON: Expecting value at column 1\n") == 1
    assert f"Error: stopped at the first bad line, --strict: {path}: line 2: " in result.stderr
    assert (result.stdout + result.stderr).count("not JSON") == 1
    assert "bad lines: 1 (the replay stopped there)" in rows(result.stdout)
    part = tmp_path / "decisions.jsonl.part"
    assert f"the decisions until then are in {part}\n" in result.stderr
    assert len(part.read_text().splitlines()) == 1
    assert not out.exists()
    assert any(row.startswith("total 1 1 1 0 0 0 ") for row in rows(result.stdout))


def test_a_wrong_configuration_names_file_table_and_key(tmp_path: Path, flow: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("[rate_limit.broker]\nmax_order = 5\n")

    result = run("replay", flow, "--config", limits)

    assert result.exit_code == Exit.BAD_CONFIG
    assert result.stderr == (
        f"Error: {limits}: [rate_limit.broker] key 'max_orders' is missing (line 1)\n"
    )


def test_a_configuration_that_is_not_text(tmp_path: Path, flow: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_bytes(b"\xff\xfe")

    result = run("replay", flow, "--config", limits)

    assert result.exit_code == Exit.BAD_CONFIG
    assert result.stderr == f"Error: {limits}: not UTF-8 text\n"


def test_a_flow_whose_format_or_symbol_is_not_told(tmp_path: Path) -> None:
    unknown = tmp_path / "flow.txt"
    unknown.write_text(FLOW)
    lobster = tmp_path / "messages.csv"
    lobster.write_text("34200.5,1,12,70,5853300,1\n")

    no_format = run("replay", unknown, "--shards", 0)
    no_symbol = run("replay", lobster, "--shards", 0)

    assert no_format.exit_code == no_symbol.exit_code == Exit.USAGE
    assert "the format of flow.txt is not told by its name: give --format" in no_format.stderr
    assert "the symbol of messages.csv is not told by its name: give --symbol" in no_symbol.stderr
    assert run("replay", unknown, "--shards", 0, "--format", "jsonl").exit_code == Exit.OK
    assert run("replay", lobster, "--shards", 0, "--symbol", "AAPL").exit_code == Exit.OK


@pytest.mark.parametrize("symbol", ["x" * 257, "A\nB", " "])
def test_a_symbol_that_no_flow_may_have(tmp_path: Path, symbol: str) -> None:
    lobster = tmp_path / "messages.csv"
    lobster.write_text("34200.5,1,12,70,5853300,1\n")

    result = run("replay", lobster, "--shards", 0, "--symbol", symbol)

    assert result.exit_code == Exit.USAGE
    assert "--symbol must be a text of at most 256 bytes" in result.stderr


@pytest.mark.parametrize("command", ["generate", "loadtest"])
def test_a_seed_that_would_give_the_flow_of_another(command: str) -> None:
    result = run(command, "--seed", -5)

    assert result.exit_code == Exit.USAGE
    assert "-5 is not in the range x>=0" in result.stderr


def test_a_flow_that_is_not_there() -> None:
    result = run("replay", "none.jsonl")

    assert result.exit_code == Exit.USAGE
    assert "File 'none.jsonl' does not exist" in result.stderr


def test_decisions_to_a_place_that_is_not_there(tmp_path: Path, flow: Path) -> None:
    result = run("replay", flow, "--shards", 0, "--out", tmp_path / "none" / "decisions.jsonl")

    assert result.exit_code == Exit.IO_FAILED
    assert "decisions.jsonl: No such file or directory" in result.stderr


def test_decisions_over_the_configuration(tmp_path: Path, flow: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("[order_validation]\n")

    result = run("replay", flow, "--shards", 0, "--config", limits, "--out", limits)

    assert result.exit_code == Exit.USAGE
    assert "--out would overwrite the configuration" in result.stderr
    assert limits.read_text() == "[order_validation]\n"


def test_a_configuration_with_a_byte_order_mark(tmp_path: Path, flow: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_bytes(b"\xef\xbb\xbf[order_validation]\r\n")

    assert run("replay", flow, "--shards", 0, "--config", limits).exit_code == Exit.OK


def test_more_shards_than_there_may_be(flow: Path) -> None:
    result = run("replay", flow, "--shards", 257)

    assert result.exit_code == Exit.USAGE
    assert "257 is not in the range 0<=x<=256" in result.stderr


def test_decisions_over_the_flow_itself(flow: Path) -> None:
    result = run("replay", flow, "--shards", 0, "--out", flow)

    assert result.exit_code == Exit.USAGE
    assert "--out would overwrite the flow" in result.stderr
    assert flow.read_text() == FLOW


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_decisions_to_a_full_disk(flow: Path) -> None:
    result = run("replay", flow, "--shards", 0, "--out", "/dev/full")

    assert result.exit_code == Exit.IO_FAILED
    assert "cannot write /dev/full: No space left on device" in result.stderr


def test_an_interrupted_replay_reports_what_it_did(
    monkeypatch: pytest.MonkeyPatch, flow: Path
) -> None:
    from openpit.cli.commands import replay  # noqa: PLC0415 - loaded lazily, as the command is

    class Interrupted(replay.LocalReplay):
        def run(self, events: object) -> None:
            super().run(events)
            raise KeyboardInterrupt

    monkeypatch.setattr(replay, "LocalReplay", Interrupted)

    result = run("replay", flow, "--shards", 0)

    assert result.exit_code == Exit.INTERRUPTED
    assert any(row.startswith("total 1 2 1 1 2 0 ") for row in rows(result.stdout))


def test_as_a_process_of_its_own(tmp_path: Path, flow: Path) -> None:
    out = tmp_path / "decisions.jsonl"

    ran = subprocess.run(
        [sys.executable, "-m", "openpit.cli", "replay", flow, "--shards", "0", "--out", out],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [json.loads(line)["accepted"] for line in out.read_text().splitlines()] == [True, False]
