"""Where a journal's logs stand in its directory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.journal.files import Disk

__all__ = ["LOCK_NAME", "ROUTER", "log_folder", "logs_of", "shard_log"]

ROUTER: Final = "router"
"""The log of what spans shards."""

LOCK_NAME: Final = "lock"
"""Of the directory, for as long as an engine uses it; and in a log's folder, of its writer."""

_SHARD: Final = re.compile(r"shard-(\d{4})")


def shard_log(number: int) -> str:
    """Return the name of a shard's log."""
    return f"shard-{number:04d}"


def log_folder(directory: Path, log: str) -> Path:
    """Return the folder of a log."""
    return directory / log


def logs_of(disk: Disk, directory: Path) -> list[str]:
    """Return the names of the logs that a directory has, the router's first."""
    names = disk.names(directory)
    return [
        *(name for name in names if name == ROUTER),
        *(name for name in names if _SHARD.fullmatch(name)),
    ]
