"""One engine and sharded ones beside it: the same scenario on each, call by call, compared.

What policies of a sharded engine note may lag behind: a handle that nobody holds any more is rolled
back ahead of the next command, not at once. Whenever nothing is left to be let go, the notes of all
accounts are the same.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from dataclasses import fields, is_dataclass
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from link import LinkDriver, link
from scripted import LOGS, Desk, LateDesk, ScenarioInterpreter
from sealing import link_sealed
from switched import SwitchedDriver, SwitchedHost, link_switched

import openpit
from openpit.faces.aio.engine import AsyncShardedEngine
from openpit.faces.aio.handles import ASYNC
from openpit.faces.embedded import EngineBuilder, ReadyShardedEngineBuilder
from openpit.faces.market_feeds import Feed
from openpit.marketdata import MarketDataService
from openpit.pretrade.policies.order_size_limit import OrderSizeLimitPolicy
from openpit.pretrade.policies.order_validation import OrderValidationPolicy
from openpit.pretrade.policies.rate_limit import RateLimitPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence

    Scenario = list[dict[str, Any]]

__all__ = [
    "SHARDS",
    "Comparison",
    "Difference",
    "Pair",
    "Side",
    "is_call",
    "link_async",
    "link_switched_async",
]

SHARDS = (1, 2, 3, 5)
"""The numbers of shards that are compared with one engine."""

START = 1_000_000_000_000_000

_STAGES = frozenset({"no_sync", "full_sync", "account_sync", "build"})
# Their rejects are of the order: no order of a batch blocks the account of the next one.
_NEVER_BLOCKING = (OrderSizeLimitPolicy, OrderValidationPolicy, RateLimitPolicy)


class AsyncLinkDriver(LinkDriver):
    """The part of the asyncio face: what its methods await is there at once."""

    async def run(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return super().run(method, *arguments)

    async def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return super().run_part(method, *arguments)

    async def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return super().run_part(method, *arguments).result()


def link_async(builder: ReadyShardedEngineBuilder) -> AsyncShardedEngine:
    """Return the engine that ``await builder.build_async()`` would, without processes."""
    plan = builder._plan()
    driver = AsyncLinkDriver(builder._clock)
    driver.attach(plan.client(ASYNC, driver), plan.payload)
    driver.feeds = [Feed(driver, place, service) for place, service in enumerate(plan.services)]
    return AsyncShardedEngine._of(driver)


class AsyncSwitchedDriver(AsyncLinkDriver, SwitchedDriver):
    """As above, of a client of a server."""


def link_switched_async(builder: ReadyShardedEngineBuilder) -> AsyncShardedEngine:
    """Return the engine that ``await connect_async()`` would, without processes."""
    return AsyncShardedEngine._of(AsyncSwitchedDriver(SwitchedHost(builder), handles=ASYNC))


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("something is awaited that is not there")


class Side(ScenarioInterpreter):
    """A scenario's world on one kind of engine.

    ``shards`` is None for one engine; ``build`` makes an engine of a sharded builder.
    """

    def __init__(
        self,
        shards: int | None,
        coverage: set[str],
        singly: dict[str, bool],
        build: Callable[[ReadyShardedEngineBuilder], Any] = link,
    ) -> None:
        super().__init__(coverage)
        # Batches that are not run as such, by name: the one engine says, the others do likewise.
        self.singly = singly
        self.name = "one engine" if shards is None else f"{shards} shards"
        self.shards = shards
        self.now = START
        self.lags = False  # handles waited to be let go, some steps ago
        self.logs = LOGS[self.name]
        self.logs.clear()
        # Not the engines themselves: a scenario may let go of them.
        self.routers: list[Any] = []
        self._drivers: list[Any] = []
        # A server's, from when there is one on: the service itself is in the server's process.
        self._market: Any = None
        self._build = build
        self.forms["tick"] = self._tick
        self.forms["batch"] = self._batch
        self.forms["state"] = self._state

    def clock(self) -> int:
        return self.now

    @property
    def is_settled(self) -> bool:
        """Whether no handle waits to be let go."""
        return self.shards is None or not any(router.books.dropped for router in self.routers)

    def close(self) -> None:
        """Forget everything; the shards end."""
        self.finish()
        for driver in self._drivers:
            driver.close()
        self.logs.clear()

    def _call(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        made = super()._call(expression, scope)
        return made.clock(self.clock) if type(made) is EngineBuilder else made

    def _method(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        target = self.evaluate(expression[1], scope)
        if self._market is not None and type(target) is MarketDataService:
            target = self._market
        name = expression[2]
        if name in _STAGES and len(expression) == 3:
            return self._stage(target, name)
        answer = self._apply(getattr(target, name), expression[3:], scope)
        if iscoroutine(answer):
            answer = _run(answer)
        self.coverage.add(f"{type(target).__name__}.{name}")  # what did not raise
        return answer

    def _stage(self, target: Any, name: str) -> Any:
        if type(target) is EngineBuilder:
            # A market data service without locks suits neither of these.
            if self.shards is None:
                return target.account_sync()
            return target.sharded(shards=self.shards, timeout=60.0)
        if type(target) is ReadyShardedEngineBuilder and name == "build":
            engine = self._build(target)
            self._drivers.append(engine._driver)
            if engine._client.services:
                self._market = engine.market_data()
        else:
            engine = getattr(target, name)()
            if type(engine) is not openpit.Engine:
                return engine
        if self.shards is not None:
            self.routers.append(engine._router)
        return engine

    def _policy(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        specification = expression[1]
        kind = LateDesk if specification.get("late") else Desk
        return kind(self.name, specification)

    def _tick(self, expression: list[Any], _scope: dict[str, Any]) -> None:
        self.now += expression[1]

    def _batch(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        """Run ``execute_pre_trade_many``: ``["batch", name, engine, orders, tick]``.

        Time moves by ``tick`` before each order is taken. Some batches are run order by order.

        Counts that span accounts are exact for one call at a time. In a batch they are too high
        by the orders of it that a block stops, so a batch with such orders is no batch here.
        """
        name, *parts, tick = expression[1:]
        engine, orders = (self.evaluate(part, scope) for part in parts)
        if tick:
            orders = self._ticking(orders, tick)
        if self.shards is None:
            self.singly[name] = _counts_broadly(engine._core) and not _blocks_nobody(engine._core)
        if not self.singly[name]:
            self.coverage.add(f"{type(engine).__name__}.execute_pre_trade_many")
            try:
                answer = engine.execute_pre_trade_many(orders)
                return _run(answer) if iscoroutine(answer) else answer
            except openpit.SomeItemsFailed as failed:
                # What the others got is used by the steps that follow.
                told = {n: self.canonical_exception(error) for n, error in failed.failures.items()}
                return [told.get(n, result) for n, result in enumerate(failed.results)]
        results: list[Any] = []
        for order in orders:
            try:
                result = engine.execute_pre_trade(order)
                results.append(_run(result) if iscoroutine(result) else result)
            except Exception as error:  # noqa: BLE001 - whatever is raised is the answer
                results.append(self.canonical_exception(error))
        return results

    def _state(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        """Ask for the state of an account, groups, settings: ``["state", engine, account]``."""
        engine, account = (self.evaluate(part, scope) for part in expression[1:])
        for name in ("account_state", "groups", "settings"):
            self.coverage.add(f"{type(engine).__name__}.{name}")
        answers = (engine.account_state(account), engine.groups(), engine.settings())
        state, groups, settings = (_run(one) if iscoroutine(one) else one for one in answers)
        return [self._told(state), self._told(groups), str(settings)]

    def _told(self, value: Any) -> Any:
        if is_dataclass(value):
            return {one.name: self._told(getattr(value, one.name)) for one in fields(value)}
        if isinstance(value, list | tuple):
            return [self._told(item) for item in value]
        return self.canonical(value)

    def _ticking(self, orders: Iterable[Any], tick: int) -> Iterator[Any]:
        for order in orders:
            self.now += tick
            yield order


def _counts_broadly(core: Any) -> bool:
    return any(isinstance(p, RateLimitPolicy) and p.counts_broadly for p in core.policies)


def _blocks_nobody(core: Any) -> bool:
    """Tell whether no order of a batch can be stopped by a block."""
    return not core.registry.anything_blocked and all(
        isinstance(policy, _NEVER_BLOCKING) for policy in core.policies
    )


class Difference:
    """A step that a sharded engine answers differently."""

    def __init__(
        self, scenario: Scenario, index: int, side: str, expected: Any, found: Any
    ) -> None:
        self.scenario = scenario
        self.index = index
        self.side = side
        self.expected = expected
        self.found = found

    def place(self) -> str:
        """Which part of the answer differs, without what it says."""
        return next(iter(_places(self.expected, self.found, "")), ("", ""))[0]

    def __str__(self) -> str:
        steps = "\n".join(
            f"{'>>' if number == self.index else '  '} {number:3} {json.dumps(step)}"
            for number, step in enumerate(self.scenario)
        )
        places = "\n".join(
            f"  {place} {what}" for place, what in _places(self.expected, self.found, "")
        )
        return f"{steps}\n{self.side}, differing from one engine at step {self.index}:\n{places}"


def _places(expected: Any, found: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        for key, value in expected.items():
            yield from _places(value, found[key], f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (left, right) in enumerate(zip(expected, found, strict=True)):
            yield from _places(left, right, f"{path}[{index}]")
    elif expected != found:
        yield path, f"{json.dumps(expected)} / {json.dumps(found)}"


def _in_any_order(expected: list[Any], found: list[Any]) -> bool:
    """Tell whether notes are the same but for which of several dropped handles went first."""
    return sorted(map(json.dumps, expected)) == sorted(map(json.dumps, found))


class Comparison:
    """One engine and sharded ones, given the same steps."""

    def __init__(
        self,
        shards: Sequence[int] = SHARDS,
        build: Callable[[ReadyShardedEngineBuilder], Any] = link,
        coverage: set[str] | None = None,
    ) -> None:
        singly: dict[str, bool] = {}
        self._one = Side(None, set() if coverage is None else coverage, singly)
        self._others = [Side(number, set(), singly, build) for number in shards]
        # Shards of other processes note things there.
        self._compares_notes = build in _OF_THIS_PROCESS
        self._compared: list[Counter[int | None]] = [Counter() for _ in shards]
        self.calls = 0

    def step(self, step: dict[str, Any]) -> tuple[str, Any, Any] | None:
        """Make a step on all sides; return which one differs, what was expected and what found."""
        expected = self._one.step(step)
        self.calls += is_call(expected)
        answers = [side.step(step) for side in self._others]
        for side, answer in zip(self._others, answers, strict=True):
            if answer != expected:
                return side.name, expected, answer
        if self._compares_notes:
            for side, compared in zip(self._others, self._compared, strict=True):
                if not side.is_settled:
                    side.lags = True
                elif (differing := self._notes(side, compared)) is not None:
                    return side.name, *differing
        return None

    def _notes(self, side: Side, compared: Counter[int | None]) -> tuple[Any, Any] | None:
        lagged, side.lags = side.lags, False
        for account in {*self._one.logs, *side.logs}:
            start = compared[account]
            expected, found = self._one.logs[account][start:], side.logs[account][start:]
            if expected != found and not (lagged and _in_any_order(expected, found)):
                return {str(account): expected}, {str(account): found}
            compared[account] += len(found)
        return None

    def close(self) -> None:
        """Forget everything; the shards end."""
        for side in (self._one, *self._others):
            side.close()


class Pair:
    """Runs scenarios on one engine and on sharded ones."""

    def __init__(
        self,
        shards: Sequence[int] = SHARDS,
        build: Callable[[ReadyShardedEngineBuilder], Any] = link,
    ) -> None:
        self._shards = shards
        self._build = build
        self.coverage: set[str] = set()
        self.calls = 0  # in the last scenario

    def difference(self, scenario: Scenario) -> Difference | None:
        """Return the first step that a sharded engine answers differently, None if all agree."""
        gc.disable()  # what is let go of is let go of at once, or it shows
        comparison = Comparison(self._shards, self._build, self.coverage)
        try:
            for index, step in enumerate(scenario):
                found = comparison.step(step)
                if found is not None:
                    return Difference(scenario, index, *found)
        finally:
            self.calls = comparison.calls
            comparison.close()
            gc.enable()
            gc.collect(0)
        return None


_OF_THIS_PROCESS = {link, link_async, link_sealed, link_switched, link_switched_async}


def is_call(answer: dict[str, Any]) -> bool:
    """Tell whether a step did call something."""
    if "skipped" in answer:
        return False
    raised = answer.get("raised")
    # The commit of a reservation that a reject did not give.
    return raised is None or not raised["message"].startswith("'NoneType' object has no attribute")
