"""The `openpit` command.

Each command is one module of :mod:`openpit.cli.commands`, loaded when it is called for: the help
page and the light commands do not pay for what the heavy ones import.
"""

from __future__ import annotations

import errno
import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.exits import EPILOG, Exit, ExitError
from openpit.cli.interrupts import heeded, interrupted
from openpit.cli.invocation import ARGUMENTS
from openpit.cli.streams import ReaderGoneError, leave_stdout, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main"]

COMMANDS = {
    "config": "Print the default policies and limits, as a file to edit.",
    "console": "Show a running server to a browser, and steer it from there.",
    "ctl": "Look at a running server, and steer it.",
    "generate": "Write a made-up order flow, the same for the same seed.",
    "journal": "Look at what an engine has written to recover from.",
    "loadtest": "Measure throughput and latency under a paced order flow.",
    "mcp": "Offer a running server to a model, by the Model Context Protocol.",
    "replay": "Run an order flow through an engine and report what it decided.",
    "serve": "Run an engine that many programs share, at a socket of this machine.",
    "top": "Show a running server as it goes on: shards, sessions, refusals.",
}
"""Name and one line of help; the module of that name defines the click command as ``command``."""


_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help page."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None for a name that is no command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"openpit.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the arguments, and keep them as they were given."""
        given = list(args)
        with _ending_by_code():
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[ARGUMENTS] = given
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interrupt ends it with its own code, wherever it comes."""
        with _ending_by_code(), heeded():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@contextmanager
def _ending_by_code() -> Iterator[None]:
    """End with exit codes of their own for an interrupt and a help page that nobody reads."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise interrupted(error) from None
    except BrokenPipeError:
        leave_stdout()
        raise ReaderGoneError from None
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        leave_stdout()  # of a help page: commands tell by themselves what they cannot write
        raise ExitError(Exit.IO_FAILED, f"cannot write stdout: {error.strerror}") from None


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="openpit-sharded", message="%(package)s %(version)s")
def main() -> None:
    """Pre-trade risk checks, sharded by account over worker processes."""
    prepare()
