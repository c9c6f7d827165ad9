"""What an event loop polls for an engine, without keeping the engine alive."""

from __future__ import annotations

from threading import Event, get_ident
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    import weakref

__all__ = ["LEAVE_SECONDS", "ended", "forget", "let_go", "readable", "set_once"]

LEAVE_SECONDS: Final = 1.0
"""How long the interpreter's end waits for a loop that runs in another thread still."""


def forget(loop: asyncio.AbstractEventLoop, descriptors: list[int]) -> None:
    """Stop polling these descriptors."""
    for fd in descriptors:
        loop.remove_reader(fd)
        loop.remove_writer(fd)


def let_go(loop: asyncio.AbstractEventLoop, thread: int, descriptors: list[int]) -> None:
    """Remove the descriptors of an engine that nobody has any more from its loop."""
    if loop.is_closed():
        return
    if get_ident() == thread or not loop.is_running():
        forget(loop, descriptors)
        return
    left = Event()

    def leave() -> None:
        forget(loop, descriptors)
        left.set()

    loop.call_soon_threadsafe(leave)
    left.wait(LEAVE_SECONDS)


def readable(driver: weakref.ref[Any], place: int) -> None:
    """Read the replies of a shard, if the engine's driver is still there."""
    this = driver()
    if this is not None:
        this.readable(place)


def ended(driver: weakref.ref[Any], place: int) -> None:
    """Give up a shard whose worker has ended, if the engine's driver is still there."""
    this = driver()
    if this is not None:
        this.ended(place)


def set_once(future: asyncio.Future[None]) -> None:
    """End a future, unless it has ended."""
    if not future.done():
        future.set_result(None)
