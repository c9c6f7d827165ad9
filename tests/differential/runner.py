"""Interpret scenarios against whichever ``openpit`` this interpreter imports.

The same file runs on both sides of the differential rung: once with the reference wheel on the
path, once with this project. It knows nothing of either but the public API.

A scenario is a JSON list of steps ``{"do": EXPRESSION, "as": NAME}`` (``as`` is optional). Its
answer is a list with one canonical result per step. An expression is a JSON scalar, which stands
for itself, or a list whose first element names the form:

====================================  ==========================================================
``["v", NAME]``                       the result kept by an earlier step
``["ref", PATH]``                     a public name, for example ``param.Price``
``["call", PATH|E, [E], {K: E}]``     a call; the two argument lists may be left out
``["on", E, METHOD, [E], {K: E}]``    a method call
``["get", E, ATTRIBUTE]``             an attribute
``["set", E, ATTRIBUTE, E]``          an attribute set
``["op", NAME, E...]``                an operator or builtin, see ``OPERATORS``
``["list"|"tuple"|"iter", E...]``     a list, a tuple, a one-shot iterator
``["dec"|"float"|"bytes"|"td", X]``   a Decimal, float or bytes from text, a timedelta from µs
``["obj", {K: E}]``                   a plain object with these attributes
``["trap"]``                          an object that raises at every attribute
``["class", PATH, {}]``               a subclass; ``{"bare": true}`` skips ``super().__init__``,
                                      ``"hoarding"`` keeps private attributes of all names that
                                      come to mind, ``"guarded"`` refuses every attribute
``["fn", TAG, E]``                    a function that notes its call and evaluates E
``["policy", SPEC]``                  a scripted custom policy, see ``ScriptedPolicy``
``["seq", E...]``                     evaluates all, gives the last
``["raise", TYPE, TEXT]``             raises
``["try", E]``                        notes what E gives or raises
``["log", E]``                        notes the value of E
``["once", TAG, E]``                  E the first time only: what re-enters the engine must end
``["keep", NAME, E]``                 keeps a value as ``as`` does, from inside a callback
``["drop", NAME]``                    forgets a kept value
====================================  ==========================================================

What callbacks see and say is noted in the trace of the step during which they run.
"""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import decimal
import enum
import importlib
import json
import operator
import os
import pickle
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")

