"""Starting a fresh interpreter the way ``multiprocess`` does, and seeing it end.

Spelt out here are three things that ``multiprocess`` does otherwise. It starts a resource tracker
beside its first process, which stays until the program ends: an engine that was closed must leave
no process. It sees the end of a process by that of a pipe, which whatever the process started may
hold as well: here a descriptor of the process itself tells it. And it writes the start data to a
process that may have ended already, for ever.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import signal
from time import monotonic, sleep
from typing import Any, Final

from multiprocess import reduction, spawn, util
from multiprocess.connection import Connection
from multiprocess.context import SpawnProcess, set_spawning_popen
from multiprocess.popen_spawn_posix import Popen

from openpit.shards.descriptors import Identity, close_own, identity_of
from openpit.shards.preparing import preparation

__all__ = ["TAKEN", "WorkerProcess", "commands_to_worker", "replies_of_worker", "widen"]

TAKEN: Final = 256
"""Exit code of a process that somebody else has waited for; no process can end with it."""

_LOOK_SECONDS: Final = 0.02
"""How often a process is looked at where the system has no descriptor for it."""

_KILLED_SECONDS: Final = 5.0
"""How long a process that was killed may take to be gone."""

_MILLISECONDS: Final = 1000.0

_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux has it


def widen(fd: int, size: int) -> None:
    """Make room in a pipe, where the system lets one."""
    if _SET_PIPE_SIZE is None:
        return
    try:
        fcntl.fcntl(fd, _SET_PIPE_SIZE, size)
    except OSError:
        return  # the user's pages are used up: a pipe of the usual size does as well


class _Popen(Popen):  # type: ignore[misc]  # multiprocess ships no types
    """A started process; what is inherited is the descriptors that its arguments name, only."""

    death: int | None = None  # readable when the process has ended; None where there is no such
    returncode: int | None

    def __init__(self, process: Any, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(process)

    def _launch(self, process: Any) -> None:
        file = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(preparation(process.name), file)
            reduction.dump(process, file)
        finally:
            set_spawning_popen(None)
        told, telling = os.pipe()
        try:
            try:
                command = _keeping_to_itself(spawn.get_command_line(pipe_handle=told), self._fds)
                self.pid = util.spawnv_passfds(spawn.get_executable(), command, [*self._fds, told])
            finally:
                os.close(told)  # held here, it would hide that the process has ended
            self._watch()
            death = None if self.death is None else (self.death, identity_of(self.death))
            self.finalizer = util.Finalize(self, _close, (death,))
            try:
                _tell(telling, file.getbuffer(), self, self._seconds)
            except BaseException:
                self.kill()
                self.wait(_KILLED_SECONDS)
                self.close()
                raise
        finally:
            os.close(telling)

    def _watch(self) -> None:
        try:
            self.death = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.returncode = TAKEN  # it has ended, and the program leaves no ended ones to look at
        except (AttributeError, OSError):
            return  # another system, an old kernel, or no descriptor is left

    @property
    def sentinel(self) -> int | None:
        """What ``multiprocess`` calls the descriptor that tells of the end."""
        return self.death

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code; :data:`TAKEN` if somebody else has it, None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, flag)
            except ChildProcessError:
                self.returncode = TAKEN
            else:
                if pid == self.pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        code: int | None = self.returncode
        return code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, that long at most; return the exit code."""
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            code = self.poll()
            left = None if deadline is None else deadline - monotonic()
            if code is not None or (left is not None and left <= 0):
                return code
            self._sleep(left)

    def _sleep(self, seconds: float | None) -> None:
        if self.death is None:
            sleep(_LOOK_SECONDS if seconds is None else min(seconds, _LOOK_SECONDS))
            return
        poller = select.poll()
        poller.register(self.death, select.POLLIN)
        poller.poll(None if seconds is None else seconds * _MILLISECONDS)

    def _send_signal(self, number: int) -> None:
        """Send a signal to this process, and to no other that has its number by now."""
        try:
            if self.death is not None:
                signal.pidfd_send_signal(self.death, number)
            elif self.poll() is None:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return
        except OSError:  # the program has closed the descriptor, or put another in its place
            if self.poll() is None:
                os.kill(self.pid, number)


class WorkerProcess(SpawnProcess):  # type: ignore[misc]  # as above
    """A process that runs a worker; it must have taken its start data within ``seconds``."""

    def __init__(self, *, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self.seconds = seconds

    @staticmethod
    def _Popen(process: Any) -> _Popen:  # noqa: N802 - multiprocess calls it by this name
        return _Popen(process, process.seconds)


def commands_to_worker() -> tuple[Any, int]:
    """Return a new pipe: the worker's end as a connection to be passed on, and the other one."""
    reading, writing = os.pipe()
    return Connection(reading, writable=False), writing


def replies_of_worker() -> tuple[int, Any]:
    """Return a new pipe, as above: the other end, and the worker's."""
    reading, writing = os.pipe()
    return reading, Connection(writing, readable=False)


def _keeping_to_itself(command: list[str], fds: list[int]) -> list[str]:
    """Return a command whose process passes none of its pipes on to what it starts.

    As its very first step: the modules that it imports may start something.
    """
    if "-c" not in command:
        return command  # a frozen program: the worker does so itself, a little later
    place = command.index("-c") + 1
    first = f"import os; [os.set_inheritable(fd, False) for fd in {fds!r}]; "
    python, *options = command[:place]
    # -P: nothing is imported from the working directory, which may have been deleted.
    return [python, "-P", *options, first + command[place], *command[place + 1 :]]


def _tell(fd: int, data: memoryview, process: _Popen, seconds: float) -> None:
    """Write the start data; end early if the process has ended, which its pipes tell.

    Raises:
        TimeoutError: it is there, and takes nothing.
    """
    widen(fd, len(data))
    os.set_blocking(fd, False)
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    if process.death is not None:
        poller.register(process.death, select.POLLIN)
    deadline = monotonic() + seconds
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            left = deadline - monotonic()
            if left <= 0:
                raise TimeoutError(f"its worker took no start data within {seconds:g} s") from None
            poller.poll(min(left, _LOOK_SECONDS * 10) * _MILLISECONDS)
            if process.poll() is not None:
                return
        except BrokenPipeError:
            return


def _close(death: tuple[int, Identity] | None) -> None:
    if death is not None:
        close_own(*death)
