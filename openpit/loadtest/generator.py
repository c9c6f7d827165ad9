"""The generator's process: makes all events beforehand, then hands them over on their timeline."""

from __future__ import annotations

import gc
from time import monotonic_ns
from typing import TYPE_CHECKING

import msgpack

from openpit.loadtest.flow import flow
from openpit.loadtest.messages import Failed, Generated, Ready
from openpit.loadtest.pacing import Pacer, Schedule, Sinks
from openpit.loadtest.usage import collections, own
from openpit.slots import slot_of, spread_slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from openpit.loadtest.plan import Plan

__all__ = ["main", "schedule_of", "shard_finder"]


def shard_finder(shards: int) -> Callable[[int], int]:
    """Return what tells the shard of an account."""
    owner = spread_slots(shards)
    return lambda account: owner[slot_of(account)]


def schedule_of(plan: Plan) -> Schedule:
    """Return a plan's events, packed for their lanes."""
    shard_of = shard_finder(plan.shards)
    lane_of = shard_of if plan.lanes > 1 else lambda _: 0
    only = plan.only_shard
    pack = msgpack.Packer().pack
    schedule = Schedule()
    for event in flow(plan.load, lambda account: only is None or shard_of(account) == only):
        schedule.add(event[2], lane_of(event[3]), pack(event))
    return schedule


def main(control: Connection, lane_fds: list[int]) -> None:
    """Play the generator; ends early, and silently, if the conductor or the driver has gone."""
    try:
        plan = control.recv()
        try:
            schedule = schedule_of(plan)
        except ValueError as error:
            control.send(Failed(str(error)))
            return
        pacer = Pacer(schedule, sinks := Sinks(lane_fds), stall=plan.stall)
        # Nothing that is made from here on is garbage in cycles, and a collection is a pause.
        gc.collect()
        gc.freeze()
        collected = collections()
        control.send(Ready())
        start = control.recv()
        before = own()
        if plan.in_flight is None:
            pacer.run(start)
        else:
            pacer.run_free()
        sinks.close()
        after = own()
    except (ConnectionError, EOFError):
        return
    ended = monotonic_ns() - start
    collected = [now - then for now, then in zip(collections(), collected, strict=True)]
    lags = pacer.lags(plan.warm_up)
    control.send(Generated(lags, sinks.was_full, before, after, collected, ended))
