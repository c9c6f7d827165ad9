"""Custom policies and subclasses that scenarios use, here and in shards: found by their names.

A policy keeps its state by account, as policies of a sharded engine have to, and notes what it is
called with, by account too. Shards that live in this process note it in the same place.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, Flag, StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import runner
from runner import _ADDRESS

import openpit
from openpit.pretrade import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LOGS", "RAISED", "Desk", "LateDesk", "ScenarioInterpreter"]

LOGS: defaultdict[str, defaultdict[int | None, list[Any]]] = defaultdict(lambda: defaultdict(list))
"""What the policies of each side noted, by account; None for orders and reports without one."""


class RefusedError(Exception):
    """What a user's policy raises, with a constructor unlike others."""

    def __init__(self, *, desk: str) -> None:
        super().__init__(f"{desk} refuses")
        self.desk = desk


def _fail(error: Exception) -> None:
    error.add_note("asked for by the scenario")
    try:
        raise error
    finally:
        del error  # in a cycle with its traceback, it would keep the engine that was called


RAISED: dict[str, Callable[[str], object]] = {
    "decimal": lambda _: Decimal(1) / 0,
    "json": lambda text: json.loads("{" + text),
    "keyword": lambda text: _fail(RefusedError(desk=text)),
    "file": lambda text: _fail(FileNotFoundError(2, text, "limits.toml")),
    "group": lambda text: _fail(
        ExceptionGroup(text, [ValueError(text), ExceptionGroup("in", [RefusedError(desk=text)])])
    ),
}
"""Exceptions of a scenario beyond those of the differential rung, by name."""


class SubOrder(openpit.Order):
    """An order that its user decorates."""


class BareOrder(openpit.Order):
    """An order without any group: it skips the constructor of its base."""

    def __init__(self, **groups: Any) -> None:
        """Take anything, keep nothing."""


class SubExecutionReport(openpit.ExecutionReport):
    """A report that its user decorates."""


class BareExecutionReport(openpit.ExecutionReport):
    """A report without any group."""

    def __init__(self, **groups: Any) -> None:
        """Take anything, keep nothing."""


class SubAccountAdjustment(openpit.AccountAdjustment):
    """An adjustment that its user decorates."""


class BareAccountAdjustment(openpit.AccountAdjustment):
    """An adjustment without any part."""

    def __init__(self, **groups: Any) -> None:
        """Take anything, keep nothing."""


_SUBCLASSES: dict[tuple[str, bool], type] = {
    ("Order", False): SubOrder,
    ("Order", True): BareOrder,
    ("ExecutionReport", False): SubExecutionReport,
    ("ExecutionReport", True): BareExecutionReport,
    ("AccountAdjustment", False): SubAccountAdjustment,
    ("AccountAdjustment", True): BareAccountAdjustment,
}

_DECORATED = frozenset(
    {
        openpit.Order,
        openpit.ExecutionReport,
        openpit.AccountAdjustment,
        openpit.OrderOperation,
        openpit.ExecutionReportOperation,
        openpit.core.FinancialImpact,
        openpit.core.ExecutionReportFillDetails,
        *_SUBCLASSES.values(),
    }
)


class Urgency(Enum):
    """How fast an order has to be worked."""

    CALM = 1
    URGENT = 2


class Venue(StrEnum):
    """Where an order may go."""

    XNAS = "xnas"


class Route(Flag):
    """How an order may go there."""

    LIT = 1
    DARK = 2
    SLOW = 4


@dataclass(frozen=True)
class Tag:
    """What a desk says of an order."""

    desk: str
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Ticket(Tag):
    """More of that."""

    notes: tuple[object, ...] = ()


class Leg(NamedTuple):
    """One side of a spread."""

    symbol: str
    route: Route


OWN: tuple[object, ...] = (
    Urgency.URGENT,
    Venue.XNAS,
    Route.LIT | Route.SLOW,
    Tag("rates", Urgency.CALM),
    Ticket("fx", Urgency.URGENT, (Leg("EURUSD", Route.DARK), {Venue.XNAS: [Route(0)]})),
    Leg("AAPL", Route.DARK),
)
"""Values of users' own classes, as they hang on orders; scenarios name them by their place."""

_ALIASES = {
    "AsyncShardedEngine": ["Engine"],
    "AsyncShardedAccounts": ["Accounts"],
    "AsyncShardedConfigurator": ["Configurator"],
    "ShardedEngine": ["Engine"],
    "ShardedAccounts": ["Accounts"],
    "ShardedConfigurator": ["Configurator"],
}


