"""`openpit mcp`: a running server's state as tools of a model, over stdin and stdout."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.extra import loaded
from openpit.cli.server_options import socket_option, timeout_option
from openpit.errors import ServerRefused
from openpit.faces.connecting import connect_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit mcp --socket desk.sock
  openpit mcp --socket desk.sock --allow block,halt
  openpit mcp --socket desk.sock --journal /var/lib/desk --config limits.toml

It speaks the Model Context Protocol, and is started by the program that has the model.

""" + listed(
    Exit.OK,
    Exit.FAILED,
    Exit.USAGE,
    Exit.NOT_FOUND,
    Exit.REFUSED,
    Exit.INTERRUPTED,
)

CHANGING = ("block", "halt", "limits")


def _allowed(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> set[str]:
    names = {name.strip() for text in given for name in text.split(",")}
    unknown = sorted(names - {*CHANGING})
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)!r}: it is {', '.join(CHANGING)}")
    return names


@click.command(epilog=EPILOG)
@socket_option
@timeout_option
@click.option(
    "--allow", multiple=True, callback=_allowed, metavar="NAME,...",
    help="Tools that change something: block (block and unblock accounts), halt (halt and resume "
    "all orders), limits. Repeatable.  [default: none]",
)  # fmt: skip
@click.option(
    "--journal", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The server's journal: adds a tool for its audit, which needs its policies.",
)  # fmt: skip
@click.option(
    "--policy", "custom", multiple=True, metavar="MODULE:NAME",
    help="A policy of the server, as `openpit serve` takes it: for the audit. Repeatable.",
)  # fmt: skip
@click.option(
    "--actor", "actors", multiple=True, metavar="NAME=MODULE:FACTORY",
    help="An actor of the server, as `openpit serve` takes it: for the audit. Repeatable.",
)  # fmt: skip
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The server's first policies and limits (TOML): for the audit.",
)  # fmt: skip
def command(
    *,
    path: Path,
    timeout: float,
    allow: set[str],
    journal: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
    config: Path | None,
) -> None:
    """Offer the server that listens at PATH to a model: what it knows, and what is allowed."""
    if journal is None and (custom or actors or config):
        raise click.UsageError("--config, --policy and --actor are of the audit: name a --journal")
    tools = loaded("openpit.cli.mcp_tools")
    audit = None if journal is None else _audit_of(journal, config, custom, actors)
    name = f"mcp {os.getpid()}"

    async def serve() -> None:
        async with await connect_async(path, name=name, timeout=timeout) as engine:
            mine = tools.Tools(engine, path, timeout, name, audit)
            await tools.new_server(mine, allow, has_audit=audit is not None).run_stdio_async()

    try:
        asyncio.run(serve())
    except ServerRefused as error:
        raise ExitError(Exit.REFUSED, str(error)) from None


def _audit_of(
    journal: Path, config: Path | None, custom: Sequence[str], actors: Sequence[str]
) -> Callable[[int | None], Iterable[str]]:
    # What reads the past is an engine of its own; who asks nothing of it does without.
    from openpit.cli.commands.journal_past import audit_of  # noqa: PLC0415

    return lambda account: audit_of(journal, config, custom, actors, account)
