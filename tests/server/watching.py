"""An observer that a server is started with: it writes down what it is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import openpit

__all__ = ["Written"]


class Written(openpit.Observer):
    """Appends a line for each session to the file that the environment names."""

    def __init__(self) -> None:
        self._path = Path(os.environ["OPENPIT_WATCHED"])

    def session_opened(self, session: int, name: str | None, user: int) -> None:
        self._write("opened", session, name, user)

    def session_closed(self, session: int, name: str | None, user: int) -> None:
        self._write("closed", session, name, user)

    def down(self, stats: openpit.ShardStats) -> None:
        self._write("down", stats.shard)

    def _write(self, *fields: object) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")
