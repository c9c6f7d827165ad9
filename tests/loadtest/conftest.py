"""What every test of this rung runs in: nothing is left after it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import descriptors, is_running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "OPENPIT_TEST_RUN"


def marked(mark: str) -> list[int]:
    """Return the processes whose environment has the mark, whoever is their parent now."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended, or is not ours to read
        if wanted in environment and is_running(int(folder.name)):
            found.append(int(folder.name))
    return found


@pytest.fixture(autouse=True)
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Fail a test that leaves a process or a descriptor behind."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("finds processes in /proc")
    mark = uuid.uuid4().hex
    monkeypatch.setitem(os.environ, MARK, mark)
    before = descriptors()
    yield mark
    assert wait_until(lambda: not marked(mark)), f"left behind: {marked(mark)}"
    assert descriptors() <= before


@pytest.fixture
def server(mark: str) -> Iterator[tuple[str, int]]:
    """A server of somebody's, on two shards; its path and its process."""
    with tempfile.TemporaryDirectory(prefix="openpit-") as folder:
        path = str(Path(folder, "socket"))
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "openpit", "serve", "--socket", path, "--shards", "2"]
        process = subprocess.Popen(
            [*command, "--ready-fd", str(writing)],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        try:
            os.close(writing)
            with os.fdopen(reading) as ready:
                assert ready.readline().startswith("listening at ")
            yield path, process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)