#: Public data attributes of each result and model class: nothing is left out of the canonical form
#: (``test_api.py`` holds this table against the reference).
FIELDS: dict[str, tuple[str, ...]] = {
    "AccountAdjustmentBatchResult": ("ok", "failed_index", "rejects", "outcomes", "account_blocks"),
    "AccountAdjustmentContext": ("account_control", "account_group"),
    "AccountAdjustmentOutcome": ("policy_group_id", "entry"),
    "AccountBlock": ("policy", "code", "reason", "details", "user_data"),
    "AccountBlockOutcome": ("account_id", "block"),
    "AccountBlockOutcomes": ("account_blocks",),
    "AccountGroupId": ("value",),
    "AccountId": ("value",),
    "AccountOutcomeEntry": (
        "asset",
        "balance",
        "held",
        "incoming",
        "realized_pnl",
        "average_entry_price",
    ),
    "AccountPnlOperation": ("state",),
    "AccountPnlOutcome": ("policy_group_id", "account_id", "pnl", "halt_reason"),
    "Adjustment": ("operation", "amount", "bounds"),
    "AdjustmentAmount": ("is_delta", "is_absolute", "as_delta", "as_absolute"),
    "Amount": ("balance", "held", "incoming"),
    "BalanceOperation": ("asset", "average_entry_price", "realized_pnl"),
    "Bounds": (
        "balance_lower",
        "balance_upper",
        "held_lower",
        "held_upper",
        "incoming_lower",
        "incoming_upper",
    ),
    "Context": ("account_control", "account_group", "is_drop_copy"),
    "DropCopyOperation": ("lock", "account_adjustments", "account_block", "is_account_blocked"),
    "DropCopyResult": ("ok", "operation", "rejects"),
    "DryRunReport": ("is_pass", "rejects", "lock", "account_adjustments", "account_block"),
    "ExecuteResult": ("ok", "reservation", "rejects"),
    "ExecutionReport": ("operation", "financial_impact", "fill", "position_impact"),
    "ExecutionReportFillDetails": (
        "last_trade",
        "fee",
        "remaining_reserved_quantity",
        "lock",
        "is_final",
    ),
    "ExecutionReportOperation": (
        "instrument",
        "side",
        "account_id",
        "underlying_asset",
        "settlement_asset",
    ),
    "ExecutionReportPositionImpact": ("position_effect", "position_side"),
    "FinancialImpact": ("pnl", "fee"),
    "Instrument": ("underlying_asset", "settlement_asset"),
    "InstrumentId": ("value",),
    "Leverage": ("value",),
    "MonetaryAmount": ("amount", "currency"),
    "Mutation": ("commit", "rollback"),
    "Order": ("operation", "position", "margin"),
    "OrderMargin": ("leverage", "collateral_asset", "auto_borrow"),
    "OrderOperation": (
        "instrument",
        "side",
        "trade_amount",
        "account_id",
        "price",
        "underlying_asset",
        "settlement_asset",
    ),
    "OrderPosition": ("position_side", "reduce_only", "close_position"),
    "OrderSizeAccountAssetBarrier": ("limit", "account_id", "asset"),
    "OrderSizeAssetBarrier": ("limit", "asset"),
    "OrderSizeBrokerBarrier": ("limit",),
    "OutcomeAmount": ("delta", "absolute"),
    "PnlBoundsAccountAssetBarrier": ("barrier", "account_id", "initial_pnl"),
    "PnlBoundsAccountAssetBarrierUpdate": ("barrier", "account_id"),
    "PnlBoundsBrokerBarrier": ("settlement_asset", "lower_bound", "upper_bound"),
    "PnlOutcome": ("pnl", "halt_reason"),
    "PnlOutcomeAmount": ("delta", "absolute"),
    "PolicyAccountAdjustmentResult": (
        "rejects",
        "mutations",
        "account_adjustments",
        "account_blocks",
    ),
    "PolicyConfigurationResult": ("account_blocks",),
    "PolicyDecision": ("rejects", "mutations"),
    "PolicyPreTradeResult": ("rejects", "mutations", "account_adjustments", "lock_prices"),
    "PolicyReject": ("code", "reason", "details", "scope", "user_data"),
    "PositionOperation": (
        "instrument",
        "collateral_asset",
        "average_entry_price",
        "mode",
        "leverage",
        "underlying_asset",
        "settlement_asset",
    ),
    "PostTradeContext": ("account_group",),
    "PostTradeResult": ("account_blocks", "account_pnls", "account_adjustments"),
    "Quote": ("mark", "bid", "ask"),
    "RateLimit": ("max_orders", "window"),
    "RateLimitAccountAssetBarrier": ("limit", "account_id", "settlement_asset"),
    "RateLimitAccountBarrier": ("limit", "account_id"),
    "RateLimitAssetBarrier": ("limit", "settlement_asset"),
    "RateLimitBrokerBarrier": ("limit",),
    "Reject": ("code", "reason", "details", "policy", "scope", "user_data"),
    "Request": (),
    "Reservation": ("lock", "account_adjustments"),
    "SettlementLag": ("n", "unit"),
    "SettlementScheme": ("delivery", "payment"),
    "SpotFundsLimitModeAccountEntry": ("account_id", "mode"),
    "SpotFundsLimitModeAccountGroupEntry": ("account_group_id", "mode"),
    "SpotFundsOverride": ("slippage_bps",),
    "SpotFundsOverrideEntry": ("target", "override"),
    "SpotFundsOverrideTargetInstrument": ("instrument",),
    "SpotFundsOverrideTargetInstrumentAccount": ("instrument", "account_id"),
    "SpotFundsOverrideTargetInstrumentAccountGroup": ("instrument", "account_group_id"),
    "SpotFundsPnlBoundsAccountBarrier": ("barrier", "account_id"),
    "SpotFundsPnlBoundsAccountGroupBarrier": ("barrier", "account_group_id"),
    "SpotFundsPnlBoundsBarrier": ("currency", "lower_bound", "upper_bound"),
    "SpotFundsPositionLimitEntry": ("account_id", "asset", "limit"),
    "StartResult": ("ok", "request", "rejects"),
    "Trade": ("price", "quantity"),
    "TradeAmount": ("is_quantity", "is_volume", "as_quantity", "as_volume"),
}

