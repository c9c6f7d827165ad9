"""A worker process as its router sees it: start, pipes, watch, stop."""

from __future__ import annotations

import fcntl
import os
from typing import Any, Final

import multiprocess
from multiprocess.process import _children as children

from openpit.shards.spawning import WorkerProcess, pipe
from openpit.shards.worker import MALFORMED, main

__all__ = ["PIPE_BYTES", "Worker", "refuse_unguarded_main"]

PIPE_BYTES: Final = 1024 * 1024
"""Size of each pipe: what an unprivileged process may ask for, 20,000 orders."""

_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux has it

_UNGUARDED: Final = (
    "this process is being started as a worker, and its main module builds a sharded engine again "
    'when it is imported: put what the program does under `if __name__ == "__main__":`'
)

_DAEMONIC: Final = (
    "a daemonic process of multiprocess may not start workers: make it with daemon=False, or build "
    "the engine in its parent"
)


def refuse_unguarded_main() -> None:
    """Raise if a worker on its way up has come to build an engine of its own.

    Raises:
        RuntimeError: the main module lacks its guard.
    """
    process = multiprocess.current_process()
    if getattr(process, "_inheriting", False):
        raise RuntimeError(_UNGUARDED)
    if process.daemon:
        raise RuntimeError(_DAEMONIC)


_MEANINGS: Final = {MALFORMED: ": it was sent what is no command, see its stderr"}


class Worker:
    """One worker process and the router's ends of its two pipes.

    Started afresh (``spawn``), never forked: a forked worker would hold copies of its siblings'
    pipes, and the end of one would not show.
    """

    __slots__ = (
        "_command",
        "_ending",
        "_process",
        "_reply",
        "command_fd",
        "number",
        "pid",
        "reply_fd",
    )

    def __init__(self, number: int) -> None:
        command_in, self._command = pipe()
        self._reply, reply_out = pipe()
        self.number: Final = number
        self.command_fd: Final[int] = self._command.fileno()
        self.reply_fd: Final[int] = self._reply.fileno()
        self._process: Any = WorkerProcess(  # None when it has ended and this is known
            target=main,
            args=(number, command_in, reply_out),
            name=f"openpit-shard-{number}",
            daemon=True,
        )
        try:
            for fd in (self.command_fd, self.reply_fd):
                _widen(fd)
            self._process.start()
        except BaseException:
            self.close_pipes()
            raise
        finally:
            # The worker's ends are its alone: that is how each side sees the other one end.
            command_in.close()
            reply_out.close()
        self._ending = ""
        self.pid: Final[int] = self._process.pid
        os.set_blocking(self.command_fd, False)
        os.set_blocking(self.reply_fd, False)

    @property
    def sentinel(self) -> int | None:
        """A descriptor that becomes readable when the process ends; None when it has."""
        return None if self._process is None else self._process.sentinel

    def ending(self, seconds: float) -> str:
        """Return how the process ended, waiting for it that long; empty while it runs."""
        if self._process is not None:
            self._process.join(seconds)
            code = self._process.exitcode
            if code is None:
                return ""
            self._ending = (
                f"its worker was killed by signal {-code}"
                if code < 0
                else f"its worker ended with exit code {code}{_MEANINGS.get(code, '')}"
            )
            self._process.close()
            self._process = None
        return self._ending

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def disown(self) -> None:
        """Let go of the worker in a forked copy of the router's process: it is not its parent."""
        if self._process is not None:
            children.discard(self._process)
            self._process = None
        self.close_pipes()

    def close_pipes(self) -> None:
        """Close the router's ends, which ends a worker that is in its loop."""
        self._command.close()
        self._reply.close()

    def stop(self, seconds: float) -> None:
        """Close the pipes; end the process if it has not ended by itself in that time."""
        self.close_pipes()
        if not self.ending(seconds):
            self.kill()
            self.ending(seconds)


def _widen(fd: int) -> None:
    if _SET_PIPE_SIZE is None:
        return
    try:
        fcntl.fcntl(fd, _SET_PIPE_SIZE, PIPE_BYTES)
    except PermissionError:
        return  # the user's pages are used up: a pipe of the usual size does as well
