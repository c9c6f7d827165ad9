"""A router, its shards and their callers in one thread, under a scheduler that a seed decides.

Every event is one thing that happens on its own: some bytes move along one pipe, a caller begins or
goes on, time goes by, a caller goes away, a shard dies. Whose time is up, and which shard has been
silent for too long, the cores say. After each event the invariants are checked. The same seed gives
the same events and the same trace.
"""

from __future__ import annotations

import gc
import hashlib
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any

import stations
from callers import Caller, Desk
from invariants import Observer
from sim_policies import ENGINES, Gate
from stations import HANDLES, Cancelled, Register, Scheduled, Shard

import openpit
from openpit.errors import WireError
from openpit.faces.aio.engine import AsyncShardedEngine
from openpit.faces.market_feeds import Feed
from openpit.router.lifecycle import ShardState

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.shard_link import ShardLink

__all__ = ["Simulation", "simulate"]

EVENTS = 260
"""How many events a simulation has before it is brought to rest."""


class Simulation:
    """One run."""

    puts_off = False
    """Whether calls may have to wait longer than they usually have."""

    def __init__(self, seed: int, events: int = EVENTS) -> None:
        self.random = random = Random(seed)
        self.now = 1_000_000_000
        self.seconds = 0.0  # of the clock by which callers wait
        self.events = events
        self.number = 0
        self._digest = hashlib.blake2b(digest_size=16)
        self.engine_name = random.choice(tuple(ENGINES))
        self.may_wait = random.random() < 0.85
        credits_ = random.choice((1, 2, 3, 5, 8, 64))
        stage = openpit.Engine.builder().clock(self.clock)
        builder = ENGINES[self.engine_name](
            stage.sharded(
                shards=random.choice((1, 2, 2, 3, 4)),
                credits=credits_,
                max_wait=random.choice((None, 3.0, 20.0)) if self.may_wait else 0,
                timeout=8.0,
                stall_timeout=random.choice((5.0, 30.0)),
            )
        )
        self.has_actor = random.random() < 0.6
        if self.has_actor:
            builder = builder.actor("gate", Gate)
        plan = builder._plan()
        self.patience = plan.options.patience
        self.register = stations._register = Register()
        self.face = Scheduled(self.clock, lambda: self.seconds)
        self.client = self.face.client = plan.client(HANDLES, self.face)
        self.router = self.face.router = self.client.router
        self.shards = [Shard(number) for number in range(len(self.router.links))]
        self.payload = plan.payload
        self._start(plan.payload)
        self.services = plan.services
        self._feeds = [Feed(self.face, *service) for service in enumerate(plan.services)]
        self.engine = AsyncShardedEngine._of(self.face)
        self.callers: list[Caller] = []  # whose calls have not ended
        self.desk = Desk(self)
        self.observer = Observer(self)
        # Shards at any relative speed, callers in any hurry.
        self._paces = [random.choice((0.2, 1.0, 1.0, 4.0)) for _ in self.shards]
        self._most_callers = random.choice((1, 2, 4, 8, 20))
        self._faults = random.random() < 0.5

    def clock(self) -> int:
        """Tell the time: it never stands still, so that it names a call."""
        self.now += 1
        return self.now

    def _start(self, payload: bytes) -> None:
        for shard, link in zip(self.shards, self.router.links, strict=True):
            call = self.client.start(link, self.clock(), payload)
            shard.commands += link.take()
            shard.hello = bytes(shard.commands)
            shard.work(len(shard.commands))
            shard.journal.clear()  # that holds what comes behind it
            data = bytes(shard.replies)
            shard.replies.clear()
            shard.note_delivered(data)
            self.router.receive(link, data)
            call.result()

    def note(self, *what: Any) -> None:
        """Write to the trace."""
        self._digest.update(repr(what).encode())

    @property
    def trace(self) -> str:
        """A digest of everything that has happened."""
        return self._digest.hexdigest()

    # --- events ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Let everything happen, then bring it to rest."""
        for _ in range(self.events):
            self.step()
        self._rest()
        if not self.router.books.is_closed:
            self.desk.close()
            self._rest()
        self.observer.at_the_end()

    def step(self) -> None:
        """Let one thing happen."""
        self.number += 1
        happenings = self._possible()
        event, weight = zip(*happenings, strict=True)
        self.random.choices(event, weight)[0]()
        self.observer.after_event()

    def _possible(self) -> list[tuple[Callable[[], None], float]]:
        possible: list[tuple[Callable[[], None], float]] = [(self._tick, 0.5)]
        if len(self.callers) < self._most_callers:
            possible.append((self._begin, 6.0))
        if any(caller.is_ready for caller in self.callers):
            possible.append((self._go_on, 6.0))
        if self.desk.handles:
            possible.append((self._forget, 0.5))
        if self.services:
            possible.append((self.desk.quote, 0.6))
        if self._faults:
            possible.append((self._pass_time, 2.0))
            possible.append((self._cancel, 0.4))
            possible.append((self._fault, 0.12))
            possible.append((self.desk.close, 0.02))
        for shard, link, pace in zip(self.shards, self.router.links, self._paces, strict=True):
            if self.source_of(shard).has_output:
                possible.append((lambda s=shard: self._write(s), 4.0))
            if shard.commands:
                possible.append((lambda s=shard: self._work(s), 4.0 * pace))
            if shard.replies:
                possible.append((lambda s=shard: self._read(s), 4.0 * pace))
            elif shard.is_dead and link.state not in {ShardState.DOWN, ShardState.CLOSED}:
                possible.append((lambda s=shard: self._end(s), 2.0))
        return possible

    def _tick(self) -> None:
        self.now += self.random.choice((10, 10_000, 400_000, 1_000_000))
        self.note("tick", self.now)

    def _begin(self) -> None:
        caller = self.desk.caller()
        self.callers.append(caller)
        self._advance(caller)

    def _go_on(self) -> None:
        self._advance(self.random.choice([each for each in self.callers if each.is_ready]))

    def _advance(self, caller: Caller) -> None:
        self.note("caller", caller.number, caller.name)
        caller.advance()
        if caller.is_over:
            self.callers.remove(caller)
            self.note("over", caller.number, caller.summary())
            self.desk.over(caller)

    def _forget(self) -> None:
        self.note("forget")
        self.desk.forget()

    def _pass_time(self) -> None:
        """Time goes by, to what is due next or not quite."""
        deadlines = self.client.deadlines
        ahead = max(deadlines.next_deadline() - self.seconds, 0.0)  # or at once: no time goes back
        if ahead == inf:
            return
        share = self.random.random() * 1.3
        self.seconds += ahead * share if share < 1 else ahead
        self.note("time", self.seconds)
        were_stalled = list(self.router.books.stalled)
        waiting = [caller for caller in self.callers if caller.is_waiting]
        for link, why in deadlines.on_time(self.seconds):
            self.note("given up", link.number)
            self._given_up(link, why)
        are_stalled = self.router.books.stalled
        stalled = [link for link in are_stalled if link not in were_stalled]
        for link in stalled:
            self.note("stall", link.number)
        excused = bool(were_stalled or are_stalled) or self.router.books.is_closed
        self.observer.time_passed(waiting, stalled, excused=excused)

    def _given_up(self, link: ShardLink, why: str) -> None:
        self.shards[link.number].die(0)
        self.router.lose(link, why)

    def _cancel(self) -> None:
        waiting = [caller for caller in self.callers if caller.may_be_cancelled]
        if waiting:
            caller = self.random.choice(waiting)
            self.note("cancel", caller.number)
            caller.cancel(Cancelled())
            self.callers.remove(caller)
            self.desk.over(caller)

    def _fault(self) -> None:
        shard = self.random.choice(self.shards)
        state = self.router.links[shard.number].state
        if shard.is_dead or state not in {ShardState.UP, ShardState.STALLED}:
            return
        if self.random.random() < 0.7:
            kept = self.random.randint(0, len(shard.replies))
            self.note("kill", shard.number, kept)
            shard.die(kept)
        else:
            garbage = self.random.randbytes(self.random.randint(1, 12))
            self.note("garbage", shard.number, garbage)
            shard.die(len(shard.replies))
            shard.replies += garbage

    def end_stalled(self) -> None:
        """End the workers that a face does not wait for when it closes."""
        for link in self.router.books.stalled:
            shard = self.shards[link.number]
            if not shard.is_dead:
                shard.die(0)

    # --- pipes -----------------------------------------------------------------------------------

    def _size(self, pipe: bytearray) -> int:
        if self.random.random() < 0.5:
            return len(pipe)
        return self.random.randint(1, len(pipe))

    def source_of(self, shard: Shard) -> Any:
        """Return what says what a shard is to be sent."""
        return self.router.links[shard.number]

    def _write(self, shard: Shard) -> None:
        data = self.source_of(shard).take()
        self.note("write", shard.number, data)
        if not shard.is_dead:
            shard.commands += data

    def _work(self, shard: Shard) -> None:
        size = self._size(shard.commands)
        self.note("work", shard.number, size)
        shard.work(size)

    def _read(self, shard: Shard) -> None:
        size = self._size(shard.replies)
        data = bytes(shard.replies[:size])
        del shard.replies[:size]
        self.note("read", shard.number, data)
        link = self.router.links[shard.number]
        if link.state in {ShardState.DOWN, ShardState.CLOSED}:
            return
        try:
            # What is no frame is nothing that an observer could read either.
            if not shard.is_dead:
                shard.note_delivered(data)
            else:
                self._note_what_can_be_read(shard, data)
            self.router.receive(link, data)
        except WireError as error:
            assert shard.is_dead, "only a dead shard has talked nonsense"
            self.note("nonsense", shard.number, str(error))
            self.router.lose(link, "it talked nonsense")

    @staticmethod
    def _note_what_can_be_read(shard: Shard, data: bytes) -> None:
        try:
            shard.note_delivered(data)
        except (WireError, AssertionError, IndexError):
            return

    def _end(self, shard: Shard) -> None:
        self.note("end", shard.number)
        self.router.lose(self.router.links[shard.number], "it was killed")

    # --- rest ------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Let everything that is on its way arrive."""
        while True:
            self.number += 1
            moved = False
            self.face.poll()
            for shard, link in zip(self.shards, self.router.links, strict=True):
                if self.source_of(shard).has_output:
                    self._write(shard)
                    moved = True
                if shard.commands:
                    self._work(shard)
                    moved = True
                if shard.replies:
                    self._read(shard)
                    moved = True
                elif shard.is_dead and link.state not in {ShardState.DOWN, ShardState.CLOSED}:
                    self._end(shard)
                    moved = True
            self.observer.after_event()
            for caller in [caller for caller in self.callers if caller.is_ready]:
                self._advance(caller)
                moved = True
            if not moved:
                break
        assert not self.callers, f"calls that never end: {[each.name for each in self.callers]}"
        self.observer.at_rest()


def simulate(seed: int, kind: type[Simulation] = Simulation) -> Simulation:
    """Run the simulation of a seed; an AssertionError tells the event at which it went wrong."""
    gc.disable()  # finalisers run when the last reference goes, and at no other time
    simulation = kind(seed)
    try:
        simulation.run()
    except BaseException as error:
        error.add_note(
            f"seed {seed}, event {simulation.number}: engine {simulation.engine_name}, "
            f"{len(simulation.shards)} shards, {simulation.router.links[0].credits} credits"
        )
        raise
    finally:
        for caller in simulation.callers:
            caller.cancel(Cancelled())
        gc.enable()
        gc.collect(0)
    return simulation
