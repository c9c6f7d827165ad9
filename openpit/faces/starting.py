"""Starting an engine of several processes: copies of its policies, its workers, its router."""

from __future__ import annotations

import errno
import resource
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from openpit.client.bodies import BODIES
from openpit.client.client import Client
from openpit.client.handles import BLOCKING
from openpit.engine.builder import check_policies
from openpit.engine.custom import CustomPolicy, check_state_methods
from openpit.errors import ShardStartError
from openpit.faces.blocking.driver import BlockingDriver
from openpit.faces.blocking.engine import ShardedEngine, new_sharded_engine
from openpit.faces.interrupts import release, shield
from openpit.shards.copying import dump_policies, readers_of
from openpit.shards.fingerprints import Made, describe
from openpit.shards.process import Worker
from openpit.wire.limits import OPEN_HANDLES
from openpit.wire.shard_limits import ShardLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpit.client.handles import Handles
    from openpit.faces.aio.driver import AsyncDriver
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.engine_journal import EngineJournal
    from openpit.faces.options import ShardedOptions
    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.router.shard_link import Bodies
    from openpit.wire.classes import Told

__all__ = [
    "StartPlan",
    "plan_of",
    "start_async",
    "start_blocking",
    "start_driver",
]


_Face = TypeVar("_Face", bound="AsyncDriver")

MAKE_ENGINE: Final = "openpit.faces.acting:new_actor_engine"
"""Makes the engine of an actor, in its worker: by name, since a program's own process has none."""

NANOSECONDS: Final = 1e9
"""In a second."""

DESCRIPTORS: Final = 3
"""Of the router for each shard: the ends of two pipes, and what tells of the worker's end."""


@dataclass(frozen=True, slots=True)
class StartPlan:
    """Everything that both faces start from."""

    has_custom: bool
    payload: bytes
    services: list[MarketDataService]
    readers: list[tuple[str, ...]]  # of each service, the policies
    told: Told
    options: ShardedOptions
    open_handles: int = OPEN_HANDLES
    """That a session may have open on a shard, where the engine is a server's."""
    actors: tuple[str, ...] = ()
    observer: object = None
    made: Made | None = None
    """What its journal knows the policies by, where it has one."""
    parts: tuple[Sequence[BuiltinPolicy], Mapping[str, Any]] = ((), {})
    """The policies and the actors themselves, where an old journal may have to be told to them."""

    @property
    def start_seconds(self) -> float:
        """Until when all shards have to be up."""
        options = self.options
        recovery = 0.0 if options.journal is None else options.recovery_timeout
        return options.start_timeout + recovery

    @property
    def limits(self) -> ShardLimits:
        """What each shard may keep."""
        options = self.options
        window, ttl = options.key_window, options.reservation_ttl or 0
        return ShardLimits(
            self.open_handles, options.keys, round(window * NANOSECONDS), round(ttl * NANOSECONDS)
        )

    def client(
        self, handles: Handles, runner: Any, bodies: Bodies = BODIES, kind: type[Client] = Client
    ) -> Client:
        """Return the client of a face."""
        options = self.options
        return kind(
            options.shards,
            has_custom=self.has_custom,
            handles=handles,
            runner=runner,
            credit=options.credits,
            patience=options.patience,
            told=self.told,
            bodies=bodies,
            limits=self.limits,
            actors=self.actors,
        )


def plan_of(
    policies: Sequence[BuiltinPolicy],
    options: ShardedOptions,
    actors: Mapping[str, Any] | None = None,
    observer: object = None,
) -> StartPlan:
    """Return what an engine over checked policies starts from, and the actors beside it.

    Raises:
        ValueError: two policies of one name, or of one group id other than 0.
        ShardStartError: a policy or an actor cannot be copied into a worker.
        JournalError: there is to be a journal, and it cannot hold all that the engine is made of,
            or a policy has one of the two methods that snapshots need.
    """
    check_policies(policies)
    named = actors or {}
    if options.journal is not None:
        check_state_methods(policies)
    made = None if options.journal is None else describe(policies, options.shards, named)
    payload, services, told = dump_policies(policies, [*named.items()], MAKE_ENGINE)
    has_custom = any(isinstance(policy, CustomPolicy) for policy in policies)
    readers = readers_of(services, policies)
    return StartPlan(
        *(has_custom, payload, services, readers, told, options),
        actors=tuple(named),
        observer=observer,
        made=made,
        parts=(policies, named) if options.migrate else ((), {}),
    )


