"""^C at a chosen moment of a call: every moment at which this Python may raise it.

CPython looks for signals at certain instructions only: where a function begins, where a loop goes
round, and after a call of something that is not Python. Which handlers catch what is raised there
is not always what the source says, and differs from version to version. So nothing is raised here
in the interpreter's place: a watch marks a signal as pending, as the C handler does, shortly before
such an instruction, and the interpreter itself finds it there.
"""

from __future__ import annotations

import ctypes
import dis
import functools
import gc
import operator
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import CodeType, FrameType

    Prepare = Callable[[], tuple[Any, Callable[[], object]]]
    Moment = tuple[CodeType, int, int]  # an instruction, and the number of its step in the call

__all__ = ["LOOKS", "PENDING", "interrupted_everywhere"]

_TESTS = str(Path(__file__).parents[1])

LOOKS = frozenset(
    name
    for name in dis.opmap
    if name in {"RESUME", "CALL", "CALL_KW", "CALL_FUNCTION_EX"} or "JUMP_BACKWARD" in name
) - {"JUMP_BACKWARD_NO_INTERRUPT"}
"""The instructions at which the interpreter looks for signals."""

_RETURNS = frozenset({"RETURN_VALUE", "RETURN_CONST"})


class _Pending:
    """``-PENDING[number]`` marks a signal as pending, and no signal is looked for meanwhile."""

    def __class_getitem__(cls, number: int) -> _Pending:
        mark = functools.partial(ctypes.pythonapi.PyErr_SetInterruptEx, int(number))
        return type("_Mark", (cls,), {"__neg__": staticmethod(mark)})()


PENDING = {number: _Pending[number] for number in (signal.SIGINT, signal.SIGUSR1)}


class _Watch:
    """Follows a call instruction by instruction, and notes its moments or stops at one of them.

    A test's own code that the call comes to, such as a policy's callback, is passed over with all
    that it calls. So are finalisers: what is raised in one is printed and lost, by the language.
    """

    def __init__(self, *, callbacks: bool, chosen: Moment | None = None, number: int = 0) -> None:
        self.moments: list[Moment] = []
        self.is_there = False
        self._callbacks = callbacks
        self._outside: FrameType | None = None
        self._step = 0
        self._thread = get_ident()
        self._last: Moment | None = None
        self._chosen = -1 if chosen is None else chosen[2]
        self._pending: Any = None if chosen is None else PENDING[signal.Signals(number)]

    def instruction(self, frame: FrameType, at: int) -> None:
        """Look at an instruction that is about to be executed."""
        if self._outside is None:
            self._pass(frame, at)
            # Behind what returns to C, as a constructor does, the call looks for signals.
            if _name(frame.f_code, at) in LOOKS or _name(frame.f_code, at) in _RETURNS:
                self._note()

    def enter(self, frame: FrameType) -> None:
        """Look at a function that begins, or a generator that goes on."""
        if self._outside is None:
            if self._leaves(frame):
                self._outside = frame
            else:
                self._note()

    def leave(self, frame: FrameType, at: int) -> None:
        """Look at a function that ends, whichever way: the caller may find what came meanwhile."""
        if frame is self._outside:
            self._outside = None
            self._pass(frame, at)
            self._note()

    @property
    def reached(self) -> Moment | None:
        """Where the signal was marked, or how far the call has come."""
        return self._last

    def _pass(self, frame: FrameType, at: int) -> None:
        self._last = frame.f_code, at, self._step
        if self._step == self._chosen:
            self.is_there = True
            _unfollow()
        self._step += 1

    def _note(self) -> None:
        """Note that signals are looked for next."""
        if self._last is not None and self._last not in self.moments[-1:]:
            self.moments.append(self._last)

    def _leaves(self, frame: FrameType) -> bool:
        if frame.f_code.co_name == "__del__":
            return True
        caller: FrameType | None = frame
        while caller is not None and caller.f_code.co_filename.startswith(_TESTS):
            if caller.f_code is _made.__code__:
                return False  # the call is made by these
            caller = caller.f_back
        return caller is not frame and not self._callbacks

    # --- what the interpreter calls; nothing may look for signals behind the mark ----------------

    def traced(self, frame: FrameType, event: str, _: Any) -> Any:
        """Follow by ``sys.settrace``."""
        if event == "opcode":
            self.instruction(frame, frame.f_lasti)
        elif event == "call":
            frame.f_trace_lines = False
            frame.f_trace_opcodes = True
            self.enter(frame)
        elif event == "return":
            self.leave(frame, frame.f_lasti)
        if self.is_there:
            -self._pending  # noqa: B018 - marks it
            return None
        return self.traced

    def on_instruction(self, _: CodeType, at: int) -> None:
        """Follow by ``sys.monitoring``, which tells of all threads: a test runner has its own."""
        if get_ident() != self._thread:
            return
        self.instruction(sys._getframe(1), at)
        if self.is_there:
            -self._pending  # noqa: B018 - marks it

    def on_enter(self, *_: object) -> None:
        """Follow by ``sys.monitoring``."""
        if get_ident() == self._thread:
            self.enter(sys._getframe(1))

    def on_leave(self, _: CodeType, at: int, __: object) -> None:
        """Follow by ``sys.monitoring``."""
        if get_ident() != self._thread:
            return
        self.leave(sys._getframe(1), at)
        if self.is_there:
            -self._pending  # noqa: B018 - marks it


