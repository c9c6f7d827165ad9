"""A server's limits read again from their file, when SIGHUP asks for it."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from openpit.cli.exits import ExitError
from openpit.cli.inputs import text_of, told
from openpit.cli.streams import is_stream, tell
from openpit.errors import PolicyConfigureError, ShardedEngineError
from openpit.faces.connecting import connect_async
from openpit.limits import ConfigError, apply_async, loads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Reloading", "is_reloading"]


def is_reloading(config: Path | None) -> bool:
    """Tell whether SIGHUP is to read a file again: at a terminal it says that this has gone."""
    return (
        config is not None
        and not is_stream(config)
        and not (sys.stderr is not None and sys.stderr.isatty())
    )


class Reloading:
    """Changes a server's limits to those of a file, one time after the other.

    It does so in a session like any other, by which the others learn of it.
    """

    def __init__(
        self,
        socket: Path,
        config: Path,
        *,
        is_kept: bool,
        say: Callable[[str], object] = tell,
    ) -> None:
        self._say: Callable[[str], object] = say
        self._socket = socket
        self._is_kept = is_kept  # a journal has the limits of its first start, and is not migrated
        self._config = config
        self._task: asyncio.Task[None] | None = None
        self._is_asked = False

    def take_signal(self) -> None:
        """Have SIGHUP ask."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.ask)

    def ask(self) -> None:
        """Read the file, once more behind a reading that is under way."""
        self._is_asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while self._is_asked:
            self._is_asked = False
            self._say(await self._changed())

    async def _changed(self) -> str:
        name = told(self._config)
        try:
            policies = loads(text_of(self._config))
            async with await connect_async(self._socket, name="SIGHUP") as engine:
                tables = await apply_async(engine, policies)
        except (ConfigError, PolicyConfigureError) as error:
            return f"{name}: {error}; the limits stay as they are"
        except ExitError as error:
            return f"{error.format_message()}; the limits stay as they are"
        except ShardedEngineError as error:
            return f"{name}: {error}"
        changed = ", ".join(f"[{table}]" for table in tables)
        if not tables:
            return f"{name}: these limits are in force"
        more = "; the next start with this file takes --migrate" if self._is_kept else ""
        return f"{name}: changed {changed}{more}"

    async def end(self) -> None:
        """Take no more signals, and let go of a reading that is under way."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
