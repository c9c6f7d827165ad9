"""^C waits while a call keeps its books, and comes through while the call only waits.

Python runs a signal's handler in the main thread, between any two steps; the usual one for SIGINT
raises KeyboardInterrupt there. Half-kept books would cost the engine its shards. So a call in the
main thread puts its own handler in for as long as it lasts, which notes the interrupt, or hands it
on at once while the call waits. It costs half a microsecond. Calls of other threads are not
interrupted.

Another signal's handler may raise just where a call takes this handler in or out, and leave it
behind. So who finds it in place looks whether a call is under way at all; else no ^C would ever
come through again.
"""

from __future__ import annotations

# The public functions turn every number into an enum and back: eleven times as slow.
from _signal import getsignal, signal  # type: ignore[import-not-found]  # has no stub
from functools import wraps
from os import register_at_fork
from signal import SIGINT, default_int_handler
from sys import _getframe
from threading import get_ident, main_thread
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["release", "shield", "through", "undisturbed"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_NUMBER: Final = int(SIGINT)


class _Shield:
    """The state of the main thread's call; there is one main thread, and one call of it."""

    __slots__ = ("handler", "is_pending", "is_up", "is_waiting", "main")

    def __init__(self) -> None:
        self.handler: Callable[[int, FrameType | None], Any] = default_int_handler
        self.main = main_thread().ident
        self.is_up = False
        self.is_pending = False
        self.is_waiting = False


_shield: Final = _Shield()

register_at_fork(after_in_child=lambda: setattr(_shield, "main", get_ident()))


def _note(number: int, frame: FrameType | None) -> None:
    if _shield.is_waiting:
        _shield.handler(number, frame)
    elif _is_in_call(frame):
        _shield.is_pending = True
    else:  # left behind
        handler = _shield.handler
        _shield.is_up = _shield.is_pending = False
        signal(number, handler)
        handler(number, frame)


def _is_in_call(frame: FrameType | None) -> bool:
    """Tell whether one of the functions that call :func:`shield` is under way."""
    while frame is not None:
        if "shield" in frame.f_code.co_names and frame.f_globals.get("shield") is shield:
            return True
        frame = frame.f_back
    return False


def shield() -> bool:
    """Keep interrupts back from now on; return whether :func:`release` has to be called.

    Not where nothing would raise: in another thread, or with a handler that is not Python's.
    """
    if get_ident() != _shield.main:
        return False
    handler = getsignal(_NUMBER)
    if handler is _note:
        if _is_in_call(_getframe(1).f_back):
            return False
        # Left behind; the handler of before is known still, and so is an interrupt that came.
    elif callable(handler):
        _shield.handler = handler
        _shield.is_pending = False
    else:
        return False
    signal(_NUMBER, _note)
    _shield.is_up = True
    return True


def release() -> None:
    """Let interrupts through again: first the one that came meanwhile."""
    handler = _shield.handler
    _shield.is_up = False
    signal(_NUMBER, handler)
    _shield.handler = default_int_handler  # asyncio's holds its task, and so what that returned
    if _shield.is_pending:
        _shield.is_pending = False
        handler(_NUMBER, _getframe())


def undisturbed(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Have interrupts kept back while a function runs, but where it lets them :func:`through`."""

    @wraps(function)
    def run(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        is_shielded = shield()
        try:
            return function(*arguments, **options)
        finally:
            if is_shielded:
                release()

    return run


def through(wait: Callable[..., _Result], *arguments: object) -> _Result:
    """Wait, and let interrupts through meanwhile."""
    if not _shield.is_up or get_ident() != _shield.main:
        return wait(*arguments)
    try:
        _shield.is_waiting = True
        if _shield.is_pending:
            _shield.is_pending = False
            _shield.handler(_NUMBER, _getframe())
        return wait(*arguments)
    finally:
        _shield.is_waiting = False  # a store follows no call: no handler runs in between
