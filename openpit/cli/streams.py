"""The standard streams as a command finds them: closed, full, or without the letters it needs."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from openpit.cli.exits import Exit, ExitError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ReaderGoneError", "leave_stdout", "prepare", "writing_to_stdout"]


class ReaderGoneError(ExitError):
    """Whoever read stdout has had enough, as ``head`` does: the command ends without a word."""

    def __init__(self) -> None:
        super().__init__(Exit.IO_FAILED, "the reader of stdout has gone")

    def show(self, file: IO[str] | None = None) -> None:
        """Say nothing."""


def prepare() -> None:
    """Make the standard streams fit for use.

    A descriptor that is closed would be given to the next file or pipe that is opened, and what is
    printed would go there.

    Raises:
        ExitError: stdout is closed.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - to the end
    if sys.stdout is None:
        raise ExitError(Exit.IO_FAILED, "cannot write stdout: it is closed")
    # A locale without the letters of a report must not cost the report.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


@contextmanager
def writing_to_stdout() -> Iterator[None]:
    """Have what the block prints on stdout written when it ends.

    Raises:
        ReaderGoneError: nobody reads it any more.
        ExitError: it cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        leave_stdout()
        raise ReaderGoneError from None
    except OSError as error:
        leave_stdout()
        raise ExitError(Exit.IO_FAILED, f"cannot write stdout: {error.strerror}") from None


def leave_stdout() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's end is quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
