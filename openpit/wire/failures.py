"""Exceptions on their way from a shard to the caller.

An exception of a policy is raised to the caller as the same type, with equal arguments, attributes
and text. Where its class cannot be had here, a :class:`~openpit.errors.ShardCallbackError` says so,
which is also of those base classes that can. Nothing is unpickled; see
:mod:`openpit.wire.exception_parts`.
"""

from __future__ import annotations

from traceback import format_exception
from typing import Any, Final

from openpit.errors import ShardCallbackError
from openpit.wire.exception_parts import ROOM, Packing, Unpacking, described, in_utf_8, set_part
from openpit.wire.values import decode, encode

__all__ = ["WorkerTraceback", "failure_row", "read_failure"]

TEXT: Final = 64 * 1024
"""Characters of an exception's text, and of its traceback, that travel."""

BRIEF: Final = 512
"""Characters of each in a list that would be too long otherwise."""


class WorkerTraceback(Exception):  # noqa: N818 - no error of its own: the story behind one
    """The traceback of an exception in its worker process; the cause of the one that is raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def failure_row(error: BaseException, *, brief: bool = False) -> tuple[str, str, Any, str, str]:
    """Return an exception as the columns of a failure."""
    kind = type(error)
    limit = BRIEF if brief else TEXT
    text = described(error)
    try:
        packing = Packing(limit if brief else ROOM)
        node = packing.exception(error)
        state = encode((node, tuple(packing.left)))
    except BaseException:  # noqa: BLE001 - attributes are a user's: reading them may raise anything
        state = None
    try:
        trace = in_utf_8("".join(format_exception(error)))
    except BaseException:  # noqa: BLE001 - it asks the exception for its parts
        trace = f"{kind.__qualname__}: {text}\n"
    if len(trace) > limit:
        trace = f"{trace[: limit // 2]}\n[...]\n{trace[-limit // 2 :]}"
    return in_utf_8(str(kind.__module__)), in_utf_8(kind.__qualname__), state, text[:limit], trace


def read_failure(row: tuple[Any, ...], shard: int) -> BaseException:
    """Return the exception of a failure's columns, with the worker's traceback as its cause."""
    module, name, state, text, trace = row
    try:
        node, left = decode(state)
        unpacking = Unpacking(shard)
        error = unpacking.exception(node)
        _note(error, [*left, *unpacking.left], text)
    except Exception as why:  # noqa: BLE001 - of a state that is none, for one
        error = ShardCallbackError(f"{module}.{name}: {text}", shard)
        error.why = f"its arguments and attributes cannot be had here: {why}"
    set_part(error, "__cause__", WorkerTraceback(trace))
    return error


def _note(error: BaseException, left: list[str], text: str) -> None:
    """Say on an exception what it lacks."""
    notes = [f"left in the worker: {', '.join(left)}"] if left else []
    if not isinstance(error, ShardCallbackError):
        if described(error)[:TEXT] != text:
            notes.append(f"its text in the worker: {text}")
    elif error.why:
        notes.append(f"raised in place of its own class: {error.why}")
    if notes:
        # Not by add_note(): a class may have a say in which attributes it has.
        held = object.__getattribute__(error, "__dict__")
        held["__notes__"] = [*held.get("__notes__", ()), *notes]
