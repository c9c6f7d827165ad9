"""Exceptions on their way from a shard to the caller.

An exception of a policy is raised to the caller as the same type; what cannot travel becomes a
:class:`~openpit.errors.ShardCallbackError` with its text. Nothing is unpickled: the class is found
by its name, and its state is made of plain values.
"""

from __future__ import annotations

from functools import partial
from traceback import format_exception
from typing import Any, Final

from openpit.errors import ShardCallbackError
from openpit.wire.values import decode, encode, resolve

__all__ = ["WorkerTraceback", "failure_row", "read_failure"]

_UNREADABLE: Final = "<no text: its __str__ raised>"


class WorkerTraceback(Exception):  # noqa: N818 - no error of its own: the story behind one
    """The traceback of an exception in its worker process; the cause of the one that is raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def failure_row(error: BaseException) -> tuple[str, str, Any, str, str]:
    """Return an exception as the columns of a failure."""
    kind = type(error)
    try:
        state = encode(_state_of(error))
    except BaseException:  # noqa: BLE001 - there is no rule for a user's __reduce__
        state = None
    trace = "".join(format_exception(error))
    return (
        _text(str(kind.__module__)),
        _text(kind.__qualname__),
        state,
        _text(_described(error)),
        _text(trace),
    )


def _described(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - a user's __str__ may raise anything; the failure still goes
        return _UNREADABLE


def _text(value: str) -> str:
    """Return a text that has a UTF-8 form: a file's name, for one, need not have any."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _state_of(error: BaseException) -> tuple[object, object]:
    """Return what makes the same exception again: arguments and attributes."""
    made = error.__reduce__()
    if isinstance(made, str) or made[0] is not type(error):
        raise TypeError("the exception has a reduction of its own")
    return made[1], made[2] if len(made) > 2 else None  # noqa: PLR2004 - callable, arguments, state


def read_failure(row: tuple[Any, ...], shard: int) -> BaseException:
    """Return the exception of a failure's columns, with the worker's traceback as its cause."""
    module, name, state, described, trace = row
    error = _made(module, name, state, described)
    if error is None:
        error = ShardCallbackError(f"{module}.{name}: {described}", shard)
    error.__cause__ = WorkerTraceback(trace)
    return error


def _made(module: str, name: str, state: object, described: str) -> BaseException | None:
    """Return the exception itself, or None where its class or its state cannot be had here."""
    if state is None:
        return None
    try:
        kind = resolve(module, name)
        if not issubclass(kind, BaseException):
            return None
        arguments, attributes = decode(state)
    except Exception:  # noqa: BLE001 - its module is a user's: importing it may raise anything at all
        return None
    # Many a constructor takes other arguments than those it gives its base, or makes a text of
    # them. What is made without it has the same arguments and attributes all the same.
    for make in (kind, partial(kind.__new__, kind)):
        try:
            error = make(*arguments)
            vars(error).update(attributes or {})
        except Exception:  # noqa: BLE001, S112 - the class is a user's: building it may raise anything
            continue
        if isinstance(error, BaseException) and _text(_described(error)) == described:
            return error
    return None
