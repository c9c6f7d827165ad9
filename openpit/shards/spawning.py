"""Starting a fresh interpreter the way ``multiprocess`` does, without its extra process.

``multiprocess`` starts a resource tracker beside its first process, which stays until the program
ends. It tracks shared memory and semaphores, of which a worker has none; and an engine that was
closed must leave no process. So the launch is spelt out here, but for that.
"""

from __future__ import annotations

import io
import os
from typing import Any

from multiprocess import get_context, reduction, spawn, util
from multiprocess.context import SpawnProcess, set_spawning_popen
from multiprocess.popen_spawn_posix import Popen

from openpit.shards.preparing import preparation

__all__ = ["WorkerProcess", "pipe"]


class _Popen(Popen):  # type: ignore[misc]  # multiprocess ships no types
    """A started process; what is inherited is the descriptors that its arguments name, only."""

    def _launch(self, process: Any) -> None:
        file = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(preparation(process.name), file)
            reduction.dump(process, file)
        finally:
            set_spawning_popen(None)
        ended, alive = os.pipe()  # closed in the process when it ends: that is its sentinel
        try:
            told, telling = os.pipe()
        except OSError:
            os.close(ended)
            os.close(alive)
            raise
        try:
            python, *options = spawn.get_command_line(pipe_handle=told)
            # -P: nothing is imported from the working directory, which may have been deleted.
            command = [python, "-P", *options]
            self.pid = util.spawnv_passfds(
                spawn.get_executable(), command, [*self._fds, told, alive]
            )
            self.sentinel = ended
            with open(telling, "wb", closefd=False) as stream:
                stream.write(file.getbuffer())
        finally:
            os.close(told)
            os.close(alive)
            self.finalizer = util.Finalize(self, util.close_fds, (ended, telling))


class WorkerProcess(SpawnProcess):  # type: ignore[misc]  # as above
    """A process that runs a worker."""

    @staticmethod
    def _Popen(process: Any) -> _Popen:  # noqa: N802 - multiprocess calls it by this name
        return _Popen(process)


def pipe() -> tuple[Any, Any]:
    """Return the reading and the writing end of a new pipe, as connections to be passed on."""
    ends: tuple[Any, Any] = get_context("spawn").Pipe(duplex=False)
    return ends
