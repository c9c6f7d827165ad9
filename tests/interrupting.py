"""^C at a chosen moment of a call into the engine: every moment at which Python may raise it.

CPython lets a signal's handler run where a function begins, where a loop goes round, and after a
call of something that is not Python; never between two plain stores. A tracing function stands in
for the signal, so that a test can go through all the moments of a call, one by one.
"""

from __future__ import annotations

import dis
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["interrupted_everywhere"]

_PACKAGE = str(Path(openpit.__file__).parent)
_CALLS = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX"})
_LOOP = "JUMP_BACKWARD"  # in the names of several instructions


class _Interrupt:
    """Raises KeyboardInterrupt at one moment of a call."""

    def __init__(self, moment: int) -> None:
        self.left = moment
        self._previous: dict[FrameType, str] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if event == "return":
            self._previous.pop(frame, None)
            # Python goes on in the caller without a look at signals, but after a constructor.
            if frame.f_back is not None and code.co_name != "__init__":
                self._previous.pop(frame.f_back, None)
        elif not code.co_filename.startswith(_PACKAGE) or code.co_flags & inspect.CO_GENERATOR:
            frame.f_trace_lines = False
        elif _in_finaliser(frame):
            return None
        elif event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            self._pass()
        elif event == "opcode":
            name = dis.opname[code.co_code[frame.f_lasti]]
            before = self._previous.get(frame)
            self._previous[frame] = name
            if before in _CALLS or _LOOP in name:
                self._pass()
        return self

    def _pass(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def _in_finaliser(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def interrupted_everywhere(
    prepare: Callable[[], tuple[Any, Callable[[], object]]],
) -> Iterator[Any]:
    """Prepare a world and a call, interrupt the call; give the world; again for each moment."""
    tracing = sys.gettrace()
    moment = 0
    while True:
        moment += 1
        world, call = prepare()
        interrupt = _Interrupt(moment)
        try:
            sys.settrace(interrupt)
            try:
                call()
            finally:
                sys.settrace(tracing)
        except KeyboardInterrupt:
            yield world
        if interrupt.left > 0:
            assert moment > 10, "the call has hardly any moments: is it traced?"
            return
