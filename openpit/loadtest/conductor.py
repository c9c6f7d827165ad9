"""Starts generator and driver, lets them run, and takes what they have to say at the end."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from openpit.cli.tables import ConfigError
from openpit.loadtest.messages import Driven, Failed, Generated, Notice, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.plan import Plan

__all__ = ["ChildFailedError", "Outcome", "conduct"]

CHILD: Final = Path(__file__).with_name("child.py")

LEAD: Final = 100_000_000
"""Nanoseconds from the word to the start, so that both children have heard it."""

START_SECONDS: Final = 300.0
"""For a million orders to be made, or a million accounts to be funded."""

STUCK_SECONDS: Final = 60.0
"""Without a decision for so long, the run is given up."""

END_SECONDS: Final = 10.0
"""How long a child may take to end itself, its workers included."""

PIPE_BYTES: Final = 1024 * 1024

_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux has it


class ChildFailedError(Exception):
    """The generator or the driver could not start, or came to an end before it was through."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both have to say."""

    generated: Generated
    driven: Driven


class _Child:
    """A process of the run and the conductor's end of its control pipe."""

    def __init__(self, role: str, lane_fds: list[int], reference: Path | None) -> None:
        self.role = role
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
        self.control.send((sys.path, None if reference is None else str(reference)))

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
            raise ChildFailedError(f"the {self.role} ended early, exit code {code}") from None
        if isinstance(message, Failed):
            error = ConfigError if message.is_config else ChildFailedError
            raise error(message.why)
        return message

    def end(self) -> None:
        """Close the control pipe, which ends the process; make it end if it does not."""
        self.control.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def conduct(
    plan: Plan,
    *,
    reference: Path | None = None,
    progress: Callable[[int], object] = lambda _: None,
    tell: Callable[[str], object] = lambda _: None,
) -> Outcome:
    """Run a plan from start to end; ``progress`` is told how many orders are decided so far.

    ``tell`` is given what the user is to know at once: that a shard stalls, ends, answers again.

    Raises:
        ConfigError: a policy cannot be made, or no account sends orders.
        ChildFailedError: a process of the run could not start or go on. None is left.
    """
    with ExitStack() as stack:
        ends = _lanes(stack, plan.lanes)
        children = []
        try:
            for role, fds, library in (
                ("generator", [end for _, end in ends], None),
                ("driver", [end for end, _ in ends], reference),
            ):
                children.append(_Child(role, fds, library))
            stack.close()  # the children have them now, and see each other's ends
            return _run(plan, children, progress, tell)
        finally:
            for child in reversed(children):  # with the driver go the pipes that a generator fills
                child.end()


def _lanes(stack: ExitStack, count: int) -> list[tuple[int, int]]:
    """Return pipes, as pairs of reading and writing ends; the stack closes both."""
    ends = []
    for _ in range(count):
        pair = os.pipe()
        for fd in pair:
            stack.callback(os.close, fd)
        if _SET_PIPE_SIZE is not None:
            with suppress(PermissionError):  # the user's pages are used up: the usual size will do
                fcntl.fcntl(pair[1], _SET_PIPE_SIZE, PIPE_BYTES)
        ends.append(pair)
    return ends


def _run(
    plan: Plan,
    children: list[_Child],
    progress: Callable[[int], object],
    tell: Callable[[str], object],
) -> Outcome:
    for child in children:
        child.control.send(plan)
    deadline = monotonic() + START_SECONDS
    starting = list(children)
    while starting:
        child, _ = _next(starting, deadline)
        starting.remove(child)
    start = monotonic_ns() + LEAD
    for child in children:
        child.control.send(start)
    return _collect(children, progress, tell)


def _collect(
    children: list[_Child], progress: Callable[[int], object], tell: Callable[[str], object]
) -> Outcome:
    """Read messages until each child has sent its last."""
    last: dict[type, Any] = {}
    decided = 0
    deadline = monotonic() + STUCK_SECONDS
    running = list(children)
    while running:
        child, message = _next(running, deadline)
        if isinstance(message, Notice):
            tell(message.text)
        elif not isinstance(message, Progress):
            last[type(message)] = message
            running.remove(child)
        elif message.orders > decided:
            decided = message.orders
            deadline = monotonic() + STUCK_SECONDS
            progress(decided)
    return Outcome(last[Generated], last[Driven])


def _next(children: list[_Child], deadline: float) -> tuple[_Child, Any]:
    """Return the next message and whose it is."""
    by_control: dict[object, _Child] = {child.control: child for child in children}
    controls: list[Connection] = [child.control for child in children]
    for control in wait(controls, max(0.0, deadline - monotonic())):
        child = by_control[control]
        return child, child.receive()
    roles = " and ".join(child.role for child in children)
    raise ChildFailedError(f"nothing new from the {roles} in time")
