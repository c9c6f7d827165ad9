"""`openpit top`: a running server, shards side by side, as it is and as it goes on."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.grids import ReportConsole
from openpit.cli.inputs import account_names
from openpit.cli.server_options import accounts_option, socket_option, timeout_option
from openpit.cli.server_pictures import picture_of_server
from openpit.cli.streams import writing_to_stdout
from openpit.cli.top_frames import ROWS, frame_of
from openpit.errors import ServerRefused
from openpit.faces.connecting import connect_async

if TYPE_CHECKING:
    from pathlib import Path

    from openpit.cli.server_pictures import ServerPicture
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.limits.account_names import AccountNames

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit top --socket desk.sock
  openpit top --socket desk.sock --once

It ends with ^C. It asks as a reader does, and changes nothing.

""" + listed(
    Exit.OK, Exit.FAILED, Exit.USAGE, Exit.IO_FAILED, Exit.REFUSED, Exit.INTERRUPTED
)  # fmt: skip


@click.command(epilog=EPILOG)
@socket_option
@timeout_option
@click.option(
    "--every", type=click.FloatRange(0.1), default=1.0, show_default=True,
    help="Seconds from one look to the next.",
)  # fmt: skip
@click.option(
    "--rows", type=click.IntRange(1), default=ROWS, show_default=True,
    help="Sessions, causes, accounts, refusals and changes that are shown.",
)  # fmt: skip
@accounts_option
@click.option("--once", is_flag=True, help="Print what there is now, and end.")
def command(
    path: Path, timeout: float, every: float, rows: int, names: Path | None, *, once: bool
) -> None:
    """Show the server that listens at PATH: shards, sessions, blocked accounts, last refusals."""
    top = _Top(path, timeout, rows, account_names(names))
    try:
        asyncio.run(top.once() if once else top.go_on(every))
    except ServerRefused as error:
        raise ExitError(Exit.REFUSED, str(error)) from None
    except KeyboardInterrupt as error:
        if error.args or once:  # a signal's name: not by ^C
            raise


class _Top:
    """Looks at a server."""

    def __init__(self, path: Path, timeout: float, rows: int, names: AccountNames) -> None:
        self._path = path
        self._timeout = timeout
        self._rows = rows
        self._names = names
        self._name = f"top {os.getpid()}"

    def _connect(self) -> Any:
        return connect_async(self._path, name=self._name, timeout=self._timeout)

    async def _look(self, engine: AsyncShardedEngine) -> ServerPicture:
        return await picture_of_server(engine, self._path, self._timeout, leaves_out=self._name)

    async def once(self) -> None:
        """Print a frame."""
        async with await self._connect() as engine:
            picture = await self._look(engine)
        with writing_to_stdout():
            ReportConsole().print(*frame_of(picture, rows=self._rows, names=self._names))

    async def go_on(self, every: float) -> None:
        """Show a frame after the other, until somebody ends it."""
        from rich.console import Group  # noqa: PLC0415 - not of one that prints a frame and ends
        from rich.live import Live  # noqa: PLC0415 - as above

        async with await self._connect() as engine:
            before: ServerPicture | None = None
            with Live(console=ReportConsole(), screen=True, auto_refresh=False) as live:
                while True:
                    try:
                        picture = await self._look(engine)
                    except ServerRefused as error:
                        live.update(Group(f"{error}; it is looked for"), refresh=True)
                        before = None
                    else:
                        shown = frame_of(picture, before, self._rows, self._names)
                        live.update(Group(*shown), refresh=True)
                        before = picture
                    await asyncio.sleep(every)