class ScenarioInterpreter(runner.Interpreter):
    """The interpreter of the differential rung, with what shards need."""

    def __init__(self, coverage: set[str]) -> None:
        super().__init__(openpit, coverage)
        self.forms["marked"] = self._marked
        self.forms["own"] = lambda expression, _: OWN[expression[1]]

    def canonical(self, value: Any) -> Any:
        kind = type(value)
        if kind in _DECORATED and vars(value):
            marks = {name: self.canonical(mark) for name, mark in vars(value).items()}
            return [*super().canonical(value), marks]
        if kind in map(type, OWN):
            # Which of them it equals, whether it is the same member, and can be looked up by hash.
            place = OWN.index(value)
            is_member = any(value is one for enumeration in (Urgency, Venue) for one in enumeration)
            found = {Tag("rates", Urgency.CALM): "found"}.get(value) if kind is Tag else None
            return ["own", repr(value), place, kind is type(OWN[place]), is_member, found]
        return _ALIASES.get(kind.__name__) or super().canonical(value)

    def canonical_exception(self, error: BaseException) -> dict[str, Any]:
        canonical = super().canonical_exception(error)
        if isinstance(error, BaseExceptionGroup):
            canonical["exceptions"] = [self.canonical_exception(each) for each in error.exceptions]
        else:
            canonical["args"] = _ADDRESS.sub("0x", repr(error.args))
        canonical["notes"] = getattr(error, "__notes__", [])
        if isinstance(error, openpit.SomeItemsFailed):
            canonical["indexes"] = list(error.indexes)
            canonical["results"] = [self.canonical(result) for result in error.results]
        if isinstance(error, RefusedError | OSError | json.JSONDecodeError):
            canonical["state"] = repr(sorted(vars(error).items()))
        return canonical

    def _raise(self, expression: list[Any], scope: dict[str, Any]) -> None:
        if expression[1] not in RAISED:
            super()._raise(expression, scope)
        RAISED[expression[1]](expression[2])

    def _subclass(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        return _SUBCLASSES[expression[1], bool(expression[2].get("bare"))]

    def _marked(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        """An object with attributes of its user's."""
        value = self.evaluate(expression[1], scope)
        for name, attribute in expression[2].items():
            setattr(value, name, self.evaluate(attribute, scope))
        return value

    def _function(self, expression: list[Any], scope: dict[str, Any]) -> Callable[..., Any]:
        # What it notes belongs to the account of the callback that made it.
        tag, body = expression[1], expression[2] if len(expression) > 2 else None
        closure = dict(scope)
        log = self.trace

        def scripted(*_args: Any, **_kwargs: Any) -> Any:
            log.append(["fn", tag])
            before, self.trace = self.trace, log
            try:
                return self.evaluate(body, closure)
            finally:
                self.trace = before

        return scripted


class LateDesk(Policy):
    """A policy without a start stage; ``specification`` is that of the form ``policy``.

    ``hooks`` gives for each callback what it answers, taken in turn for each account.
    """

    def __init__(self, side: str, specification: dict[str, Any]) -> None:
        self._side = side
        self._name = specification["name"]
        self._group = specification.get("group", 0)
        self._hooks: dict[str, list[Any]] = specification.get("hooks", {})
        self._turns: dict[tuple[str, int | None], int] = {}
        self._interpreter: ScenarioInterpreter | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def policy_group_id(self) -> int:
        return self._group

    def __getattr__(self, name: str) -> Any:
        # The optional callbacks are there exactly if there is something for them to answer.
        if not name.endswith("_dry_run") or name not in self._hooks:
            raise AttributeError(name)

        def callback(ctx: Any, order: Any) -> Any:
            return self._answer(name, _account_of(order), {"ctx": ctx, "order": order})

        return callback

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        if "perform_pre_trade_check" not in self._hooks:
            return super().perform_pre_trade_check(ctx, order)
        named = {"ctx": ctx, "order": order}
        return self._answer("perform_pre_trade_check", _account_of(order), named)

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        if "apply_execution_report" not in self._hooks:
            return super().apply_execution_report(ctx, report)
        named = {"ctx": ctx, "report": report}
        return self._answer("apply_execution_report", _account_of(report), named)

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        if "apply_account_adjustment" not in self._hooks:
            return super().apply_account_adjustment(ctx, account_id, adjustment)
        named = {"ctx": ctx, "account_id": account_id, "adjustment": adjustment}
        return self._answer("apply_account_adjustment", account_id.value, named)

    def _answer(self, hook: str, account: int | None, named: dict[str, Any]) -> Any:
        interpreter = self._interpreter
        if interpreter is None:
            interpreter = self._interpreter = ScenarioInterpreter(set())
        interpreter.trace = LOGS[self._side][account]
        seen = {name: interpreter.canonical(value) for name, value in named.items()}
        interpreter.trace.append(["hook", self._name, hook, seen])
        turn = self._turns.get((hook, account), 0)
        self._turns[hook, account] = turn + 1
        answers = self._hooks[hook]
        return interpreter.evaluate(answers[turn % len(answers)], named)


class Desk(LateDesk):
    """A policy with all callbacks."""

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        if "check_pre_trade_start" not in self._hooks:
            return super().check_pre_trade_start(ctx, order)
        named = {"ctx": ctx, "order": order}
        return self._answer("check_pre_trade_start", _account_of(order), named)


def _account_of(order_or_report: Any) -> int | None:
    operation = order_or_report.operation
    account = None if operation is None else operation.account_id
    return None if account is None else account.value
