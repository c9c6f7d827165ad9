"""Processes of a run, each with a pipe to its conductor: how they start, speak and end."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.limits.tables import ConfigError
from openpit.loadtest.messages import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["START_SECONDS", "STUCK_SECONDS", "Child", "ChildFailedError", "heard", "next_of"]

CHILD: Final = Path(__file__).with_name("child.py")

START_SECONDS: Final = 300.0
"""For a million orders to be made, or a million accounts to be funded."""

STUCK_SECONDS: Final = 60.0
"""Without a decision for so long, the run is given up."""

END_SECONDS: Final = 10.0
"""How long a child may take to end itself, its workers included."""


class ChildFailedError(Exception):
    """A process of the run could not start, or came to an end before it was through."""


class Child:
    """A process of the run and the conductor's end of its control pipe.

    ``name`` is what messages call it, the role if there is only one of it.
    """

    def __init__(
        self,
        role: str,
        lane_fds: Sequence[int] = (),
        *,
        name: str | None = None,
        reference: Path | None = None,
    ) -> None:
        self.name: Final = name or role
        self.control, theirs = Pipe()
        fds = [theirs.fileno(), *lane_fds]
        # ^C at a terminal goes to the child, too, and comes before it can say that it ignores it.
        # What is blocked stays blocked in the child; here it is only put off.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", CHILD, role, *map(str, fds)],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=2,  # what policies print must not get into the report
            )
        except BaseException:
            self.control.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        self.send((sys.path, None if reference is None else str(reference)))

    def send(self, message: object) -> None:
        """Say something; a child that has gone is noticed when it is listened to."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.control.send(message)

    def receive(self) -> Any:
        """Return its next message.

        Raises:
            ConfigError: it says that the plan is to blame.
            ChildFailedError: it cannot go on, or has ended.
        """
        try:
            message = self.control.recv()
        except (EOFError, ConnectionResetError):
            code = self.process.wait(END_SECONDS)
            raise ChildFailedError(f"the {self.name} ended early, {_told(code)}") from None
        if isinstance(message, Failed):
            error = ConfigError if message.is_config else ChildFailedError
            raise error(message.why)
        return message

    def end(self, *, by_signal: bool = False) -> None:
        """Close the control pipe, which ends the process; make it end if it does not.

        ``by_signal`` is for one that hears of its end by SIGTERM.
        """
        self.control.close()
        if by_signal:
            self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _told(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def heard(children: Sequence[Child], seconds: float) -> tuple[Child, Any] | None:
    """Return the next message and whose it is; None if there is none within that time.

    Raises:
        ConfigError: a child says that the plan is to blame.
        ChildFailedError: one cannot go on, or has ended.
    """
    by_control: dict[object, Child] = {child.control: child for child in children}
    controls: list[Connection] = [child.control for child in children]
    for control in wait(controls, max(0.0, seconds)):
        child = by_control[control]
        return child, child.receive()
    return None


def next_of(children: Sequence[Child], deadline: float) -> tuple[Child, Any]:
    """Return the next message and whose it is.

    Raises:
        ConfigError: as :func:`heard`.
        ChildFailedError: as :func:`heard`, or none has come by a moment of the monotonic clock.
    """
    found = heard(children, deadline - monotonic())
    if found is None:
        names = " and ".join(child.name for child in children)
        raise ChildFailedError(f"nothing new from the {names} in time")
    return found
