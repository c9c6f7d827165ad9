"""What the server's journal tells: by `openpit journal decisions`, in a process of its own.

What it takes to tell a day again is that process's; it gives way to everything else.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.console.failures import HttpFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LINES", "JournalPlaces", "PastLines"]

LINES: Final = 1000
"""Lines of one answer, at most."""

SECONDS: Final = 300.0
"""How long a journal may take to be told."""

LINE_BYTES: Final = 1024 * 1024


class JournalPlaces(NamedTuple):
    """Where the journal is, and what its engine's policies are: as `openpit serve` was told."""

    directory: str
    config: str
    """The path of the limits, or where ``is_text`` they themselves."""
    is_text: bool
    policies: Sequence[str]
    actors: Sequence[str]
    accounts: str | None = None
    """A file of their names."""


class PastLines:
    """Asks one thing after the other: a second one waits."""

    def __init__(self, places: JournalPlaces | None) -> None:
        self._places: Final = places
        self._turn: Final = asyncio.Lock()

    @property
    def has_journal(self) -> bool:
        """Whether there is one."""
        return self._places is not None

    async def lines(
        self, *, account: str | None, kinds: frozenset[str] | None, refused: bool, most: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the last lines of these kinds, and how many came before them.

        ``refused``: of decisions, those alone that were refused.

        Raises:
            HttpFailure: there is no journal, or it cannot be told.
        """
        places = self._places
        if places is None:
            text = (
                "the console knows of no journal: what was decided last is under /refusals and "
                "/changes"
            )
            raise HttpFailure(404, "NoJournal", text)
        async with self._turn:
            return await self._told(places, account, kinds, most, refused=refused)

    async def _told(
        self,
        places: JournalPlaces,
        account: str | None,
        kinds: frozenset[str] | None,
        most: int,
        *,
        refused: bool,
    ) -> tuple[list[dict[str, Any]], int]:
        command = [sys.executable, "-m", "openpit", "journal", "decisions", places.directory]
        command += ["--config", "/dev/stdin" if places.is_text else places.config]
        for name in places.policies:
            command += ["--policy", name]
        for named in places.actors:
            command += ["--actor", named]
        if account is not None:
            command += ["--account", account]
        if places.accounts is not None:
            command += ["--accounts", places.accounts]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        assert process.stdout is not None  # noqa: S101 - a pipe, see above
        assert process.stderr is not None  # noqa: S101 - as above
        assert process.stdin is not None  # noqa: S101 - as above
        found: deque[dict[str, Any]] = deque(maxlen=most)
        count = 0
        try:
            async with asyncio.timeout(SECONDS):
                said = asyncio.ensure_future(process.stderr.read())
                process.stdin.write(places.config.encode() if places.is_text else b"")
                process.stdin.close()
                async for line in process.stdout:
                    told = json.loads(line)
                    if kinds is not None and told["kind"] not in kinds:
                        continue
                    if refused and told.get("accepted", True):
                        continue
                    count += 1
                    found.append(_safe(told))
                text = (await said).decode(errors="replace").strip()
                code = await process.wait()
        except ValueError as error:  # readline() raises it of a line over LINE_BYTES
            text = f"a line of the journal cannot be read: {error}"
            raise HttpFailure(503, "JournalUnreadable", text) from None
        except TimeoutError:
            raise HttpFailure(
                503, "JournalSlow", f"the journal was not told within {SECONDS:g} s"
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                # Nobody hears of its end before what it has written is read: the pipe is paused.
                while await process.stdout.read(LINE_BYTES):
                    continue
                await process.wait()
        if code:
            raise HttpFailure(
                503, "JournalUnreadable", text.splitlines()[-1] if text else "no word"
            )
        return list(found), count - len(found)


def _safe(told: dict[str, Any]) -> dict[str, Any]:
    """Have numbers that a browser would round be text."""
    if told.get("account") is not None:
        told["account"] = str(told["account"])
    told["time"] = str(told["time"])
    return told
