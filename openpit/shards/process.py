"""A worker process as its router sees it: start, pipes, watch, stop."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import multiprocess
from multiprocess.process import _children as children

from openpit.shards.descriptors import close_own, identity_of
from openpit.shards.spawning import (
    TAKEN,
    WorkerProcess,
    commands_to_worker,
    replies_of_worker,
    widen,
)
from openpit.shards.worker import JOURNAL_FAILED, MALFORMED, PIPES_LOST, main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.shards.shard_journal import JournalPlace

__all__ = ["GONE", "PIPE_BYTES", "Worker", "refuse_unguarded_main"]

PIPE_BYTES: Final = 512 * 1024
"""Size of each pipe: 10,000 orders.

Half of what an unprivileged process may ask for: an unusual size, by which a pipe is told from
those of others (see ``descriptors``).
"""

GONE: Final = -1
"""In place of a descriptor that was closed: its number may be a stranger's by now."""

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


_MEANINGS: Final = {
    MALFORMED: ": it was sent what is no command, see its stderr",
    JOURNAL_FAILED: ": its journal takes nothing more, see its stderr",
    PIPES_LOST: ": a policy closed or replaced its pipes",
}


_FINAL: Final = frozenset({MALFORMED, JOURNAL_FAILED})


_FROM_OUTSIDE: Final = frozenset(
    {TAKEN, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT, -signal.SIGQUIT}
)
"""Exit codes of a process that somebody else has ended, as a rule."""


class Worker:
    """One worker process and the router's ends of its two pipes.

    Started afresh (``spawn``), never forked: a forked worker would hold copies of its siblings'
    pipes, and the end of one would not show. It must have taken its start data within ``seconds``;
    TimeoutError otherwise. ``place`` is where it keeps its journal, if it has one.

    Without a ``number`` it is a spare: it imports the ``modules``, and waits to be told the rest.
    """

    __slots__ = (
        "__weakref__",
        "_ending",
        "_is_killed",
        "_own",
        "_process",
        "command_fd",
        "number",
        "pid",
        "reply_fd",
    )

    def __init__(
        self,
        number: int | None,
        seconds: float,
        place: JournalPlace | None = None,
        modules: Sequence[str] = (),
    ) -> None:
        self.number = number
        self._process: Any = None  # until it has started, and when it is done with
        self._ending = ""
        self._is_killed = False  # by its router
        command_in, self.command_fd = commands_to_worker()
        try:
            self.reply_fd, reply_out = replies_of_worker()
        except OSError:
            os.close(self.command_fd)
            command_in.close()
            raise
        self._own = {fd: identity_of(fd) for fd in (self.command_fd, self.reply_fd)}
        _workers.add(self)
        process = WorkerProcess(
            target=main,
            args=(os.getpid(), command_in, reply_out, place, modules),
            name="openpit-spare" if number is None else f"openpit-shard-{number}",
            daemon=True,
            seconds=seconds,
        )
        try:
            for fd in (self.command_fd, self.reply_fd):
                widen(fd, PIPE_BYTES)
            process.start()
        except BaseException:
            self.close_pipes()
            raise
        finally:
            # The worker's ends are its alone: that is how each side sees the other one end.
            command_in.close()
            reply_out.close()
        self._process = process
        self.pid: Final[int] = process.pid
        os.set_blocking(self.command_fd, False)
        os.set_blocking(self.reply_fd, False)

    @property
    def death_fd(self) -> int | None:
        """A descriptor that is readable when the process has ended, until :meth:`stop`.

        None where the system has no such descriptors: then :meth:`ending` has to be asked.
        """
        return None if self._process is None else self._process.sentinel

    def ending(self, seconds: float) -> str:
        """Return how the process ended, waiting for it that long; empty while it runs."""
        if self._process is not None and not self._ending:
            self._process.join(seconds)
            code = self._process.exitcode
            if code is None:
                return ""
            if code == TAKEN:
                self._ending = "its worker ended, and something else took its exit code"
            elif code < 0:
                self._ending = f"its worker was killed by signal {-code}"
            else:
                self._ending = f"its worker ended with exit code {code}{_MEANINGS.get(code, '')}"
        return self._ending

    @property
    def cannot_go_on(self) -> bool:
        """Whether it has ended with a code by which another one could not go on either."""
        return self._process is not None and self._process.exitcode in _FINAL

    @property
    def was_killed_by_others(self) -> bool:
        """Whether somebody else ended it: an operator, or the system where memory is short."""
        code = None if self._process is None else self._process.exitcode
        return code in _FROM_OUTSIDE and not self._is_killed

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and not self._ending:
            self._is_killed = True
            self._process.kill()

    def disown(self) -> None:
        """Let go of the worker in a forked copy of the router's process: it is not its parent."""
        process, self._process = self._process, None
        if process is not None:
            children.discard(process)
            process._popen.close()  # noqa: SLF001 - multiprocess has no other way
        self.close_pipes()

    def close_pipes(self) -> None:
        """Close the router's ends, which ends a worker that is in its loop."""
        self.command_fd = self.reply_fd = GONE
        while self._own:
            close_own(*self._own.popitem())

    def stop(self, seconds: float) -> None:
        """Close the pipes; end the process if it has not ended by itself in that time."""
        self.close_pipes()
        if not self.ending(seconds):
            self.kill()
        if self.ending(_KILLED_SECONDS) and self._process is not None:
            self._process.close()
            self._process = None


_KILLED_SECONDS: Final = 5.0
"""What a killed process may take to be gone, such as one that waits for a disk."""

_workers: Final[WeakSet[Worker]] = WeakSet()


def _in_copy() -> None:
    """Let go of all workers: a copy of a pipe's end would hide that the router has gone."""
    for worker in list(_workers):
        worker.disown()


os.register_at_fork(after_in_child=_in_copy)