#: Classes whose content is their text.
TEXTUAL = frozenset(
    {
        "CashFlow",
        "ConfigureErrorKind",
        "Fee",
        "Notional",
        "Pnl",
        "PnlHaltReason",
        "PositionSize",
        "Price",
        "Quantity",
        "QuoteResolution",
        "SettlementUnit",
        "Volume",
    }
)

#: Attributes that exceptions of the API carry.
EXCEPTION_FIELDS = ("kind", "instrument", "instrument_id", "quote")

OPERATORS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "add": operator.add,
    "bool": bool,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "delattr": delattr,
    "eq": operator.eq,
    "float": float,
    "floordiv": operator.floordiv,
    "format": format,
    "ge": operator.ge,
    "gt": operator.gt,
    "hash_equal": lambda left, right: hash(left) == hash(right),
    "hashable": lambda value: isinstance(hash(value), int),
    "iadd": operator.iadd,
    "imul": operator.imul,
    "int": int,
    "is": operator.is_,
    "isinstance": isinstance,
    "isub": operator.isub,
    "item": operator.getitem,
    "iterate": list,
    "le": operator.le,
    "len": len,
    "lt": operator.lt,
    "mod": operator.mod,
    "mul": operator.mul,
    "ne": operator.ne,
    "neg": operator.neg,
    "pickle": pickle.dumps,
    "pos": operator.pos,
    "pow": operator.pow,
    "repr": repr,
    "round": round,
    "str": str,
    "sub": operator.sub,
    "sum": sum,
    "truediv": operator.truediv,
}


class BoomError(Exception):
    """An exception type that only the scenarios know."""


RAISABLE: dict[str, type[BaseException]] = {
    "BoomError": BoomError,
    "KeyboardInterrupt": KeyboardInterrupt,
    "RuntimeError": RuntimeError,
    "SystemExit": SystemExit,
    "TypeError": TypeError,
    "ValueError": ValueError,
}


class MissingValueError(Exception):
    """A step uses a value that no earlier step produced."""


class Trap:
    """An object that cannot be looked at."""

    def __getattr__(self, name: str) -> None:
        message = f"{name} is a trap"
        raise BoomError(message)


class ScriptedPolicy:
    """A custom policy whose callbacks evaluate expressions.

    The specification has ``name`` and optionally ``group`` (expressions) and ``hooks``: callback
    name to a list of expressions, taken in turn. A callback notes its name and its arguments, then
    evaluates its expression, in which ``ctx``, ``order`` and so on name the arguments.
    """


_POSITIONAL_HOOKS: dict[str, tuple[str, ...]] = {
    "check_pre_trade_start": ("ctx", "order"),
    "check_pre_trade_start_dry_run": ("ctx", "order"),
    "perform_pre_trade_check": ("ctx", "order"),
    "perform_pre_trade_check_dry_run": ("ctx", "order"),
    "apply_execution_report": ("ctx", "report"),
    "apply_account_adjustment": ("ctx", "account_id", "adjustment"),
}


#: What a program may call the attributes of its own order.
_PRIVATE_NAMES = (
    "account", "account_id", "amount", "asset", "average_entry_price", "balance", "bounds", "fee",
    "fill", "instrument", "leverage", "lock", "margin", "operation", "order", "pnl", "position",
    "price", "quantity", "settlement", "side", "size", "underlying", "value", "volume",
)  # fmt: skip


def _hoarding_init(base: type) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **keywords: Any) -> None:  # noqa: N807 - it is one
        base.__init__(self, *args, **keywords)
        for name in _PRIVATE_NAMES:
            setattr(self, f"_{name}", name)

    return __init__


