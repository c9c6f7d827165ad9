"""Writes the blocking public classes from the asyncio ones: ``python scripts/blocking_faces.py``.

The two say the same but for what is awaited, so only one of them is written by hand. What else
differs is listed below: each name and each sentence has to occur, or nothing is written.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Final

__all__ = ["FILES", "blocking"]

PACKAGE: Final = Path(__file__).resolve().parent.parent / "openpit"

FILES: Final = ("accounts.py", "actors.py", "engine.py", "market.py", "settings.py")
"""Of ``openpit/faces/aio``; ``openpit/faces/blocking`` has one of each name."""

NAMES: Final = {
    "AsyncActorCalls": "ActorCalls",
    "AsyncDriver": "BlockingDriver",
    "AsyncDropCopyOperation": "DropCopyOperation",
    "AsyncDropCopyResult": "DropCopyResult",
    "AsyncExecuteResult": "ExecuteResult",
    "AsyncRequest": "Request",
    "AsyncReservation": "Reservation",
    "AsyncShardedAccounts": "ShardedAccounts",
    "AsyncShardedConfigurator": "ShardedConfigurator",
    "AsyncShardedEngine": "ShardedEngine",
    "AsyncShardedMarketData": "ShardedMarketData",
    "AsyncStartResult": "StartResult",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "async_handles": "handles",
    "aio": "blocking",
    "new_async_sharded_accounts": "new_sharded_accounts",
    "new_async_sharded_configurator": "new_sharded_configurator",
    "new_async_sharded_engine": "new_sharded_engine",
    "new_async_sharded_market_data": "new_sharded_market_data",
    "renew_async_sharded_engine": "renew_sharded_engine",
}

SENTENCES: Final = {
    "accounts.py": {
        '"""The handle on accounts of the asyncio face."""': (
            '"""The handle on accounts of the blocking face."""'
        ),
    },
    "actors.py": {
        '"""Calls of an engine\'s actors, of the asyncio face."""': (
            '"""Calls of an engine\'s actors, of the blocking face."""'
        ),
        ":class:`openpit.AsyncShardedEngine`": ":class:`openpit.ShardedEngine`",
    },
    "engine.py": {
        '"""The public asyncio engine over several worker processes."""': (
            '"""The public blocking engine over several worker processes."""'
        ),
        "spread over worker processes, for one event loop.": (
            "spread over worker processes; any threads may call it."
        ),
        (
            "Made by ``await Engine.builder().sharded(...)....build_async()``; "
            "to be used on that loop.\n"
            "    Its methods are awaited, and so are those of the handles that it gives out. "
            "A call that is\n"
            "    cancelled is given up: a reservation that nobody received is rolled back.\n"
        ): "Made by ``Engine.builder().sharded(...)....build()``.\n",
        "Use it with ``async with``, or await :meth:`close`.": (
            "Use it as a context manager, or call :meth:`close`."
        ),
    },
    "market.py": {
        '"""The handle on a server\'s market data of the asyncio face."""': (
            '"""The handle on a server\'s market data of the blocking face."""'
        ),
    },
    "settings.py": {
        '"""The handle on settings of the asyncio face."""': (
            '"""The handle on settings of the blocking face."""'
        ),
    },
}

_TITLE_END: Final = re.compile(r'"""\n')


def blocking(name: str, source: str) -> str:
    """Return the blocking counterpart of an asyncio module, formatted.

    Raises:
        ValueError: a sentence that differs is not there, or is there more than once.
    """
    for old, new in SENTENCES[name].items():
        if source.count(old) != 1:
            raise ValueError(f"{name}: {source.count(old)} times, not once: {old!r}")
        source = source.replace(old, new)
    written = _not_awaited(source)
    title = _TITLE_END.search(written)
    if title is None:
        raise ValueError(f"{name}: no docstring ahead of everything else")
    notice = f"# Generated from ../aio/{name} by scripts/blocking_faces.py: change it there.\n"
    return _formatted(written[: title.end()] + "\n" + notice + written[title.end() :], name)


def _not_awaited(source: str) -> str:
    """Leave out ``async`` and ``await``, and put the names of the blocking face."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    pieces: list[str] = []
    done = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = token.string.strip('"')  # in quotes: in __all__
        if token.type == tokenize.NAME and name in {"async", "await"}:
            put, gap = "", 1
        elif token.type in {tokenize.NAME, tokenize.STRING} and name in NAMES:
            put, gap = token.string.replace(name, NAMES[name]), 0
        else:
            continue
        start = starts[token.start[0] - 1] + token.start[1]
        pieces += source[done:start], put
        done = starts[token.end[0] - 1] + token.end[1] + gap
    return "".join([*pieces, source[done:]])


def _formatted(source: str, name: str) -> str:
    """Have ruff sort the imports and lay the lines out, by the project's settings."""
    path = str(PACKAGE / "faces" / "blocking" / name)
    for command in (["check", "--fix-only", "--select", "I", "--quiet"], ["format"]):
        source = subprocess.run(  # noqa: S603 - the formatter of this environment
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", path, "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source


def main() -> None:
    """Write the files that have changed."""
    for name in FILES:
        target = PACKAGE / "faces" / "blocking" / name
        written = blocking(name, (PACKAGE / "faces" / "aio" / name).read_text())
        if not target.exists() or target.read_text() != written:
            target.write_text(written)
            print(f"wrote {target.relative_to(PACKAGE.parent)}")


if __name__ == "__main__":
    main()
