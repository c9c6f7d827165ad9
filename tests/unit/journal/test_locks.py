"""The lock on a file: one process's, and ended by its end."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openpit.errors import JournalInUse
from openpit.journal.locks import FileLock

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


@pytest.mark.parametrize(
    ("module", "name", "number"), [(os, "write", errno.ENOSPC), (fcntl, "lockf", errno.ENOLCK)]
)
def test_one_that_could_not_be_had_is_nobodys_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, number: int
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "lock"
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fails)
        before = len([*Path("/proc/self/fd").iterdir()])
        with pytest.raises(OSError, match=re.escape(f"'{path}'")) as failed:
            FileLock(path)
        assert len([*Path("/proc/self/fd").iterdir()]) == before

    assert failed.value.errno == number
    FileLock(path).release()
