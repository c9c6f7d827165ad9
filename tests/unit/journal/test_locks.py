"""The lock on a file: one process's, and ended by its end."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from openpit.errors import JournalInUse
from openpit.journal.locks import FileLock

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from openpit.journal.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_second_one_of_this_process_is_refused_and_the_first_keeps_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    for _ in range(2):
        with pytest.raises(JournalInUse, match=f"{tmp_path} is in use by this process"):
            FileLock(tmp_path / "lock")

    lock.release()
    lock.release()

    FileLock(tmp_path / "lock").release()


def test_another_process_is_refused_until_this_one_has_ended(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(JournalInUse, match=f"{tmp_path} is in use by another process"):
            FileLock(tmp_path / "lock")

        holder.kill()

        FileLock(tmp_path / "lock", seconds=30.0).release()
