"""What an event loop polls for an engine, without keeping the engine alive."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Event, get_ident
from typing import TYPE_CHECKING, Any

from openpit.faces.ends import LEAVE_SECONDS

if TYPE_CHECKING:
    import asyncio
    import weakref
    from collections.abc import Callable

__all__ = ["ask", "forget", "in_loop", "let_go", "tell"]


def forget(loop: asyncio.AbstractEventLoop, descriptors: list[int]) -> None:
    """Stop polling these descriptors."""
    for fd in descriptors:
        loop.remove_reader(fd)
        loop.remove_writer(fd)


def let_go(loop: asyncio.AbstractEventLoop, thread: int, descriptors: list[int]) -> None:
    """Remove the descriptors of an engine that nobody has any more from its loop."""
    if not loop.is_closed():
        in_loop(loop, thread, partial(forget, loop, descriptors))


def in_loop(loop: asyncio.AbstractEventLoop, thread: int, leave: Callable[[], object]) -> bool:
    """Have a loop that runs in some thread do what takes an engine out; tell whether it has."""
    if get_ident() == thread or not loop.is_running():
        leave()
        return True
    left = Event()

    def leave_there() -> None:
        leave()
        left.set()

    loop.call_soon_threadsafe(leave_there)
    return left.wait(LEAVE_SECONDS)


def ask(driver: weakref.ref[Any], method: str, *arguments: Any) -> None:
    """Call a method of an engine's driver, if that is still there."""
    this = driver()
    if this is not None:
        getattr(this, method)(*arguments)


def tell(loop: asyncio.AbstractEventLoop, driver: weakref.ref[Any], method: str) -> None:
    """Have the loop do so, from any thread, and from within anything: a finaliser's."""
    with suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(ask, driver, method)
