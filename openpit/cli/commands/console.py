"""`openpit console`: the operator's side of a server, as REST and a page."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openpit.cli.consoles import http_options, http_socket
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.extra import loaded
from openpit.cli.inputs import account_names
from openpit.cli.server_options import socket_option, timeout_option
from openpit.cli.streams import tell
from openpit.errors import ServerRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit console --socket desk.sock --http 127.0.0.1:8080
  openpit console --socket desk.sock --http 127.0.0.1:8080 --http-tokens tokens
  openpit console --socket desk.sock --http 127.0.0.1:8080 --journal /var/lib/desk

A line of the tokens' file is NAME ROLE TOKEN: "alice admin 5f0c...", with a token of 32 characters
or more (openssl rand -hex 32), or sha256: and the digest of one. Roles are reader, trader and
admin. The file is read again when it changes. See docs/console.md.

""" + listed(
    Exit.OK,
    Exit.FAILED,
    Exit.USAGE,
    Exit.IO_FAILED,
    Exit.NOT_FOUND,
    Exit.REFUSED,
    Exit.INTERRUPTED,
)


@click.command(epilog=EPILOG)
@socket_option
@http_options(required=True)
@timeout_option
@click.option(
    "--journal", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="The server's journal: decisions and the audit are told from there.",
)  # fmt: skip
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The limits of the journal's engine.  [default: what `openpit config` prints]",
)  # fmt: skip
@click.option(
    "--policy", "custom", multiple=True, metavar="MODULE:NAME",
    help="A policy of the journal's engine, as `openpit serve` takes it. Repeatable.",
)  # fmt: skip
@click.option(
    "--actor", "actors", multiple=True, metavar="NAME=MODULE:FACTORY",
    help="An actor of the journal's engine, as `openpit serve` takes it. Repeatable.",
)  # fmt: skip
@click.option("--http-fd", type=click.IntRange(0), hidden=True)
@click.option("--lifeline-fd", type=click.IntRange(0), hidden=True)
@click.option(
    "--ready-fd", type=click.IntRange(0), help="Write a line to this descriptor when it listens."
)
def command(
    *,
    path: Path,
    http: str,
    http_tokens: Path | None,
    http_names: Sequence[str],
    names: Path | None,
    timeout: float,
    journal: Path | None,
    config: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
    http_fd: int | None,
    lifeline_fd: int | None,
    ready_fd: int | None,
) -> None:
    """Show the server that listens at PATH, and steer it, by a browser or any program.

    The page is at /, REST under /api/v1 (its OpenAPI document is /api/v1/openapi.json), /healthz
    and /readyz tell of console and server, and /metrics has what Prometheus reads.
    """
    logging.basicConfig(format="console: %(message)s", level=logging.WARNING)
    known = account_names(names)
    listening = http_socket(http, http_tokens) if http_fd is None else socket.socket(fileno=http_fd)
    with listening:
        if http_fd is None:
            _check_server(path, timeout)
        past = None
        if journal is not None:
            limits = DEFAULT_CONFIG if config is None else str(config)
            past = loaded("openpit.console.past_lines").JournalPlaces(
                str(journal),
                limits,
                config is None,
                tuple(custom),
                tuple(actors),
                None if names is None else str(names),
            )
        app = loaded("openpit.console.app").make_app(
            str(path),
            tokens=None
            if http_tokens is None
            else loaded("openpit.console.tokens").TokenFile(http_tokens),
            names=http_names,
            journal=past,
            accounts=known,
            timeout=timeout,
        )
        host, port = listening.getsockname()[:2]

        def say() -> None:
            line = f"console of {path} at {host} port {port}, process {os.getpid()}"
            if http_fd is None:
                tell(line)
            if ready_fd is not None:
                with suppress(OSError):
                    os.write(ready_fd, f"{line}\n".encode())
                    os.close(ready_fd)

        loaded("openpit.console.running").run(app, listening, say, lifeline_fd)


def _check_server(path: Path, timeout: float) -> None:
    """Raise ExitError if no server is there; one that goes later, and comes back, is no matter."""
    from openpit.faces.asking import sessions_of  # noqa: PLC0415 - the server's own start has none

    try:
        sessions_of(path, timeout=timeout)
    except ServerRefused as error:
        raise ExitError(Exit.REFUSED, str(error)) from None
