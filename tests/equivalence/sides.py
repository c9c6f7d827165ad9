"""One engine and sharded ones beside it: the same scenario on each, call by call, compared.

What policies of a sharded engine note may lag behind: a handle that nobody holds any more is rolled
back ahead of the next command, not at once. Whenever nothing is left to be let go, the notes of all
accounts are the same.
"""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import openpit
from link import link
from openpit.engine.builder import EngineBuilder
from openpit.pretrade.policies.order_size_limit import OrderSizeLimitPolicy
from openpit.pretrade.policies.order_validation import OrderValidationPolicy
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.router.builder import ReadyShardedEngineBuilder
from scripted import LOGS, Desk, LateDesk, ScenarioInterpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Scenario = list[dict[str, Any]]

__all__ = ["SHARDS", "Difference", "Pair", "Side", "is_call"]

SHARDS = (1, 2, 3, 5)
"""The numbers of shards that are compared with one engine."""

START = 1_000_000_000_000_000

_STAGES = frozenset({"no_sync", "full_sync", "account_sync", "build"})
# Their rejects are of the order: no order of a batch blocks the account of the next one.
_NEVER_BLOCKING = (OrderSizeLimitPolicy, OrderValidationPolicy, RateLimitPolicy)


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
        self.logs = LOGS[self.name]
        self.logs.clear()
        # Not the engines themselves: a scenario may let go of them.
        self.cores: list[Any] = []
        self._drivers: list[Any] = []
        self._build = build
        self.forms["tick"] = self._tick
        self.forms["batch"] = self._batch

    def clock(self) -> int:
        return self.now

    @property
    def is_settled(self) -> bool:
        """Whether no handle waits to be let go."""
        return self.shards is None or not any(core.dropped for core in self.cores)

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
        if expression[2] in _STAGES and len(expression) == 3:
            return self._stage(self.evaluate(expression[1], scope), expression[2])
        return super()._method(expression, scope)

    def _stage(self, target: Any, name: str) -> Any:
        if type(target) is EngineBuilder:
            # A market data service without locks suits neither of these.
            if self.shards is None:
                return target.account_sync()
            return target.sharded(shards=self.shards)
        if type(target) is ReadyShardedEngineBuilder and name == "build":
            engine = self._build(target)
            self._drivers.append(engine._driver)
        else:
            engine = getattr(target, name)()
            if type(engine) is not openpit.Engine:
                return engine
        self.cores.append(engine._core)
        return engine

    def _policy(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        specification = expression[1]
        kind = LateDesk if specification.get("late") else Desk
        return kind(self.name, specification)

    def _tick(self, expression: list[Any], _scope: dict[str, Any]) -> None:
        self.now += expression[1]

    def _batch(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        """``execute_pre_trade_many``, or one order after the other: ``["batch", engine, orders]``.

        Counts that span accounts are exact for one call at a time. In a batch they are too high
        by the orders of it that a block stops, so a batch with such orders is no batch here.
        """
        name = expression[1]
        engine, orders = (self.evaluate(part, scope) for part in expression[2:])
        if self.shards is None:
            self.singly[name] = _counts_broadly(engine._core) and not _blocks_nobody(engine._core)
        if not self.singly[name]:
            self.coverage.add(f"{type(engine).__name__}.execute_pre_trade_many")
            return engine.execute_pre_trade_many(orders)
        results: list[Any] = []
        for order in orders:
            try:
                results.append(engine.execute_pre_trade(order))
            except Exception as error:  # noqa: BLE001 - whatever is raised is the answer
                results.append(self.canonical_exception(error))
        return results


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
        places = "\n".join(f"  {place} {what}" for place, what in _places(self.expected, self.found, ""))
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


class Pair:
    """Runs scenarios on one engine and on sharded ones."""

    def __init__(
        self,
        shards: Sequence[int] = SHARDS,
        build: Callable[[ReadyShardedEngineBuilder], Any] = link,
    ) -> None:
        self._shards = shards
        self._build = build
        # Shards of other processes note things there.
        self._notes = build is link
        self.coverage: set[str] = set()
        self.calls = 0  # in the last scenario

    def difference(self, scenario: Scenario) -> Difference | None:
        """Return the first step that a sharded engine answers differently, None if all agree."""
        gc.disable()  # what is let go of is let go of at once, or it shows
        try:
            return self._difference(scenario)
        finally:
            gc.enable()
            gc.collect(0)

    def _difference(self, scenario: Scenario) -> Difference | None:
        singly: dict[str, bool] = {}
        one = Side(None, self.coverage, singly)
        answers: list[Any] = []
        marks: list[dict[int | None, int]] = []
        for step in scenario:
            answers.append(one.step(step))
            marks.append({account: len(log) for account, log in one.logs.items()})
        self.calls = sum(map(is_call, answers))
        found = None
        for shards in self._shards:
            side = Side(shards, set(), singly, self._build)
            found = self._compare(scenario, one, answers, marks, side)
            side.close()
            if found is not None:
                break
        one.close()
        return found

    def _compare(
        self,
        scenario: Scenario,
        one: Side,
        answers: list[Any],
        marks: list[dict[int | None, int]],
        side: Side,
    ) -> Difference | None:
        for index, step in enumerate(scenario):
            answer = side.step(step)
            if answer != answers[index]:
                return Difference(scenario, index, side.name, answers[index], answer)
            if self._notes and side.is_settled:
                noted = {account: log for account, log in side.logs.items() if log}
                expected = {
                    account: one.logs[account][:length]
                    for account, length in marks[index].items()
                    if length
                }
                if noted != expected:
                    return Difference(scenario, index, side.name, expected, noted)
        return None


def is_call(answer: dict[str, Any]) -> bool:
    """Tell whether a step did call something."""
    if "skipped" in answer:
        return False
    raised = answer.get("raised")
    # The commit of a reservation that a reject did not give.
    return raised is None or not raised["message"].startswith("'NoneType' object has no attribute")
