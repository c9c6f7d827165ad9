"""Days on which the router's process is killed: a program with an engine, and a server.

As a program, many of them: ``make router-kills KILLS=100 SEED=1``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path[1:1] = [str(HERE.parent / "support"), str(HERE.parent / "server"), str(HERE)]

from desk_calls import (  # noqa: E402 - found there
    CONFIG,
    drawn,
    held_again,
    number_of,
    perform,
    picture,
    policies,
    rejects_of,
)
from killing import stopped_after  # noqa: E402 - found there
from processes import all_gone, children_of  # noqa: E402 - found there
from server_processes import Server  # noqa: E402 - found there

import openpit  # noqa: E402 - found there
from openpit.errors import OutcomeUnknown, ShardDown  # noqa: E402 - found there

__all__ = ["Program", "Served", "Tally", "day"]

WORKER_KILLS = 3
"""Between two starts: fewer than a server replaces of one shard in a minute."""


class Tally(NamedTuple):
    """What there was on a day."""

    calls: int
    worker_kills: int
    stops: int
    in_flight: int
    """Calls of which nobody was told, as the router was killed."""


_UNKNOWN = object()
"""In place of what a call answered: the process has gone, and may have done it."""


class Program:
    """A program of its own, with an engine."""

    def __init__(self, directory: Path, random: Random) -> None:
        self._arguments = [str(directory), str(random.choice((1, 2, 3))), "process"]
        self._process: Any = None
        self._workers: list[int] = []

    def start(self, kill_after: float | None) -> Any:
        """Start it; return what it has come back with, None if it was killed before that."""
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "desk_program.py"), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        timer = None if kill_after is None else self._killed_after(kill_after)
        line = self._process.stdout.readline()
        if timer is not None:
            timer.join()
            self._reap()
            return None
        said = json.loads(line)
        return said["open"], said["picture"]

    def missed(self, _: list[Any]) -> tuple[bool, Any] | None:
        """Tell nothing of a call that was in flight: the program does not ask."""
        return None

    @property
    def workers(self) -> list[int]:
        """The processes that it has started."""
        return children_of(self._process.pid)

    def call(self, held: dict[int, Any], call: list[Any], kill_after: float | None) -> Any:
        timer = None if kill_after is None else self._killed_after(kill_after)
        answer = _UNKNOWN
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(call) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if line:
            answer = json.loads(line)
        if timer is not None:
            timer.join()
            self._reap()
        return answer

    @property
    def pid(self) -> int:
        """That of the process with the router."""
        return int(self._process.pid)

    def _killed_after(self, seconds: float) -> threading.Timer:
        self._workers = self.workers
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        return timer

    def _reap(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        assert all_gone(self._workers)
        self._workers = []

    def end(self) -> None:
        """End it in order."""
        self._workers = self.workers
        self._process.stdin.close()
        self._process.wait()
        self._reap()


class Served:
    """A server, and a session with a name that comes back after each kill."""

    def __init__(self, directory: Path, random: Random) -> None:
        self._options = ("--journal", str(directory))
        self._shards = random.choice((1, 2))
        self._server: Any = None
        self._engine: Any = None
        self._workers: list[int] = []
        self._missed: list[Any] = []

    def start(self, kill_after: float | None) -> Any:
        """Start it, and connect; a kill comes between that and the next call."""
        self._server = Server(CONFIG, *self._options, shards=self._shards)
        self._engine = openpit.connect(self._server.path, name="desk", timeout=30.0)
        if kill_after is not None:
            self._workers = self.workers
            self._server.process.kill()
            self._reap()
            return None
        self._missed = self._engine.missed_answers()
        found = held_again(self._engine)
        self.held = found
        return sorted(found), picture(self._engine)

    def missed(self, call: list[Any]) -> tuple[bool, Any] | None:
        """Tell whether an order was judged before the kill, and how; None of another call."""
        if call[0] != "place":
            return None
        for one in self._missed:
            if one.call == "order" and number_of(one.asked) == call[2]:
                return True, rejects_of(one.result)
        return False, None

    def call(self, held: dict[int, Any], call: list[Any], kill_after: float | None) -> Any:
        timer = None
        if kill_after is not None:
            self._workers = self.workers
            timer = threading.Timer(kill_after, self._server.process.kill)
            timer.start()
        try:
            answer = perform(self._engine, self.held, call)
        except (OutcomeUnknown, ShardDown):
            answer = _UNKNOWN
        if call[0] == "place" and answer is not _UNKNOWN and answer and answer[0][0] == "Router":
            answer = _UNKNOWN
        if timer is not None:
            timer.join()
            self._reap()
        return answer

    @property
    def workers(self) -> list[int]:
        """The processes that it has started."""
        return children_of(self._server.process.pid)

    @property
    def pid(self) -> int:
        """That of the server."""
        return int(self._server.process.pid)

    def _reap(self) -> None:
        self._server.process.wait()
        self._server.remove()
        self._engine.close()
        self.held, self._missed = {}, []
        assert all_gone(self._workers)

    def end(self) -> None:
        """End it in order."""
        self._engine.close()
        self.held = {}
        code, text = self._server.stop()
        assert code == 0, text
        self._server.remove()


def _oracle(calls: list[list[Any]]) -> tuple[Any, dict[int, Any]]:
    """Return an engine of one process that was told these calls, and what is open in it."""
    engine = policies(openpit.Engine.builder().full_sync()).build()
    held: dict[int, Any] = {}
    for call in calls:
        perform(engine, held, call)
    return engine, held


def _stopped_at_times(random: Random, desk: Any) -> threading.Timer | None:
    """Stop one of the processes for a while, at times."""
    if random.random() > 0.05:
        return None
    pid = random.choice([desk.pid, *desk.workers])
    return stopped_after(pid, random.random() * 0.002, random.random() * 0.02)


def day(kind: Any, directory: Path, seed: int, kills: int) -> Tally:
    """Make calls, one at a time, and kill the process at random moments.

    What was answered stands, with that answer; the call in flight was made whole, or not at all.
    Of an order of a session, the answers that it has missed say which, and how it was judged.
    Workers are killed beside that, all are stopped for a while, and no answer is another for it.
    """
    random = Random(seed)
    desk = kind(directory, random)
    made: list[list[Any]] = []
    engine, held = _oracle(made)
    ticket = count = killed = stops = unknown = 0
    assert desk.start(None) == ([], picture(engine))
    for kill in range(kills):
        in_flight, worker_kills = None, WORKER_KILLS
        for _ in range(random.randrange(1, 25)):
            count += 1
            ticket += 1
            call = drawn(random, ticket, held)
            is_last = random.random() < 0.08
            if worker_kills and random.random() < 0.1:
                worker_kills -= 1
                killed += 1
                with suppress(ProcessLookupError):
                    os.kill(random.choice(desk.workers), signal.SIGKILL)
            timer = _stopped_at_times(random, desk)
            answer = desk.call(held, call, random.random() * 0.002 if is_last else None)
            if timer is not None:
                stops += 1
                timer.join()
            if answer is _UNKNOWN:
                assert is_last, f"OutcomeUnknown of {call}, and nobody has killed the router"
                in_flight = call
                break
            made.append(call)
            assert perform(engine, held, call) == answer, (seed, kill, call)
            if is_last:
                break
        else:
            call = ["pay", 1, 0, "1"]
            if desk.call(held, call, 0.0) is _UNKNOWN:
                in_flight = call
            else:
                made.append(call)
                perform(engine, held, call)
        if random.random() < 0.25:
            assert desk.start(random.random() * 1.5) is None
        found = desk.start(None)
        before = sorted(held), picture(engine)
        unknown += in_flight is not None
        told = None if in_flight is None else desk.missed(in_flight)
        if in_flight is None or not (found != before if told is None else told[0]):
            assert found == before, (seed, kill)
            continue
        made.append(in_flight)
        answer = perform(engine, held, in_flight)
        assert told is None or told[1] == answer, (seed, kill, in_flight)
        assert found == (sorted(held), picture(engine)), (seed, kill, in_flight)
    desk.end()
    return Tally(count, killed, stops, unknown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    calls = kills = 0
    while kills < asked.kills:
        kind = (Program, Served)[kills // 10 % 2]
        seed = asked.seed * 1000 + kills
        here = min(10, asked.kills - kills)
        with tempfile.TemporaryDirectory() as directory:
            calls += day(kind, Path(directory, "desk"), seed, here).calls
        kills += here
    print(f"{kills} kills, {calls} calls: nothing lost, nothing invented")  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
