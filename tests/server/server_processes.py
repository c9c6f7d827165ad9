"""A server as a real process, with a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNDS", "RATE", "Server", "until"]

SECONDS = 60

RATE = '[rate_limit]\nbroker = { max_orders = 5, window = "1h" }\n'
FUNDS = """
[order_validation]
[spot_funds]
[[spot_funds.funds]]
first_account = 1
last_account = 40
asset = "USD"
balance = 10000
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Server:
    """A server process that listens."""

    def __init__(
        self,
        config: str,
        *options: str,
        shards: int = 2,
        path: str = "",
        record: Path | None = None,
        program: Path | None = None,
    ) -> None:
        self.folder = tempfile.mkdtemp(prefix="openpit-")
        self.path = path or f"{self.folder}/s"
        limits = Path(self.folder, "limits.toml")
        limits.write_text(config)
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, *_program(record, program), "serve", "--socket", self.path,
             "--shards", str(shards), "--config", str(limits), "--ready-fd", str(writing),
             *options],
            pass_fds=[writing],
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as ready:
            self.line = ready.readline()
        if not self.line:
            self.stop()

    @property
    def workers(self) -> list[int]:
        """The ids of the server's own processes."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sorted(map(int, listed.split()))

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End the server; return its exit code, and what it said."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        _, text = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, text

    def remove(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            self.process.communicate()
        if self.process.stderr is not None:
            self.process.stderr.close()
        for name in Path(self.folder).iterdir():
            name.unlink()
        Path(self.folder).rmdir()


def _program(record: Path | None, program: Path | None) -> list[str]:
    """Return the command, a program in its place, or what writes down what passes."""
    if program is not None:
        return [str(program)]
    if record is None:
        return ["-m", "openpit"]
    return [str(Path(__file__).with_name("recorded_serve.py")), str(record)]
