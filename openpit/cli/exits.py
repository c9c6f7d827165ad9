"""How the `openpit` command ends: its exit codes, by name."""

from __future__ import annotations

from contextlib import suppress
from enum import IntEnum
from typing import IO, Any

import click

__all__ = ["EPILOG", "STREAMS", "Exit", "ExitError", "listed"]


class Exit(IntEnum):
    """Exit codes; 1 and 2 are what Python and click use already."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BAD_CONFIG = 3
    BAD_LINE = 4
    SHARD_DIED = 5
    NOT_STARTED = 6
    IO_FAILED = 7
    INVALID = 8
    WRONG = 9
    MISSED = 10
    REGRESSED = 11
    NOT_FOUND = 12
    UNREADABLE = 13
    REFUSED = 14
    DAMAGED = 15
    MISMATCH = 16
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done; lines of a flow that could not be read are counted in the report",
    Exit.FAILED: "an unexpected error, with its traceback",
    Exit.USAGE: "the command line is wrong, or names a file that is not there",
    Exit.BAD_CONFIG: "the configuration file is wrong; the table and key are named",
    Exit.BAD_LINE: "--strict, and a line of the flow is wrong",
    Exit.SHARD_DIED: "a shard stopped answering; the report says which",
    Exit.NOT_STARTED: "the workers, or the processes of a load test, did not come up or stay up",
    Exit.IO_FAILED: "a file could not be read or written, or nobody reads stdout any more",
    Exit.INVALID: "loadtest: the load was not the one asked for; there is no headline",
    Exit.WRONG: "loadtest: a decision was not the right one, or a call raised",
    Exit.MISSED: "loadtest: a figure does not meet --require",
    Exit.REGRESSED: "loadtest compare: a figure is worse by more than --tolerance and than noise",
    Exit.NOT_FOUND: "an optional package, the reference or Chromium is not there",
    Exit.UNREADABLE: "no line of the flow could be read: it is no flow, or one of another format",
    Exit.REFUSED: "console, ctl, loadtest: no server listens there, or it does not let this user "
    "do that",
    Exit.DAMAGED: "journal: a log lacks something that was down; its place is told",
    Exit.MISMATCH: "journal: the policies are not those it was written with, or answer otherwise",
    Exit.INTERRUPTED: "interrupted, also by SIGTERM or SIGHUP; a replay reports what it did",
}


def listed(*codes: Exit) -> str:
    """Return the part of a help page that lists these exit codes."""
    return "\b\nExit codes:\n" + "\n".join(
        f"  {code.value:<4}{code.name:<13}{MEANINGS[code]}" for code in codes
    )


EPILOG = listed(*Exit)

STREAMS = (Exit.OK, Exit.FAILED, Exit.USAGE, Exit.IO_FAILED, Exit.INTERRUPTED)
"""What a command may end with that does no more than print."""


class ExitError(click.ClickException):
    """Ends the command with a message on stderr and one of the codes."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.exit_code = code.value  # type: ignore[misc]  # click takes the instance's, too
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message; where stderr cannot be written the code alone has to tell."""
        with suppress(OSError):
            super().show(file)
