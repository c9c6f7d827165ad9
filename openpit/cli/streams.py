"""The standard streams as a command finds them: closed, full, or without the letters it needs."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Self

import click

from openpit.cli.exits import Exit, ExitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = [
    "ReaderGoneError",
    "StdoutFile",
    "is_stream",
    "leave_stdout",
    "one_stream",
    "prepare",
    "tell",
    "writing_to_stdout",
]


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


def is_stream(path: Path | None) -> bool:
    """Tell whether a path is ``-``: stdout for what is written, stdin for what is read."""
    return str(path) == "-"


def one_stream(stream: str, paths: Mapping[str, Path | None]) -> str | None:
    """Return the option that takes a stream, or None; a usage error if there are two.

    ``paths`` are those of all options that may take it, by what they are called.
    """
    taking = [name for name, path in paths.items() if is_stream(path)]
    if len(taking) > 1:
        raise click.UsageError(f"{' and '.join(taking)} cannot all be -: there is one {stream}")
    return taking[0] if taking else None


def tell(line: str) -> None:
    """Print a line on stderr, where that can be written: what is told is not what is made."""
    with suppress(OSError):
        click.echo(line, err=True)


class StdoutFile:
    """Stdout in the place of a file that a command writes: what is written cannot be taken back.

    Raises as :func:`writing_to_stdout` does.
    """

    part = None
    """There is no file to find a part of the output in."""

    def write(self, content: str | bytes) -> None:
        """Append text, or bytes."""
        with writing_to_stdout(flush=False):
            if isinstance(content, str):
                sys.stdout.write(content)
            else:
                sys.stdout.buffer.write(content)

    def finish(self) -> None:
        """Write what is left."""
        with writing_to_stdout():
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, ExitError):
            self.finish()


@contextmanager
def writing_to_stdout(*, flush: bool = True) -> Iterator[None]:
    """Write what the block prints on stdout when it ends, or hand it on without ``flush``.

    Raises:
        ReaderGoneError: nobody reads it any more.
        ExitError: it cannot be written.
    """
    try:
        yield
        if flush:
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
