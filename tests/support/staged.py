"""A replay's stages without their processes: each shard is an engine of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpit
from openpit.cli.stage import STAGE, StageFactory
from openpit.faces.acting import new_actor_engine
from openpit.limits.reading import loads
from openpit.shards.actors import Actors
from openpit.shards.clock import ShardClock
from openpit.shards.counts import BatchCounts
from openpit.shards.raised_log import RaisedLog
from openpit.shards.tallies import Tallies
from openpit.wire import kinds

if TYPE_CHECKING:
    from openpit.cli.heads import FlowFormat

__all__ = ["StagedWorkers"]


class StagedWorkers:
    """The workers of a replay on ``shards`` shards; those in ``dead`` take nothing any more."""

    def __init__(
        self, limits: str, format_: FlowFormat, shards: int, *, tells: bool = True
    ) -> None:
        factory = StageFactory(format_, tells=tells)
        self._shards = [_stage(limits, factory, number) for number in range(shards)]
        self.dead: dict[int, Exception] = {}
        self.messages: list[tuple[int, bytes]] = []
        """What was sent, and to whom."""

    def send(self, shard: int, message: bytes) -> Any:
        """Keep a message; it is taken when its answer is waited for, as late as can be."""
        self.messages.append((shard, message))
        return shard, message

    def answer(self, call: Any) -> Any:
        """Have a stage take a message."""
        shard, message = call
        if shard in self.dead:
            raise self.dead[shard]
        return self._shards[shard].ask((kinds.ASK_ACTOR, 0, STAGE, message, 0, 0, ()))

    def loss(self, shard: int, error: Exception) -> str:
        """Return why a shard gave no answer."""
        return str(error)


def _stage(limits: str, factory: StageFactory, number: int) -> Actors:
    policies = loads(limits)
    clock = ShardClock()
    engine = policies.add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    policies.prepare(engine)
    raised = RaisedLog(0, engine._core.registry)
    actors = Actors(engine._core, clock, BatchCounts(engine._core.policies), Tallies(), raised)
    actors.start(number, [(STAGE, factory)], new_actor_engine)
    return actors