def start_blocking(plan: StartPlan, clock: Callable[[], int]) -> ShardedEngine:
    """Start the workers and wait until they answer; no process is left if one does not."""
    options = plan.options
    try:
        driver = BlockingDriver(clock, options)
    except OSError as error:  # it opens a pipe of its own
        raise not_started(0, error) from error
    driver.observe(plan.observer)
    workers: list[Worker] = []
    journal: EngineJournal | None = None
    try:
        journal = open_journal(plan, clock)
        client = plan.client(BLOCKING, driver)
        deadline = monotonic() + plan.start_seconds
        start_workers(workers, options.shards, options.start_timeout, journal)
        driver.attach(client, workers)
        epoch = 0 if journal is None else journal.epoch
        told = driver.start(plan.payload, deadline, plan.start_seconds, epoch)
        if journal is not None:
            driver.recover(journal, told, options, plan.payload)
            driver.restore(journal, plan.services, plan.readers)
        driver.follow(plan.services)
        driver.stand_by()
    except BaseException:
        discard(driver, workers, options.timeout, journal)
        raise
    return new_sharded_engine(driver)


async def start_async(plan: StartPlan, clock: Callable[[], int]) -> AsyncShardedEngine:
    """Start the workers on the running event loop; as :func:`start_blocking`."""
    # Many programs have no event loop, and asyncio takes longer to load than this package.
    from openpit.faces.aio.driver import AsyncDriver  # noqa: PLC0415
    from openpit.faces.aio.engine import new_async_sharded_engine  # noqa: PLC0415

    return new_async_sharded_engine(await start_driver(plan, clock, AsyncDriver, BODIES))


async def start_driver(
    plan: StartPlan, clock: Callable[[], int], face: type[_Face], bodies: Bodies
) -> _Face:
    """Start the workers of an asyncio face; ``bodies`` makes those of its client and reads them."""
    from openpit.faces.aio.handles import ASYNC  # noqa: PLC0415

    options = plan.options
    driver = face(clock, options)
    driver.observe(plan.observer)
    workers: list[Worker] = []
    journal: EngineJournal | None = None
    try:
        journal = open_journal(plan, clock)
        client = plan.client(ASYNC, driver, bodies)
        deadline = monotonic() + plan.start_seconds
        start_workers(workers, options.shards, options.start_timeout, journal)
        driver.attach(client, workers)
        epoch = 0 if journal is None else journal.epoch
        told = await driver.start(plan.payload, deadline, plan.start_seconds, epoch)
        if journal is not None:
            await driver.recover(journal, told, options, plan.payload)
            await driver.restore(journal, plan.services, plan.readers)
        driver.follow(plan.services)
        driver.stand_by()
    except BaseException:
        discard(driver, workers, options.timeout, journal)
        raise
    return driver


def open_journal(plan: StartPlan, clock: Callable[[], int]) -> EngineJournal | None:
    """Open the journal that a plan asks for, if any.

    Raises:
        JournalError: it cannot be used.
    """
    if plan.made is None:
        return None
    # An engine without a journal has no need of what reads and writes one.
    from openpit.faces.engine_journal import EngineJournal  # noqa: PLC0415

    made = plan.made._replace(limits=plan.limits._asdict(), markets=plan.readers)
    if not plan.options.migrate:
        return EngineJournal(plan.options, made, clock)
    from openpit.faces.migrating import Migrating, NewEngine  # noqa: PLC0415 - as above

    new = NewEngine(made, *plan.parts, plan.limits, plan.payload, plan.services, MAKE_ENGINE)
    return EngineJournal(plan.options, made, clock, Migrating(new).migrate)


def discard(
    driver: BlockingDriver | AsyncDriver,
    workers: list[Worker],
    seconds: float,
    journal: EngineJournal | None,
) -> None:
    """End what was begun of an engine that was not built."""
    driver.discard()
    stop_workers([*workers, *(one for one in driver.workers if one not in workers)], seconds)
    if journal is not None:
        journal.close()


def start_workers(
    workers: list[Worker], shards: int, seconds: float, journal: EngineJournal | None = None
) -> None:
    """Start a worker for each shard; those that are there already when one fails stay listed.

    All must have taken their start data within that time.

    ^C comes between two of them: one that has started and is not listed would be nobody's child.
    """
    deadline = monotonic() + seconds
    place = None if journal is None else journal.place
    for number in range(shards):
        is_shielded = shield()
        try:
            workers.append(Worker(number, max(0.0, deadline - monotonic()), place))
        except OSError as error:
            raise not_started(number, error) from error
        finally:
            if is_shielded:
                release()


def not_started(number: int, error: OSError) -> ShardStartError:
    """Return the error of a worker that the system did not let start, with what it ran out of."""
    why = str(error)
    if error.errno == errno.EMFILE:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        why = (
            f"{error.strerror}: this process may have {limit} (RLIMIT_NOFILE), and each shard "
            f"takes {DESCRIPTORS} of them, a few more while it starts"
        )
    return ShardStartError(f"shard {number}: {why}", number)


def stop_workers(workers: list[Worker], seconds: float) -> None:
    """End the workers of an engine that was not built."""
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.stop(seconds)