def _refuse_attribute(_self: Any, name: str, _value: Any) -> None:
    raise BoomError(name)


class Interpreter:
    """Runs one scenario: kept values, the trace, and the coverage of the API."""

    def __init__(self, package: types.ModuleType, coverage: set[str]) -> None:
        self.package = package
        self.coverage = coverage
        self.kept: dict[str, Any] = {}
        self.trace: list[Any] = []
        self.done: set[str] = set()
        self.forms: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
            "v": self._kept_value,
            "ref": lambda e, _: self.resolve(e[1]),
            "call": self._call,
            "on": self._method,
            "get": self._attribute,
            "set": self._set_attribute,
            "op": self._operator,
            "list": lambda e, s: [self.evaluate(item, s) for item in e[1:]],
            "tuple": lambda e, s: tuple([self.evaluate(item, s) for item in e[1:]]),
            "iter": lambda e, s: iter([self.evaluate(item, s) for item in e[1:]]),
            "dec": lambda e, _: decimal.Decimal(e[1]),
            "float": lambda e, _: float(e[1]),
            "bytes": lambda e, _: bytes.fromhex(e[1]),
            "td": lambda e, _: dt.timedelta(microseconds=e[1]),
            "obj": lambda e, s: types.SimpleNamespace(**self._arguments(e[1], s)),
            "named": lambda e, s: self._arguments(e[1], s),
            "trap": lambda _e, _s: Trap(),
            "class": self._subclass,
            "fn": self._function,
            "policy": self._policy,
            "seq": self._sequence,
            "raise": self._raise,
            "try": self._try,
            "log": self._log,
            "once": self._once,
            "keep": self._keep,
            "drop": self._drop,
        }

    def run(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The canonical result of each step."""
        return [self.step(step) for step in steps]

    def step(self, step: dict[str, Any]) -> dict[str, Any]:
        self.trace = []
        name = step.get("as")
        answer: dict[str, Any] = {}
        try:
            value = self.evaluate(step["do"], {})
        except MissingValueError as missing:
            answer["skipped"] = str(missing)
        except BaseException as error:  # noqa: BLE001 - whatever is raised is the answer
            answer["raised"] = self.canonical_exception(error)
        else:
            answer["result"] = self.canonical(value)
            if name is not None:
                self.kept[name] = value
            del value
        if name is not None and "result" not in answer:
            self.kept.pop(name, None)
        if self.trace:
            answer["trace"] = self.trace
        return answer

    def finish(self) -> list[Any]:
        """Forget everything kept; what finalisers say on the way."""
        self.trace = []
        for name in list(self.kept):
            del self.kept[name]
        return self.trace

    # Evaluation

    def evaluate(self, expression: Any, scope: dict[str, Any]) -> Any:
        if isinstance(expression, list):
            return self.forms[expression[0]](expression, scope)
        return expression

    def resolve(self, path: str) -> Any:
        found: Any = self.package
        for part in path.split("."):
            if isinstance(found, types.ModuleType):
                try:
                    found = getattr(found, part)
                except AttributeError:
                    found = importlib.import_module(f"{found.__name__}.{part}")
            else:
                self.coverage.add(f"{found.__name__}.{part}")
                found = getattr(found, part)
        return found

    def _arguments(self, arguments: dict[str, Any], scope: dict[str, Any]) -> dict[str, Any]:
        return {name: self.evaluate(value, scope) for name, value in arguments.items()}

    def _kept_value(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        name = expression[1]
        if name in scope:
            return scope[name]
        try:
            return self.kept[name]
        except KeyError:
            raise MissingValueError(name) from None

    def _call(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        target = expression[1]
        if isinstance(target, str):
            function = self.resolve(target)
            self.coverage.add(target)
        else:
            function = self.evaluate(target, scope)
        return self._apply(function, expression[2:], scope)

    def _apply(self, function: Any, arguments: list[Any], scope: dict[str, Any]) -> Any:
        positional = [self.evaluate(item, scope) for item in arguments[0]] if arguments else []
        named = self._arguments(arguments[1], scope) if len(arguments) > 1 else {}
        return function(*positional, **named)

    def _method(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        target = self.evaluate(expression[1], scope)
        self.coverage.add(f"{type(target).__name__}.{expression[2]}")
        return self._apply(getattr(target, expression[2]), expression[3:], scope)

    def _attribute(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        target = self.evaluate(expression[1], scope)
        self.coverage.add(f"{type(target).__name__}.{expression[2]}")
        return getattr(target, expression[2])

    def _set_attribute(self, expression: list[Any], scope: dict[str, Any]) -> None:
        target = self.evaluate(expression[1], scope)
        setattr(target, expression[2], self.evaluate(expression[3], scope))

    def _operator(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        operands = [self.evaluate(item, scope) for item in expression[2:]]
        return OPERATORS[expression[1]](*operands)

    def _subclass(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        base = self.resolve(expression[1])
        body: dict[str, Any] = {"__module__": "scenario"}
        if expression[2].get("bare"):
            body["__init__"] = lambda *_args, **_kwargs: None
        elif expression[2].get("hoarding"):
            body["__init__"] = _hoarding_init(base)
        if expression[2].get("guarded"):
            body["__setattr__"] = _refuse_attribute
        return type("Sub" + base.__name__, (base,), body)

    def _function(self, expression: list[Any], scope: dict[str, Any]) -> Callable[..., Any]:
        tag, body = expression[1], expression[2] if len(expression) > 2 else None
        # The function sees the values of the callback that made it, as a closure does.
        closure = dict(scope)

        def scripted(*_args: Any, **_kwargs: Any) -> Any:
            self.trace.append(["fn", tag])
            return self.evaluate(body, closure)

        return scripted

    def _policy(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        specification = expression[1]
        name = self.evaluate(specification["name"], scope)
        derived = specification.get("derived", True)
        base = self.resolve("pretrade.Policy") if derived else object
        body: dict[str, Any] = {"__module__": "scenario"}
        if specification.get("nameless") is None:
            body["name"] = property(lambda _self: name) if derived else name
        if "group" in specification:
            group = self.evaluate(specification["group"], scope)
            body["policy_group_id"] = property(lambda _self: group) if derived else group
        for hook, behaviours in specification.get("hooks", {}).items():
            body[hook] = self._hook(name, hook, behaviours)
        return type("ScriptedPolicy", (base,), body)()

    def _hook(self, policy: str, hook: str, behaviours: list[Any]) -> Callable[..., Any]:
        parameters = _POSITIONAL_HOOKS[hook]
        calls = 0

        def scripted(_self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            behaviour = behaviours[calls % len(behaviours)] if behaviours else None
            calls += 1
            scope = dict(zip(parameters, args, strict=False)) | kwargs
            seen: dict[str, Any] = {
                name: self._names_of(value) or self.canonical(value)
                for name, value in scope.items()
            }
            self.trace.append(["hook", policy, hook, len(args), sorted(kwargs), seen])
            return self.evaluate(behaviour, scope)

        return scripted

    def _names_of(self, value: Any) -> list[Any]:
        names = [name for name, kept in self.kept.items() if kept is value]
        return ["kept", *names] if names else []

    def _sequence(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        value = None
        for item in expression[1:]:
            value = self.evaluate(item, scope)
        return value

    def _raise(self, expression: list[Any], _scope: dict[str, Any]) -> None:
        raise RAISABLE[expression[1]](expression[2])

    def _try(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        try:
            value = self.evaluate(expression[1], scope)
        except MissingValueError as missing:
            self.trace.append(["skipped", str(missing)])
        except BaseException as error:  # noqa: BLE001 - whatever is raised is the answer
            self.trace.append(["raised", self.canonical_exception(error)])
        else:
            self.trace.append(["gave", self.canonical(value)])
            return value

    def _log(self, expression: list[Any], scope: dict[str, Any]) -> None:
        self.trace.append(["log", self.canonical(self.evaluate(expression[1], scope))])

    def _once(self, expression: list[Any], scope: dict[str, Any]) -> Any:
        if expression[1] in self.done:
            return None
        self.done.add(expression[1])
        return self.evaluate(expression[2], scope)

    def _keep(self, expression: list[Any], scope: dict[str, Any]) -> None:
        self.kept[expression[1]] = self.evaluate(expression[2], scope)

    def _drop(self, expression: list[Any], _scope: dict[str, Any]) -> None:
        self.kept.pop(expression[1], None)

    # Canonical form

    def canonical(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is int:
            return value
        if kind is str:
            return _ADDRESS.sub("0x", value)
        if kind is list:
            return [self.canonical(item) for item in value]
        name = kind.__name__
        if name in TEXTUAL:
            return [name, str(value)]
        fields = FIELDS.get(name)
        if fields is not None:
            return [name, self._fields(value, name, fields)]
        if name == "Lock":
            return [name, self.canonical(value.entries()), len(value)]
        if kind is tuple:
            return ["tuple", *[self.canonical(item) for item in value]]
        if kind is float or kind is decimal.Decimal or kind is dt.timedelta:
            return [name, str(value)]
        if kind is bytes:
            return [name, value.hex()]
        if isinstance(value, enum.Enum):
            return ["enum", str(value.__class__.__qualname__), value.name]
        if isinstance(value, str):
            return [name, str.__str__(value)]
        if isinstance(value, int):
            return [name, int(value)]
        if isinstance(value, type):
            return ["type", value.__module__, value.__qualname__]
        if isinstance(value, types.FunctionType):
            return ["function", value.__name__]
        if isinstance(value, Iterator):
            return ["iterator", [self.canonical(item) for item in value]]
        for base in kind.__mro__[1:-1]:
            if base.__name__ in FIELDS:
                inherited = self._fields(value, base.__name__, FIELDS[base.__name__])
                # A handle's class of the engine is seen as the public one that it derives from.
                own = [] if kind.__module__.startswith("openpit") else [name]
                return [*own, base.__name__, inherited]
        return [name]

    def _fields(self, value: Any, name: str, fields: tuple[str, ...]) -> dict[str, Any]:
        canonical: dict[str, Any] = {}
        for field in fields:
            self.coverage.add(f"{name}.{field}")
            try:
                canonical[field] = self.canonical(getattr(value, field))
            except BaseException as error:  # noqa: BLE001 - whatever is raised is the answer
                canonical[field] = ["raised", self.canonical_exception(error)]
        return canonical

    def canonical_exception(self, error: BaseException) -> dict[str, Any]:
        kind = type(error)
        canonical: dict[str, Any] = {
            "type": f"{kind.__module__}.{kind.__qualname__}",
            "message": _ADDRESS.sub("0x", str(error)),
        }
        if kind.__module__.startswith("openpit"):
            for field in EXCEPTION_FIELDS:
                if hasattr(error, field):
                    self.coverage.add(f"{kind.__name__}.{field}")
                    canonical[field] = self.canonical(getattr(error, field))
        return canonical


def load(path: str) -> types.ModuleType:
    """Import ``openpit`` from the folder given and from nowhere else."""
    sys.path.insert(0, path)
    package = importlib.import_module("openpit")
    found = Path(str(package.__file__)).resolve().parent.parent
    if found != Path(path).resolve():
        message = f"openpit came from {found}, not from {path}"
        raise ImportError(message)
    for module in ("param", "core", "account_adjustment", "marketdata", "pretrade"):
        importlib.import_module(f"openpit.{module}")
    return package


def serve(path: str) -> None:
    """Answer one scenario per line of standard input, until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints must not mix with the answers
    package = load(path)
    coverage: set[str] = set()
    current: list[Interpreter] = []

    def unraisable(event: Any) -> None:
        if current:
            noted = current[0].canonical_exception(event.exc_value)
            current[0].trace.append(["unraisable", noted])

    sys.unraisablehook = unraisable
    for line in sys.stdin:
        question = json.loads(line)
        if question == "coverage":
            answer: Any = sorted(coverage)
        else:
            interpreter = Interpreter(package, coverage)
            current[:] = [interpreter]
            answer = interpreter.run(question)
            answer.append({"trace": interpreter.finish()})
            current.clear()
            del interpreter
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.argv[1])
