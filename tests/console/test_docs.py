"""The commands of docs/console.md, typed as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

PAGE = (Path(__file__).parents[2] / "docs" / "console.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
LIMITS = '[order_validation]\n[order_size_limit]\nbroker = { max_quantity = "100" }\n'


def block(word: str) -> str:
    (found,) = [one for one in BLOCKS if word in one]
    return str(found)


def shell(text: str, folder: Path, **more: str) -> str:
    done = subprocess.run(
        ["bash", "-euc", text],
        check=False, capture_output=True, text=True, cwd=folder, env=os.environ | more,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class Started:
    """A command of the page that goes on until it is ended; its first word that has an address."""

    def __init__(self, command: str, folder: Path) -> None:
        words = [sys.executable if one == "openpit" else one for one in shlex.split(command)]
        words[1:1] = ["-m", "openpit"]
        self._process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        self.said = ""
        while " at " not in self.said:
            self.said = self._process.stderr.readline()
            assert self.said, self._process.wait()

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "limits.toml").write_text(LIMITS)
    shell(block("tokens\nchmod"), tmp_path)
    return tmp_path


def test_a_server_with_its_console_and_another_console_and_what_is_asked(folder: Path) -> None:
    _, serve = block("serve --socket").splitlines()
    server = Started(serve.replace(":8080", ":0"), folder)
    try:
        assert server.said.startswith("console at http://127.0.0.1:")
        console = Started(block("openpit console").replace(":8080", ":0"), folder)
        try:
            found = re.search(r"port (\d+),", console.said)
            assert found is not None, console.said
            name, role, token = (folder / "tokens").read_text().split()
            assert (name, role, (folder / "tokens").stat().st_mode & 0o777) == (
                *("alice", "admin", 0o600),
            )
            asked = block("curl").replace("localhost:8080", f"127.0.0.1:{found[1]}")
            first, second = shell(asked.replace("curl ", "curl -s "), folder, TOKEN=token).split(
                "}{", 1
            )
            assert json.loads(first + "}")["account"] == "7"
            assert json.loads("{" + second)["done"] == "account 7 is blocked: hedge first"
        finally:
            console.end()
    finally:
        server.end()


def test_every_command_of_the_page_is_run_here() -> None:
    assert len(BLOCKS) == 4
    assert block("serve --socket").splitlines()[0] == "pip install '.[console]'"
