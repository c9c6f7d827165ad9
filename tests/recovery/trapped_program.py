"""A program that makes one change that spans shards, and is killed at a named point of that.

At the points of a start it is killed while it completes the change of the program before it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path[1:1] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

from makers import Clock, account  # noqa: E402 - found there
from procedures import MEMBERS, change_of  # noqa: E402 - found there
from trading import ACCOUNTS, with_policies  # noqa: E402 - found there

import openpit  # noqa: E402 - found there
from openpit.faces.engine_journal import EngineJournal  # noqa: E402 - found there
from openpit.faces.pipes import Port  # noqa: E402 - found there
from openpit.journal import writing  # noqa: E402 - found there
from openpit.journal.files import write_all  # noqa: E402 - found there
from openpit.journal.writing import LogWriter  # noqa: E402 - found there

__all__ = ["NOT_MADE", "ROUTER_POINTS", "SHARDS", "START_POINTS", "built", "state_of"]

ASKED = "when one shard has been asked"

SUM_POINTS = (
    "before what was noted before is summed up",
    "when a segment has been begun for that",
    "while that is summed up",
    "when that is summed up",
)
"""Of an engine that runs for long, before it writes down a change. Nothing of that is known yet."""

NOT_MADE = (
    ASKED,
    *SUM_POINTS,
    "before it is written down",
    "while it is written down",
)
"""At these it was never begun. The first is there of changes that are checked before."""

ROUTER_POINTS = (
    *NOT_MADE,
    "when it is written down",
    "when one shard has been told",
    "when two shards have been told",
    "when all shards have been told",
    "when it has returned",
)
"""At the later ones it is completed."""

START_POINTS = (
    "at the start, before it is written down again",
    "at the start, when it is written down again",
    "at the start, when a shard has been told",
    "at the start, before all is settled",
    "at the start, when all is settled",
)

SHARDS = 3


def state_of(engine: Any) -> list[str]:
    """What there is to know of an engine."""
    states = [engine.account_state(account(number)) for number in (*ACCOUNTS, *MEMBERS)]
    return [*map(repr, (engine.groups(), engine.settings(), engine.halted())), *map(repr, states)]


def built(stage: Any) -> Any:
    return with_policies(stage).build()


def end(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_after_sends(count: int) -> None:
    """Have this process end when so many ports have been written to."""
    inner = Port.send

    def send(self: Any, router: Any) -> Any:
        nonlocal count
        answer = inner(self, router)
        count -= 1
        if not count:
            end()
        return answer

    Port.send = send  # type: ignore[method-assign]


def end_at(engine: Any, point: str) -> None:
    """Have this process end at a point of the next change."""
    if point == ASKED:
        end_after_sends(1)
        return
    if point in SUM_POINTS:
        end_at_sum(engine, SUM_POINTS.index(point))
        return
    books = engine._router.books
    note = books.note

    def noted(rows: Any) -> None:
        if point == "before it is written down":
            end()
        if point == "while it is written down":
            vars(writing)["write_all"] = write_half
        note(rows)
        told = ROUTER_POINTS.index(point) - ROUTER_POINTS.index("when it is written down")
        if not told:
            end()
        if told <= SHARDS:
            end_after_sends(told)

    books.note = noted


def end_at_sum(engine: Any, place: int) -> None:
    """Have the next change be one before which all is summed up, and end amid that."""
    engine._driver.journal._sum_at = 0
    follow = LogWriter.follow

    def followed(self: Any) -> None:
        if place == 0:
            end()
        follow(self)
        if place == 1:
            end()
        if place == 2:
            vars(writing)["write_all"] = write_half

    LogWriter.follow = followed  # type: ignore[method-assign]
    EngineJournal._cut = end  # type: ignore[method-assign]


def end_at_start(point: str) -> None:
    """Have this process end while it completes what was left half done."""
    note, settle = EngineJournal.note, EngineJournal.settle
    place = START_POINTS.index(point)

    def noted(self: Any, rows: Any) -> None:
        if place == 0:
            end()
        note(self, rows)
        if place == 1:
            end()
        if place == 2:
            end_after_sends(1)

    def settled(self: Any) -> None:
        if place == 3:
            end()
        settle(self)
        end()

    EngineJournal.note = noted  # type: ignore[method-assign]
    EngineJournal.settle = settled  # type: ignore[method-assign]


def write_half(file: Any, data: bytes) -> None:
    write_all(file, data[: len(data) // 2])
    end()


def main() -> None:
    _, folder, point, change = sys.argv
    stage = openpit.Engine.builder().clock(Clock()).sharded(SHARDS, journal=folder, spares=0)
    if point in START_POINTS:
        end_at_start(point)
        built(stage)
        raise SystemExit(f"has not come to the point {point}")
    engine, procedure = built(stage), change_of(int(change))
    print(json.dumps(state_of(engine)), flush=True)  # noqa: T201 - to the test
    procedure.prepare(engine)
    end_at(engine, point)
    procedure.make(engine, int(change))
    end()


if __name__ == "__main__":
    main()
