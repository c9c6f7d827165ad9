"""Where the logs of a directory stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.journal.files import DISK
from openpit.journal.layout import ROUTER, log_folder, logs_of, shard_log

if TYPE_CHECKING:
    from pathlib import Path


def test_the_logs_of_a_directory_are_the_routers_and_those_of_its_shards(tmp_path: Path) -> None:
    for name in (shard_log(11), shard_log(2), ROUTER, "lost+found", "shard-1"):
        DISK.make_folder(log_folder(tmp_path, name))

    assert logs_of(DISK, tmp_path) == ["router", "shard-0002", "shard-0011"]
