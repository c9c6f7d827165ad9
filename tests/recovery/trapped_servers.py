"""Servers that end at named points: what their sessions were answered stands."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from desk_calls import ACCOUNTS, CONFIG, drawn, held_again, perform, policies
from makers import account
from processes import all_gone
from server_processes import Server
from traps import FOLDER, set_trap

import openpit
from openpit.errors import OutcomeUnknown, ServerRefused, ShardDown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SERVER_POINTS", "end_servers_at"]

HERE = Path(__file__).parent
SHARDS = 2

CONNECTING = (
    "before a connection is taken",
    "when a connection is taken",
    "before a session is known",
    "before a name is written",
    "when a name is written",
    "when a session is known",
)
CALLING = (
    "before a batch is passed on",
    "when a batch is passed on",
    "when a batch is sent to its shard",
    "when an answer has come",
    "before an answer is written",
    "when an answer is written",
)
CHANGING = (
    "before a turn is given",
    "when a turn is given",
    "before a group is passed on",
    "when a group is passed on",
    "when one shard has a group",
    "before a turn is over",
    "when a turn is over",
)
ENDING = (
    "when nobody can connect any more",
    "before its workers end",
)
SERVER_POINTS = (*CONNECTING, *CALLING, *CHANGING, *ENDING)

TRIES = 100
"""How many calls are made until the server comes to a point by one."""

_UNKNOWN = object()
"""In place of what a call answered: the server has gone, and may have had it."""


def _picture(engine: Any) -> list[str]:
    """Return all that each shard knows of its accounts, and of what spans them."""
    states = [engine.account_state(account(number)) for number in ACCOUNTS]
    return [*map(repr, states), repr(engine.groups()), repr(engine.halted())]


def _perform(engine: Any, held: dict[int, Any], call: list[Any]) -> Any:
    """Make a call, one that spans shards among them."""
    what, _, ticket, figure = call
    if what == "halt":
        engine.halt(f"{figure} {ticket}")
    elif what == "resume":
        engine.resume()
    elif what == "block all":
        engine.accounts().block_group(9, f"{figure} {ticket}")
    else:
        return perform(engine, held, call)
    return None


def _all(random: Random, ticket: int) -> list[Any]:
    """Return a call that spans shards."""
    return [random.choice(("halt", "resume", "resume", "block all")), 0, ticket, "for"]


class _Desk:
    """A server after the other, a session with a name, and one engine that is told the same."""

    def __init__(self, journal: Path, random: Random) -> None:
        self._journal = journal
        self._random = random
        self._one = policies(openpit.Engine.builder().full_sync()).build()
        self._held: dict[int, Any] = {}  # of that engine's
        self._mine: dict[int, Any] = {}
        self._ticket = 0
        self._in_flight: list[Any] | None = None
        for number in ACCOUNTS:
            self._one.accounts().register_group([account(number)], 9)
        self._server: Any = None
        self._engine: Any = None

    def start(self, *, is_first: bool = False) -> None:
        """Start a server, and see that it knows what it has to."""
        self._server = Server(
            CONFIG,
            "--journal",
            str(self._journal),
            shards=SHARDS,
            program=HERE / "trapped_serve.py",
        )
        self._engine = openpit.connect(self._server.path, name="desk", timeout=30.0)
        if is_first:
            for number in ACCOUNTS:
                self._engine.accounts().register_group([account(number)], 9)
        self._mine = held_again(self._engine)
        found = sorted(self._mine), _picture(self._engine)
        before = sorted(self._held), _picture(self._one)
        call, self._in_flight = self._in_flight, None
        if call is None or found == before:
            assert found == before
            return
        _perform(self._one, self._held, call)
        assert found == (sorted(self._held), _picture(self._one)), call

    def end_at(self, point: str) -> None:
        """Have the server end at a point."""
        trap, workers = set_trap(point), self._server.workers
        if point in ENDING:
            self._server.process.terminate()
        elif point in CONNECTING:
            self._connect()
        else:
            for _ in range(TRIES):
                if not trap.exists() or self._is_over(point):
                    break
        assert self._server.process.wait(60) == -signal.SIGKILL, point
        assert not trap.exists(), point
        self._server.remove()
        self._engine.close()
        self._mine = {}
        assert all_gone(workers)

    def _connect(self) -> None:
        """Have another session connect; it is told nothing, or what it may."""
        with (
            suppress(ServerRefused, ShardDown, OutcomeUnknown),
            openpit.connect(self._server.path, name=f"other {self._ticket}", timeout=30.0) as other,
        ):
            other.halted()

    def _is_over(self, point: str) -> bool:
        """Make a call; tell whether the server has ended amid it."""
        self._ticket += 1
        spans = point in CHANGING
        call = (
            _all(self._random, self._ticket)
            if spans
            else drawn(self._random, self._ticket, self._held)
        )
        answer = self._answer(call)
        if answer is _UNKNOWN:
            self._in_flight = call
            return True
        assert _perform(self._one, self._held, call) == answer, (point, call)
        return False

    def _answer(self, call: list[Any]) -> Any:
        try:
            answer = _perform(self._engine, self._mine, call)
        except (OutcomeUnknown, ShardDown):
            return _UNKNOWN
        is_denied = call[0] == "place" and answer and answer[0][0] == "Router"
        return _UNKNOWN if is_denied else answer

    def close(self) -> None:
        """End it in order."""
        self._engine.close()
        self._mine = {}
        code, text = self._server.stop()
        assert code == 0, text
        self._server.remove()

    def leave(self) -> None:
        """Leave no server behind, whatever has come."""
        if self._server is not None and self._server.process.returncode is None:
            self._engine = self._mine = None
            self._server.remove()


def end_servers_at(points: Sequence[str], folder: Path, seed: int, *, times: int = 1) -> int:
    """End a server so often at each point, with a session that comes back; return how many ended.

    What was answered stands, and the call in flight was made whole, or not at all.
    """
    (folder / "traps").mkdir(exist_ok=True)
    os.environ[FOLDER] = str(folder / "traps")
    desk = _Desk(folder / "journal", Random(seed))
    try:
        desk.start(is_first=True)
        for _ in range(times):
            for point in points:
                desk.end_at(point)
                desk.start()
        desk.close()
    finally:
        desk.leave()
        del os.environ[FOLDER]
    return times * len(points)