def _name(code: CodeType, at: int) -> str:
    return dis.opname[code.co_code[at]]


def _made(call: Callable[[], object]) -> None:
    call()


if sys.version_info >= (3, 12):
    # From 3.12 on, sys.settrace leaves out instructions of functions that it has not seen before.
    _EVENTS = sys.monitoring.events
    _TOOL = 4

    @contextmanager
    def _following() -> Iterator[None]:
        sys.monitoring.use_tool_id(_TOOL, "interrupting")
        try:
            yield
        finally:
            sys.monitoring.free_tool_id(_TOOL)

    def _follow(watch: _Watch, call: Callable[[], object]) -> None:
        callbacks = {
            _EVENTS.INSTRUCTION: watch.on_instruction,
            _EVENTS.PY_START: watch.on_enter,
            _EVENTS.PY_RESUME: watch.on_enter,
            _EVENTS.PY_THROW: watch.on_enter,
            _EVENTS.PY_RETURN: watch.on_leave,
            _EVENTS.PY_YIELD: watch.on_leave,
            _EVENTS.PY_UNWIND: watch.on_leave,
        }
        for event, callback in callbacks.items():
            sys.monitoring.register_callback(_TOOL, event, callback)
        try:
            sys.monitoring.set_events(_TOOL, functools.reduce(operator.or_, callbacks))
            _made(call)
        finally:
            _unfollow()

    def _unfollow() -> None:
        sys.monitoring.set_events(_TOOL, 0)

else:

    @contextmanager
    def _following() -> Iterator[None]:
        tracing = sys.gettrace()
        try:
            yield
        finally:
            sys.settrace(tracing)

    def _follow(watch: _Watch, call: Callable[[], object]) -> None:
        try:
            sys.settrace(watch.traced)
            _made(call)
        finally:
            _unfollow()

    def _unfollow() -> None:
        sys.settrace(None)


@contextmanager
def _handled(number: int, handler: Callable[[int, Any], object]) -> Iterator[list[BaseException]]:
    """Have a signal raise; give what finalisers have raised."""
    lost: list[BaseException] = []
    before, hook = signal.signal(number, handler), sys.unraisablehook
    sys.unraisablehook = lambda unraisable: lost.append(unraisable.exc_value)
    is_collecting = gc.isenabled()
    gc.disable()  # what is let go of goes by its last reference, each time at the same step
    try:
        with _following():
            yield lost
    finally:
        if is_collecting:
            gc.enable()
        sys.unraisablehook = hook
        signal.signal(number, before)


def _moments_of(prepare: Prepare, *, callbacks: bool) -> list[Moment]:
    found: list[Moment] | None = None
    for _ in range(9):
        world, call = prepare()
        watch = _Watch(callbacks=callbacks)
        _follow(watch, call)
        del world  # not before: a request that outlives its engine is refused
        # What is done once, such as filling a cache, is done by now.
        if watch.moments == found:
            return found
        found = watch.moments
    raise AssertionError("no two calls have the same moments")


def interrupted_everywhere(
    prepare: Prepare,
    *,
    number: int = signal.SIGINT,
    handler: Callable[[int, Any], object] = signal.default_int_handler,
    callbacks: bool = False,
    among: Callable[[list[Moment]], Sequence[Moment]] = list,
) -> Iterator[Any]:
    """Prepare a world and a call, interrupt the call; give the world; again for each moment.

    With ``callbacks`` the moments of the test's own code that the call comes to are among them. The
    handler is to raise KeyboardInterrupt.
    """
    with _handled(number, handler) as lost:
        moments = _moments_of(prepare, callbacks=callbacks)
        assert len(moments) > 10, "the call has hardly any moments: is it followed?"
        for moment in among(moments):
            world, call = prepare()
            watch = _Watch(callbacks=callbacks, chosen=moment, number=number)
            is_outside = False
            try:
                _follow(watch, call)
            except KeyboardInterrupt as interrupt:
                is_outside = not callbacks and _comes_from_a_callback(interrupt)
            else:
                assert watch.is_there, (
                    f"the call has changed: it never came to {_described(moment)}"
                )
                assert lost, f"an interrupt is lost: {_described(moment)}"
                is_outside = True
            # Not the like of it: what the call of before has left behind must not change this one.
            assert watch.reached == moment, f"the call has changed at {_described(moment)}"
            lost.clear()
            if not is_outside:
                yield world


def _comes_from_a_callback(interrupt: BaseException) -> bool:
    trace = interrupt.__traceback__
    has_left = False
    while trace is not None:
        is_test = trace.tb_frame.f_code.co_filename.startswith(_TESTS)
        has_left = has_left or not is_test
        trace = trace.tb_next
    return has_left and is_test


def _described(moment: Moment) -> str:
    code, at, step = moment
    line = next((line for start, end, line in code.co_lines() if start <= at < end), None)
    return f"step {step}: {_name(code, at)} in {code.co_qualname}, {code.co_filename}:{line}"
