"""A shard without a process whose policy holds something for every order, and what it is sent."""

from __future__ import annotations

from threading import RLock
from typing import Any

from batched import batch, replies_in
from custom_policies import Reserving

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.frames import Flag, Op, name_of, reply_in

__all__ = ["end", "order", "refusal", "reserved", "sent", "shard"]

ORDER = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY")


def shard(epoch: int = 0) -> ShardCore:
    policies = Engine.builder().account_sync().pre_trade(policy=Reserving())._policies
    clock = ShardClock()
    return ShardCore(3, build_core(policies, clock, RLock()), clock, epoch=epoch)


def order(quantity: str = "10") -> Any:
    return (*ORDER, quantity, None, "185.5")


def sent(core: ShardCore, client: int, *commands: Any, **head: Any) -> tuple[int, list[Any]]:
    """What the head of the replies to a client's batch tells, and the replies."""
    frame = batch(3, core._next, *commands, client=client, **head)
    return replies_in(frame, core.receive(frame))


def refusal(core: ShardCore, client: int, *commands: Any, **head: Any) -> str:
    """Why a client's batch is refused."""
    frame = batch(3, core._next, *commands, client=client, **head)
    flags, _, body = reply_in(core.receive(frame), name_of(frame))
    assert flags == Flag.REFUSED
    return body.decode()


def end(core: ShardCore, client: int) -> tuple[int, list[Any]]:
    return sent(core, client, op=Op.END, count=1)


def reserved(core: ShardCore) -> Any:
    """How much the policy has reserved."""
    [policy] = core.engine.policies
    return policy._policy.reserved  # type: ignore[attr-defined]  # of the adapter
