"""The console beside a server: what `openpit serve --http` starts, and what becomes of it.

It is a process of its own, and a client like any other. It ends when the server's end of a pipe is
closed, however that comes about; the server goes on without it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.extra import loaded
from openpit.cli.inputs import account_names
from openpit.cli.server_options import accounts_option
from openpit.cli.streams import tell

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

__all__ = ["ConsoleBeside", "console_options", "http_options", "http_socket"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

START_SECONDS: Final = 60.0
"""How long a console may take to listen: it imports a web framework, on a machine that is busy."""

END_SECONDS: Final = 5.0
"""How long it may take to end; then it is killed."""


def http_options(*, required: bool = False) -> Callable[[_Command], _Command]:
    """Return what adds a console's options to a command."""

    def add(command: _Command) -> _Command:
        for option in (
            accounts_option,
            click.option(
                "--http-name", "http_names", multiple=True, metavar="NAME",
                help="A name by which browsers may call the console, beside addresses and "
                "localhost: of a proxy in front of it. Repeatable.",
            ),
            click.option(
                "--http-tokens", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                help="Who may ask the console, and change what: lines of NAME ROLE TOKEN, in a "
                "file of mode 0600. Without it the console only reads, and on loopback alone.",
            ),
            click.option(
                "--http", required=required, metavar="HOST:PORT",
                help="Where the console listens: REST and a page, as 127.0.0.1:8080.",
            ),
        ):  # fmt: skip
            command = option(command)
        return command

    return add


def console_options(
    http: str | None,
    tokens: Path | None,
    names: Sequence[str],
    past: tuple[Path, Path | None, Sequence[str], Sequence[str]] | None,
    accounts: Path | None = None,
) -> list[str]:
    """Return the options of `openpit console` for a server's own.

    ``past`` is where its journal is, with the limits, policies and actors of its engine; and
    ``accounts`` is the file of their names.

    Raises:
        click.UsageError: there are some, and no console.
    """
    if http is None and (tokens is not None or names or accounts is not None):
        raise click.UsageError("--http-tokens, --http-name and --accounts go with --http")
    options = [] if tokens is None else ["--http-tokens", str(tokens)]
    for name in names:
        options += ["--http-name", name]
    if accounts is not None:
        account_names(accounts)  # wrong ones are told before anything starts
        options += ["--accounts", str(accounts)]
    if past is not None:
        journal, config, custom, actors = past
        options += ["--journal", str(journal)]
        options += [] if config is None else ["--config", str(config)]
        for name in custom:
            options += ["--policy", name]
        for named in actors:
            options += ["--actor", named]
    return options


def http_socket(http: str, tokens: Path | None) -> socket.socket:
    """Return a socket that listens where a console is to be; its tokens are looked at, too.

    Raises:
        click.UsageError: that is no address, or one that takes tokens; or the tokens are wrong.
        ExitError: nothing can listen there, or what the console needs is not installed.
    """
    addresses = loaded("openpit.console.addresses")
    try:
        address = addresses.http_address(http)
    except addresses.AddressError as error:
        raise click.UsageError(f"--http: {error}") from None
    if tokens is None and not address.is_loopback:
        raise click.UsageError(
            f"--http {address} may be reached by others than this machine's programs: that takes "
            "--http-tokens"
        )
    loaded("openpit.console.running")  # what it needs is there
    if tokens is not None:
        known = loaded("openpit.console.tokens")
        try:
            known.TokenFile(tokens)
        except known.TokensError as error:
            raise click.UsageError(f"--http-tokens: {error}") from None
    try:
        listening: socket.socket = addresses.listening(address)
    except addresses.AddressError as error:
        raise ExitError(Exit.IO_FAILED, str(error)) from None
    return listening


class ConsoleBeside:
    """The console of a server; ``options`` are those of `openpit console` beside the addresses."""

    def __init__(self, listening: socket.socket, options: Sequence[str]) -> None:
        host, port = listening.getsockname()[:2]
        self.url: Final = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
        self._socket: Final = listening
        self._options: Final = options
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, path: Path) -> None:
        """Start it for the server that listens at a path; return when it listens.

        Raises:
            ExitError: it does not.
        """
        lifeline, self._lifeline = os.pipe()
        reading, ready = os.pipe()
        http = self._socket.fileno()
        command = [
            *(sys.executable, "-m", "openpit", "console", "--socket", str(path)),
            *("--http", self.url.removeprefix("http://").rstrip("/"), "--http-fd", str(http)),
            *("--lifeline-fd", str(lifeline), "--ready-fd", str(ready), *self._options),
        ]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, pass_fds=(lifeline, ready, http)
            )
        finally:
            for fd in (lifeline, ready):
                os.close(fd)
            self._socket.close()
        is_ready = await _line_of(reading)
        if not is_ready:
            await self.end()
            raise ExitError(Exit.NOT_STARTED, "the console did not start")
        tell(f"console at {self.url}, process {self._process.pid}")
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        assert self._process is not None  # noqa: S101 - it has been started
        code = await self._process.wait()
        tell(f"the console has ended with code {code}; the server goes on without it")

    async def end(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._socket.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        process = self._process
        if process is None:
            return
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _line_of(fd: int) -> bool:
    """Wait for a line of another process, or for its end; tell whether there was one."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0)
    )
    try:
        return bool(await asyncio.wait_for(reader.readline(), START_SECONDS))
    except TimeoutError:
        return False
    finally:
        transport.close()
