"""How a command is interrupted: by ^C, by who stops programs (SIGTERM), by a terminal that went."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openpit.cli.exits import Exit, ExitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["heeded", "interrupted"]

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What ``timeout``, service managers and closed terminals send. By themselves they would end the
process on the spot, with nothing reported of what was done."""


@contextmanager
def heeded() -> Iterator[None]:
    """Have the signals that end a program come as `KeyboardInterrupt`, as ^C does, in the block.

    The same signal a second time ends the process on the spot. A signal that is ignored, as
    ``nohup`` has it, or that the program handles itself stays so, and so do all of them off the
    main thread.
    """
    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def interrupted(error: KeyboardInterrupt) -> ExitError:
    """Return how a command ends that was interrupted: its message names a signal but ^C's."""
    return ExitError(Exit.INTERRUPTED, " by ".join(["interrupted", *map(str, error.args)]))


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt(signal.Signals(number).name)
