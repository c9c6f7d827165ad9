"""`openpit console`, as far as it gets without a server."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from openpit.cli import main
from openpit.cli.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.one_python


def console(*options: str) -> Result:
    return CliRunner().invoke(main, ["console", "--socket", "/nowhere/s", *options])


def test_without_a_server_it_says_so_and_leaves_nothing() -> None:
    done = console("--http", "127.0.0.1:0")
    assert done.exit_code == Exit.REFUSED
    assert "no server answers at /nowhere/s" in done.output


def test_where_somebody_listens_already_it_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = console("--http", f"127.0.0.1:{port}")
    assert done.exit_code == Exit.IO_FAILED
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in done.output


def test_others_than_this_machines_programs_need_tokens(tmp_path: Path) -> None:
    done = console("--http", "[::]:0")
    assert done.exit_code == Exit.USAGE
    assert "that takes --http-tokens" in " ".join(done.output.split())
    tokens = tmp_path / "tokens"
    tokens.write_text("alice admin " + "a" * 40)
    tokens.chmod(0o644)
    done = console("--http", "127.0.0.1:0", "--http-tokens", str(tokens))
    assert done.exit_code == Exit.USAGE
    assert "may be read by others (mode 0644)" in " ".join(done.output.split())


def test_without_the_extra_it_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.startswith("openpit.console."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = console("--http", "127.0.0.1:0")
    assert done.exit_code == Exit.NOT_FOUND
    assert "the console is an extra of openpit-sharded, [console]" in done.output
