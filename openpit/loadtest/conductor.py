"""Starts generator and driver, lets them run, and takes what they have to say at the end."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.children import START_SECONDS, STUCK_SECONDS, Child, next_of
from openpit.loadtest.crew import conduct_clients
from openpit.loadtest.messages import Driven, Generated, Notice, Progress, Watched
from openpit.loadtest.outcome import Outcome
from openpit.loadtest.plan import LEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpit.loadtest.plan import Plan

__all__ = ["conduct"]

PIPE_BYTES: Final = 1024 * 1024

_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux has it


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
    if plan.clients:
        return conduct_clients(plan, progress=progress, tell=tell)
    if plan.inside:
        return _conduct_inside(plan, progress, tell)
    with ExitStack() as stack:
        ends = _lanes(stack, plan.lanes)
        children = []
        try:
            for role, fds, library in (
                ("generator", [end for _, end in ends], None),
                ("driver", [end for end, _ in ends], reference),
            ):
                children.append(Child(role, fds, reference=library))
            stack.close()  # the children have them now, and see each other's ends
            last = _run(plan, children, progress, tell)
            return _outcome(plan, last[Generated], last[Driven])
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
    children: list[Child],
    progress: Callable[[int], object],
    tell: Callable[[str], object],
) -> dict[type, Any]:
    """Have children make ready and begin together; return the last message of each type."""
    for child in children:
        child.send(plan)
    deadline = monotonic() + START_SECONDS
    starting = list(children)
    while starting:
        child, _ = next_of(starting, deadline)
        starting.remove(child)
    start = monotonic_ns() + LEAD
    for child in children:
        child.send(start)
    return _collect(children, progress, tell)


def _conduct_inside(
    plan: Plan, progress: Callable[[int], object], tell: Callable[[str], object]
) -> Outcome:
    child = Child("inside", name="driver")
    try:
        driven = _run(plan, [child], progress, tell)[Driven]
    finally:
        child.end()
    return Outcome(
        driven=driven,
        processes=driven.processes,
        lags=driven.lags or (),
        collected={"driver": driven.collected},
    )


def _collect(
    children: list[Child],
    progress: Callable[[int], object],
    tell: Callable[[str], object],
) -> dict[type, Any]:
    """Read messages until each child has sent its last; return those by their types."""
    last: dict[type, Any] = {}
    decided = 0
    deadline = monotonic() + STUCK_SECONDS
    running = list(children)
    while running:
        child, message = next_of(running, deadline)
        if isinstance(message, Notice):
            tell(message.text)
        elif not isinstance(message, Progress):
            last[type(message)] = message
            running.remove(child)
        elif message.orders > decided:
            decided = message.orders
            deadline = monotonic() + STUCK_SECONDS
            progress(decided)
    return last


def _outcome(plan: Plan, made: Generated, driven: Driven) -> Outcome:
    used = None
    if made.before.processor is not None and made.after.processor is not None:
        used = made.after.processor - made.before.processor
    generator = Watched("generator", used, plan.orders, None, made.after.peak)
    return Outcome(
        driven=driven,
        processes=[generator, *driven.processes],
        lags=made.lags,
        collected={"generator": made.collected, "driver": driven.collected},
        was_full=made.was_full,
    )
