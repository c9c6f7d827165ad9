"""The pages of the docs, block by block, and a folder in which what they show is done."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PAGES", "ROOT", "Block", "Folder", "blocks_of", "named_file"]

ROOT = Path(__file__).parents[2]

PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))


class Block(NamedTuple):
    """A fenced or indented block; of an indented one, the language is not told."""

    page: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """The line by which a block is known on its page."""
        return next(line.strip() for line in self.text.splitlines() if line.strip())


def blocks_of(page: str) -> list[Block]:
    """Return a page's blocks in their order."""
    found: list[Block] = []
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    place = 0
    in_list = False
    while place < len(lines):
        line = lines[place]
        if fence := re.match(r"^(```+)(\w*)\s*$", line):
            end = lines.index(fence[1], place + 1)
            found.append(Block(page, fence[2], "\n".join(lines[place + 1 : end]) + "\n"))
            place = end + 1
            continue
        if re.match(r"^(\*|-|\d+\.) ", line):
            in_list = True
        elif line and not line.startswith(" "):
            in_list = False
        if line.startswith("    ") and not in_list:
            end = place
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end]):
                end += 1
            text = "\n".join(line[4:] for line in lines[place:end]).rstrip() + "\n"
            found.append(Block(page, "", text))
            place = end
            continue
        place += 1
    return found


def named_file(block: Block) -> str | None:
    """Return the name of the file that a block is, where its first line says so."""
    named = re.match(r"# ([\w.-]+\.(?:py|toml))$", block.first)
    return named[1] if named else None


# As pip writes it: no module of the folder is found but by what the command itself does.
_COMMAND = """\
import sys
from openpit.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""

_WAIT = """\
import socket, sys, time
until = time.monotonic() + 60
while True:
    with socket.socket(socket.AF_UNIX) as one:
        if one.connect_ex(sys.argv[1]) == 0:
            break
    assert time.monotonic() < until, "no server listens"
    time.sleep(0.05)
"""


class Folder:
    """Where a reader of a page types what it says: commands see what stands there, and no more."""

    def __init__(self, path: Path) -> None:
        self.path = path / "desk"
        self.path.mkdir()
        commands = path / "commands"
        commands.mkdir()
        for name, program in (("openpit", _COMMAND), ("wait_for", _WAIT)):
            (commands / name).write_text(f"#!{sys.executable}\n{program}")
            (commands / name).chmod(0o755)
        (commands / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (commands / "python").chmod(0o755)
        self.environment = os.environ | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "",
        }
        self._groups: list[int] = []
        self._output = path / "output"

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def run(self, text: str, timeout: float = 90) -> str:
        """Run commands one after the other, and return what they print.

        A server that is started in the background is waited for, as a reader does who looks
        whether it listens.
        """
        lines = []
        for line in text.splitlines():
            lines.append(line)
            if line.endswith("&") and (path := re.search(r"serve .*--socket (\S+)", line)):
                lines.append(f"wait_for {path[1]}")
        with self._output.open("w+") as output:
            shell = subprocess.Popen(
                ["/bin/sh", "-ec", "\n".join(lines)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.path,
                env=self.environment,
                start_new_session=True,
            )
            self._groups.append(shell.pid)
            code = shell.wait(timeout)
        printed = self._output.read_text()
        assert code == 0, printed
        return printed

    def end(self) -> None:
        """End what still runs in the background."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def come_in_order(lines: Iterable[str], printed: str) -> list[str]:
    """Return the lines that are not printed, each behind the one before."""
    left = iter(printed.splitlines())
    return [line for line in lines if not any(line.rstrip() == one.rstrip() for one in left)]
