"""A program that makes one change that spans shards, and is killed at a named point of that."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path[1:1] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

from makers import Clock, account  # noqa: E402 - found there
from trading import ACCOUNTS, with_policies  # noqa: E402 - found there

import openpit  # noqa: E402 - found there
from openpit.faces.pipes import Port  # noqa: E402 - found there
from openpit.journal import writing  # noqa: E402 - found there
from openpit.journal.files import write_all  # noqa: E402 - found there
from openpit.pretrade.policies import RateLimit, RateLimitBrokerBarrier  # noqa: E402 - found there

__all__ = ["ROUTER_POINTS", "SHARDS", "built", "changed", "state_of"]

ROUTER_POINTS = (
    "before it is written down",
    "while it is written down",
    "when it is written down",
    "when one shard has been told",
    "when two shards have been told",
    "when all shards have been told",
    "when it has returned",
)
"""At the first two it was never begun, at the others it is completed."""

SHARDS = 3


def changed(engine: Any, change: int) -> None:
    """Make one of the changes that span shards, by a number; each can be made at any time."""
    accounts, group = engine.accounts(), 5 + change % 2
    kinds = (
        lambda: accounts.block_group(group, f"for {change}"),
        lambda: accounts.register_group(map(account, range(change, change + 6)), group),
        lambda: engine.halt(f"for {change}"),
        lambda: engine.configure().rate_limit(
            "RateLimitPolicy",
            broker=RateLimitBrokerBarrier(RateLimit(change, timedelta(hours=1))),
        ),
    )
    kinds[change // 2 % len(kinds)]()


def state_of(engine: Any) -> list[str]:
    """What there is to know of an engine."""
    states = [engine.account_state(account(number)) for number in ACCOUNTS]
    return [*map(repr, (engine.groups(), engine.settings(), engine.halted())), *map(repr, states)]


def built(stage: Any) -> Any:
    return with_policies(stage).build()


def end(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_at(engine: Any, point: str) -> None:
    """Have this process end at a point of the next change."""
    books = engine._router.books
    note = books.note

    def noted(rows: Any) -> None:
        if point == ROUTER_POINTS[0]:
            end()
        if point == ROUTER_POINTS[1]:
            vars(writing)["write_all"] = write_half
        note(rows)
        if point == ROUTER_POINTS[2]:
            end()
        left = ROUTER_POINTS.index(point) - 2
        inner = Port.send

        def send(self: Any, router: Any) -> Any:
            nonlocal left
            answer = inner(self, router)
            left -= 1
            if not left:
                end()
            return answer

        if left <= SHARDS:
            Port.send = send  # type: ignore[method-assign]

    books.note = noted


def write_half(file: Any, data: bytes) -> None:
    write_all(file, data[: len(data) // 2])
    end()


def main() -> None:
    _, folder, point, change = sys.argv
    engine = built(openpit.Engine.builder().clock(Clock()).sharded(SHARDS, journal=folder))
    end_at(engine, point)
    changed(engine, int(change))
    end()


if __name__ == "__main__":
    main()
