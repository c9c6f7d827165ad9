"""One look at all that an engine counts: its router, its shards, and the server that it is of.

A shard that is down, stalled or silent is told as missing: nobody waits for it beyond the time that
the look may take.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import ServerRefused, ShardedEngineError
from openpit.faces.asking import server_figures
from openpit.faces.pictures import figures_of

if TYPE_CHECKING:
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.faces.driver import Driver
    from openpit.router.shard_link import ShardLink
    from openpit.wire.figures import RouterFigures
    from openpit.wire.sessions import SessionStats
    from openpit.wire.tallies import ShardTally

__all__ = ["Scrape", "begin_timing", "scrape", "scrape_async"]

_LEAST_SECONDS: Final = 0.05
"""What the shards have left after a slow server: they are asked in any case."""


@dataclass(slots=True)
class Scrape:
    """What was found."""

    shards: list[RouterFigures] = field(default_factory=list)
    """As the router sees them that sends to the workers: of a server, the server's."""
    tallies: dict[int, ShardTally] = field(default_factory=dict)
    """What each shard has counted, of those that have said so."""
    missing: dict[int, str] = field(default_factory=dict)
    """Why the others have not."""
    sessions: list[SessionStats] | None = None
    """Of a server; None of an embedded engine, or where the server has not answered."""
    server: str = ""
    """Why the server has not; empty where it has, or where there is none."""


def begin_timing(engine: ShardedEngine | AsyncShardedEngine) -> None:
    """Have an embedded engine time its round trips from now on; a server times its own."""
    driver = engine._driver
    if driver.server_path is None:
        driver.time_round_trips()


def scrape(engine: ShardedEngine, seconds: float) -> Scrape:
    """Look at an engine of the blocking face, within so many seconds."""
    driver, until = engine._driver, monotonic() + seconds
    found = Scrape()
    path = driver.server_path
    if path is not None:
        _ask_server(found, path, seconds)
    driver.poll()
    asked: dict[int, Any] = {}
    for link in driver.router.links:
        why = _why_not(link)
        if why:
            found.missing[link.number] = why
            continue
        try:
            asked[link.number] = driver.begin(driver.client.tally, link.number)
        except ShardedEngineError as error:
            found.missing[link.number] = str(error)
    driver.await_all([*asked.values()], max(until - monotonic(), _LEAST_SECONDS))
    for number, call in asked.items():
        if not call.done:
            driver.abandon(call)
            found.missing[number] = _late(seconds)
            continue
        try:
            found.tallies[number] = call.result()
        except ShardedEngineError as error:
            found.missing[number] = str(error)
    _add_figures(found, driver)
    return found


async def scrape_async(engine: AsyncShardedEngine, seconds: float) -> Scrape:
    """Look at an engine of the asyncio face, within so many seconds."""
    driver, until = engine._driver, monotonic() + seconds
    found = Scrape()
    path = driver.server_path
    if path is not None:
        await asyncio.to_thread(_ask_server, found, path, seconds)
    driver.poll()
    left = max(until - monotonic(), _LEAST_SECONDS)
    await asyncio.gather(*[_ask_shard(found, driver, link, left) for link in driver.router.links])
    _add_figures(found, driver)
    return found


async def _ask_shard(found: Scrape, driver: Any, link: ShardLink, seconds: float) -> None:
    number, why = link.number, _why_not(link)
    if why:
        found.missing[number] = why
        return
    try:
        async with asyncio.timeout(seconds):
            found.tallies[number] = await driver.run(driver.client.tally, number)
    except TimeoutError:
        found.missing[number] = _late(seconds)
    except ShardedEngineError as error:
        found.missing[number] = str(error)


def _late(seconds: float) -> str:
    return f"no answer within {seconds:g} s"


def _why_not(link: ShardLink) -> str:
    """Return why a shard is not asked; empty if it is."""
    if link.is_up and not link.is_recovering:
        return ""
    return f"{link.state.value}: {link.why or link.reason}"


def _ask_server(found: Scrape, path: str, seconds: float) -> None:
    try:
        found.shards, found.sessions = server_figures(path, timeout=seconds)
    except ServerRefused as error:
        found.server = str(error)


def _add_figures(found: Scrape, driver: Driver) -> None:
    """Add what the router of this process knows, where no server has said more."""
    if found.shards:
        return
    found.shards = figures_of(driver.router)
