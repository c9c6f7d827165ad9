"""A load test's part in a worker: an actor that makes its shard's orders and drives the engine.

It is driven in turns. A worker that handles a message answers nothing else, and is taken to be
stalled if that lasts; so every message is a short piece of work, and the next one goes on with it.

Unlike a program's actor it acts for all accounts of its shard, and reads the clock that the system
has: what it does is measured, and never done again from a journal.
"""

from __future__ import annotations

import gc
import pickle
from importlib import metadata
from itertools import islice
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

import msgpack

from openpit.faces.shard_engine import ShardEngine
from openpit.loadtest.generator import shard_finder
from openpit.loadtest.lane import Lane
from openpit.loadtest.library import TimedShardEngine
from openpit.loadtest.messages import Driven, Watched
from openpit.loadtest.prepared import PreparedObjects, Share, filling
from openpit.loadtest.recording import MISSING, Recording
from openpit.loadtest.timeline import Timeline
from openpit.loadtest.usage import collections, own, used_between

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.acting import ActorEngine
    from openpit.loadtest.plan import Plan
    from openpit.loadtest.usage import Usage
    from openpit.param import AccountId

__all__ = ["DRIVE", "FUND", "LOAD_STAGE", "PIECE", "PREPARE", "LoadStage", "LoadStageFactory"]

LOAD_STAGE: Final = "loadtest"
"""The name of the actor."""

PREPARE: Final = "prepare"
"""Make the next events; the answer is whether all are made."""

FUND: Final = "fund"
"""Give the next accounts their first funds; the answer is whether all have them."""

DRIVE: Final = "drive"
"""Go on with a run that started at a time of the system's clock; the answer is whether all events
are taken, and how many orders are decided."""

PIECE: Final = "piece"
"""The answer is a piece of what is to be said at the end, from a byte on; an empty one ends it."""

TURN: Final = 200_000_000
"""Nanoseconds of one turn, which is asked for while the one before it goes on."""

LOT_EVENTS: Final = 64
"""Events that are taken at once in an open loop: there is no way to the engine to be shared, and an
order is not to wait for others longer than need be."""

LOT_ACCOUNTS: Final = 100
"""Accounts that are funded between two looks at the clock."""

PIECE_BYTES: Final = 8 * 1024 * 1024
"""Of what an actor may answer at once, about half."""


class LoadStageFactory:
    """Makes the stage of a worker, for a plan."""

    __slots__ = ("_plan",)

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, engine: ActorEngine, shard: int) -> LoadStage:
        """Return a stage beside an engine."""
        return LoadStage(ShardEngine.behind(engine), self._plan, shard)


class LoadStage:
    """Makes, decides and records the orders of one shard's accounts, turn by turn."""

    def __init__(self, engine: Any, plan: Plan, shard: int) -> None:
        self._engine = engine
        self._plan = plan
        self._shard = shard
        shard_of = shard_finder(plan.shards)
        share = Share()
        self._filling = filling(share, plan, lambda account: shard_of(account) == shard)
        accounts = range(1, plan.workload.accounts + 1)
        self._unfunded = (account for account in accounts if shard_of(account) == shard)
        self._start = 0
        self._timed = TimedShardEngine(engine, engine.clock)
        self._objects = PreparedObjects(plan.workload.currency)
        self._recording = Recording(plan.orders)
        lane = Lane(0, self._timed, self._objects, engine.clock, self._recording, now=self._now)
        self._timeline = Timeline(
            share, lane.take, stall=plan.stall, most=LOT_EVENTS, now=self._now
        )
        self._before: Usage | None = None
        self._collected: list[int] = []
        self._warm: tuple[Usage, int, int] | None = None
        self._told = b""
        self._verbs: dict[str, Callable[..., bytes]] = {
            PREPARE: self._prepare,
            FUND: self._fund,
            DRIVE: self._drive,
            PIECE: self._piece,
        }

    def receive(self, _: AccountId, message: bytes) -> bytes:
        """Do the next piece of work; the message says which one.

        Raises:
            ValueError: no account sends orders.
            Exception: what the engine raises as accounts are funded.
        """
        verb, *arguments = msgpack.unpackb(message)
        # Rates over several accounts do not bind: nobody counts for all shards.
        self._engine.count_next(0, 0)
        return self._verbs[verb](*arguments)

    def _now(self) -> int:
        return monotonic_ns() - self._start

    def _prepare(self) -> bytes:
        gc.disable()  # of what is made here nothing is garbage; all of it would be looked at
        end = monotonic_ns() + TURN
        for _ in self._filling:
            if monotonic_ns() > end:
                return _packed(False)
        gc.freeze()
        gc.enable()
        self._before = own()
        return _packed(True)

    def _fund(self) -> bytes:
        end = monotonic_ns() + TURN
        while accounts := [*islice(self._unfunded, LOT_ACCOUNTS)]:
            self._objects.fund(self._engine, accounts, self._plan.workload.initial)
            if monotonic_ns() > end:
                return _packed(False)
        self._collected = collections()
        return _packed(True)

    def _drive(self, start: int) -> bytes:
        plan = self._plan
        self._start = start
        now = self._now()
        until = now + TURN
        if plan.in_flight is not None:
            self._warm = self._warm or self._used()  # it runs ahead of the timeline: from its start
            is_done = self._timeline.run_closed(plan.in_flight, until)
        else:
            if self._warm is None:
                if now >= plan.warm_up:
                    self._warm = self._used()
                else:
                    until = min(until, plan.warm_up)
            is_done = self._timeline.run(until)
        return _packed((is_done, self._decided()))

    def _decided(self) -> int:
        verdicts = self._recording.verdicts
        return len(verdicts) - verdicts.count(MISSING)

    def _used(self) -> tuple[Usage, int, int]:
        return own(), self._timed.used, self._decided()

    def _piece(self, place: int) -> bytes:
        if not place:
            self._told = pickle.dumps(self._driven())
        return self._told[place : place + PIECE_BYTES]

    def _driven(self) -> Driven:
        ended, library, decided = self._used()
        warm, library_warm, decided_warm = self._warm or (ended, library, decided)
        watched = Watched(
            f"worker {self._shard}",
            used_between(warm, ended),
            decided - decided_warm,
            None if self._before is None else self._before.peak,
            ended.peak,
            library - library_warm,
        )
        return Driven(
            recording=self._recording,
            processes=[watched],
            collected=[n - then for n, then in zip(collections(), self._collected, strict=True)],
            library=metadata.version("openpit-sharded"),
            lags=self._timeline.lags(self._plan.warm_up),
        )


def _packed(answer: object) -> bytes:
    packed: bytes = msgpack.packb(answer)
    return packed
