"""What the launch needs of multiprocess, whose version is bounded for it, and of the system."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from multiprocess import process, reduction, spawn, util
from multiprocess.context import SpawnProcess, set_spawning_popen
from multiprocess.popen_spawn_posix import Popen
from processes import descriptors

from openpit.shards import spawning
from openpit.shards.process import Worker


def test_multiprocess_has_what_the_launch_uses() -> None:
    assert callable(SpawnProcess._Popen)
    assert callable(set_spawning_popen)
    assert callable(reduction.dump)
    assert {"name", "sys_path", "sys_argv"} <= set(spawn.get_preparation_data("a-shard"))
    command = spawn.get_command_line(pipe_handle=7)
    assert "spawn_main(pipe_handle=7)" in command[command.index("-c") + 1]
    assert spawn.get_executable()
    assert callable(util.spawnv_passfds)
    assert callable(util.Finalize)
    assert {"poll", "wait", "_send_signal", "close", "duplicate_for_child"} <= set(dir(Popen))
    assert isinstance(process._children, set)


def test_a_worker_keeps_its_pipes_to_itself_from_its_first_step_on() -> None:
    command = spawning._keeping_to_itself(["python", "-B", "-c", "go()", "--mark"], [5, 8])
    assert command == [
        "python",
        "-P",
        "-B",
        "-c",
        "import os; [os.set_inheritable(fd, False) for fd in [5, 8]]; go()",
        "--mark",
    ]


def test_start_data_that_nobody_takes_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    # Megabytes of arguments for an interpreter that never reads its standard command.
    before = descriptors()
    monkeypatch.setattr(
        spawning, "_keeping_to_itself", lambda command, fds: ["sleep", "sleep", "60"][1:]
    )
    monkeypatch.setattr(spawning.spawn, "get_executable", lambda: b"/bin/sleep")
    monkeypatch.setattr(spawning, "widen", lambda fd, size: None)
    monkeypatch.setattr("sys.argv", ["x" * 1_000_000])
    since = time.monotonic()

    with pytest.raises(TimeoutError, match=r"took no start data within 0\.5 s"):
        Worker(0, 0.5)

    assert time.monotonic() - since < 10
    assert descriptors() == before


@pytest.mark.parametrize("has_descriptor", [True, False], ids=["pidfd", "no pidfd"])
def test_the_exit_code_that_somebody_else_took(
    monkeypatch: pytest.MonkeyPatch, has_descriptor: bool
) -> None:
    if not has_descriptor:
        monkeypatch.delattr("os.pidfd_open")
    before = descriptors()
    worker = Worker(0, 20.0)
    assert (worker.death_fd is not None) is has_descriptor
    assert worker.ending(0.0) == ""
    os.kill(worker.pid, 9)
    os.waitpid(worker.pid, 0)

    assert worker.ending(20.0) == "its worker ended, and something else took its exit code"

    worker.stop(1.0)
    assert descriptors() == before
    assert not Path(f"/proc/{worker.pid}").exists()
