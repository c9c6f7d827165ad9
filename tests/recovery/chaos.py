"""Chaos: many days of every kind, on which processes are killed and stopped, and one table of them.

``make chaos KILLS=1000 SEED=1``: so many kills of workers, a tenth of them of routers, a twentieth
at each named point. Each day is a process of its own, with a time by which it has to have ended,
and is looked at for processes that outlive it. What a day has come to is a line of a file: a run
that is begun again with that file goes on behind the last day.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path[1:1] = [str(HERE.parent / "support"), str(HERE.parent / "server"), str(HERE)]

from acting_day import ActingDay  # noqa: E402 - found there
from keyed_days import KeyedDay  # noqa: E402 - found there
from killing import OFTEN, KilledDay, killed_many  # noqa: E402 - found there
from processes import wait_until  # noqa: E402 - found there
from recovery_policies import Exported  # noqa: E402 - found there
from router_kills import Program, Served, day  # noqa: E402 - found there
from trading import with_policies  # noqa: E402 - found there
from trapped_days import (  # noqa: E402 - found there
    end_copies_at,
    end_routers_at,
    end_starts_at,
    end_workers_at,
)
from trapped_program import ROUTER_POINTS, START_POINTS  # noqa: E402 - found there
from trapped_servers import SERVER_POINTS, end_servers_at  # noqa: E402 - found there
from traps import SNAPSHOT_POINTS, STEP_POINTS, WORKER_POINTS  # noqa: E402 - found there

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DAYS", "POINTS", "Result", "Turn", "planned", "run", "table"]

MARK = "OPENPIT_CHAOS"
"""In the environment of all processes of a day, by which those are found that outlive it."""

DAY_SECONDS = 1800.0
"""By when a day has to have ended: they take seconds on a quiet machine, minutes on a busy one."""

POINT_TURNS = 2
"""How often a day of named points comes to each."""


@dataclass(frozen=True)
class Turn:
    """A day that is to be: its kind, and the seed of all that is random in it."""

    kind: str
    seed: int


@dataclass
class Result:
    """What a day has come to."""

    kind: str
    seed: int
    worker_kills: int = 0
    router_kills: int = 0
    stops: int = 0
    calls: int = 0
    in_flight: int = 0
    """Calls of which nobody was told as their router was killed: made whole, or not at all."""
    differences: int = 0
    unknown: int = 0
    """OutcomeUnknown of calls whose router was not killed."""
    hangs: int = 0
    orphans: int = 0
    why: str = field(default="", repr=False)


class ExportedKilledDay(KilledDay):
    """A day of kills whose workers begin with snapshots."""

    def ready(self, stage: Any) -> Any:
        return with_policies(stage, Exported())


def _killed(kind: type[KilledDay], **options: Any) -> Callable[[Path, int], Result]:
    """Return what makes a day of calls, one at a time, whose workers are killed."""

    def make(folder: Path, seed: int) -> Result:
        one = kind(folder, seed, shards=seed % 3 + 1, **OFTEN, **options)
        for _ in range(24):
            one.pay()
        for _ in range(3):
            one.trade(60)
            one.compare()
            one.come_back(kills=False)
        one.compare()
        one.close()
        return Result("", seed, worker_kills=one.kills, stops=one.stops, calls=one.calls)

    return make


def _on_asyncio(folder: Path, seed: int) -> Result:
    kills = 20
    calls, stops = asyncio.run(killed_many(folder, seed, kills))
    return Result("", seed, worker_kills=kills, stops=stops, calls=calls)


def _routers(kind: Any) -> Callable[[Path, int], Result]:
    """Return what makes a day on which the process with the router is killed."""

    def make(folder: Path, seed: int) -> Result:
        kills = 5
        tally = day(kind, folder, seed, kills)
        return Result(
            *("", seed, tally.worker_kills, kills, tally.stops, tally.calls, tally.in_flight)
        )

    return make


def _worker_points(
    points: tuple[str, ...], end: Callable[..., int]
) -> Callable[[Path, int], Result]:
    def make(folder: Path, seed: int) -> Result:
        folder.mkdir()
        calls = end(points, folder, seed, shards=seed % 3 + 1, times=POINT_TURNS)
        return Result("", seed, worker_kills=POINT_TURNS * len(points), calls=calls)

    return make


def _router_points(
    points: tuple[str, ...], end: Callable[..., int]
) -> Callable[[Path, int], Result]:
    def make(folder: Path, seed: int) -> Result:
        folder.mkdir()
        return Result("", seed, router_kills=end(points, folder, seed, times=POINT_TURNS))

    return make


DAYS: dict[str, Callable[[Path, int], Result]] = {
    "calls": _killed(KilledDay),
    "calls with keys": _killed(KeyedDay),
    "an actor": _killed(ActingDay),
    "snapshots": _killed(ExportedKilledDay, snapshot_every=2000),
    "asyncio": _on_asyncio,
    "a program": _routers(Program),
    "sessions": _routers(Served),
}
"""Those on which processes end at random moments; the last two kill routers."""

POINTS: dict[str, Callable[[Path, int], Result]] = {
    "points of workers": _worker_points(WORKER_POINTS, end_workers_at),
    "points of steps": _worker_points(STEP_POINTS, end_workers_at),
    "points of snapshots": _worker_points(SNAPSHOT_POINTS, end_copies_at),
    "points of changes": _router_points(ROUTER_POINTS, end_routers_at),
    "points of starts": _router_points(START_POINTS, end_starts_at),
    "points of servers": _router_points(SERVER_POINTS, end_servers_at),
}


# --- one day --------------------------------------------------------------------------------------


def make(turn: Turn) -> Result:
    """Make a day in this process; return what it has come to."""
    kind = {**DAYS, **POINTS}[turn.kind]
    with tempfile.TemporaryDirectory(prefix="openpit-chaos-") as folder:
        try:
            result = kind(Path(folder, "day"), turn.seed)
        except Exception as error:  # noqa: BLE001 - told
            result = Result("", turn.seed, why=traceback.format_exc())
            if "OutcomeUnknown" in f"{type(error).__name__} {error}":
                result.unknown = 1
            else:
                result.differences = 1
    result.kind = turn.kind
    return result


def run(turn: Turn, seconds: float = DAY_SECONDS) -> Result:
    """Make a day in a process of its own; return what it has come to, a hang or orphans too."""
    mark = f"{os.getpid()}-{turn.kind}-{turn.seed}"
    process = subprocess.Popen(
        [sys.executable, str(HERE / "chaos.py"), "--one", turn.kind, "--seed", str(turn.seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
    )
    try:
        said, told = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        left = _marked(mark)
        _end(left)
        process.communicate()
        why = f"not over after {seconds:g} s, with {len(left)} processes"
        return Result(turn.kind, turn.seed, hangs=1, why=why)
    if process.returncode:
        return Result(turn.kind, turn.seed, differences=1, why=told)
    result = Result(**json.loads(said.splitlines()[-1]))
    if not wait_until(lambda: not _marked(mark)):
        left = _marked(mark)
        result.orphans = len(left)
        result.why += f"left behind: {[_command_of(pid) for pid in left]}"
        _end(left)
    return result


def _marked(mark: str) -> list[int]:
    """Return the processes of a day, by their environment."""
    entry = f"{MARK}={mark}".encode()
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and entry in _read(folder / "environ").split(b"\0")
    ]


def _command_of(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode(errors="replace")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""


def _end(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


# --- all of them ----------------------------------------------------------------------------------


def planned(kills: int, seed: int, done: list[Result], only: str = "") -> Iterator[Turn]:
    """Return the days that are still to be, until there have been so many kills.

    The list grows meanwhile. Days of each kind come in turn, so that one that is ended early has
    some of all.
    """
    known = {(one.kind, one.seed) for one in done}
    place = 0
    while True:
        wanted = _wanted(kills, done, only)
        if not wanted:
            return
        for kind in wanted:
            if kind in _wanted(kills, done, only):
                turn = Turn(kind, seed * 10_000 + place)
                if (kind, turn.seed) not in known:
                    yield turn
        place += 1


def _wanted(kills: int, done: list[Result], only: str) -> list[str]:
    """Return the kinds of which there have to be more."""
    of = Counter[str]()
    for one in done:
        of[one.kind] += 1
    routers = sum(one.router_kills for one in done if one.kind in DAYS)
    workers = sum(one.worker_kills for one in done if one.kind in DAYS)
    random = [*DAYS]
    wanted = random[-2:] if routers < kills / 10 else []
    if workers < kills:
        wanted = random[:-2] + wanted
    turns = kills / 20 / POINT_TURNS
    wanted += [kind for kind in POINTS if of[kind] < turns]
    return [kind for kind in wanted if re.search(only, kind)]


_FIGURES = [one.name for one in fields(Result) if one.type == "int" and one.name != "seed"]
_BAD = ("differences", "unknown", "hangs", "orphans")


def table(done: list[Result]) -> str:
    """Return the sums of the days by their kinds, and of all."""
    sums = {kind: Counter[str]() for kind in [*DAYS, *POINTS, "all"]}
    for one in done:
        for kind in (one.kind, "all"):
            sums[kind]["days"] += 1
            sums[kind].update({name: getattr(one, name) for name in _FIGURES})
    names = ["days", *_FIGURES]
    rows = [["day", *(name.replace("_", " ") for name in names)]]
    rows += [[kind, *(str(its[name]) for name in names)] for kind, its in sums.items() if its]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|---|{'---:|' * len(names)}")
    return "\n".join(lines)


def _read_results(path: Path) -> list[Result]:
    if not path.exists():
        return []
    return [Result(**json.loads(line)) for line in path.read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no day after")
    parser.add_argument("--out", type=Path, default=Path("build/chaos.jsonl"))
    parser.add_argument("--only", default="", help="kinds with this in their names")
    parser.add_argument("--one", metavar="KIND", help="make one day, and print what it came to")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(asdict(make(Turn(asked.one, asked.seed)))))  # noqa: T201 - what it is for
        return
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    done = _read_results(asked.out)
    until = time.monotonic() + asked.seconds
    for turn in planned(asked.kills, asked.seed, done, asked.only):
        if time.monotonic() > until:
            break
        done.append(result := run(turn))
        with asked.out.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        if any(getattr(result, name) for name in _BAD):
            print(f"{turn}: {result}\n{result.why}", flush=True)  # noqa: T201 - what it is for
    done = _read_results(asked.out)
    print(table(done))  # noqa: T201 - as above
    sys.exit(any(getattr(one, name) for one in done for name in _BAD))


if __name__ == "__main__":
    main()
