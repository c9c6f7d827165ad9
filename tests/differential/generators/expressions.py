"""Short names for the expression forms of the runner."""

from __future__ import annotations

from typing import Any

Expression = Any
Step = dict[str, Any]
Scenario = list[Step]


def v(name: str) -> Expression:
    return ["v", name]


def ref(path: str) -> Expression:
    return ["ref", path]


def call(target: Expression, /, *arguments: Expression, **named: Expression) -> Expression:
    return _with_arguments(["call", target], arguments, named)


def on(target: Expression, method: str, /, *arguments: Expression, **named: Any) -> Expression:
    return _with_arguments(["on", target, method], arguments, named)


def get(target: Expression, attribute: str) -> Expression:
    return ["get", target, attribute]


def op(name: str, *operands: Expression) -> Expression:
    return ["op", name, *operands]


def many(items: Any, form: str = "list") -> Expression:
    return [form, *items]


def seq(*expressions: Expression) -> Expression:
    return ["seq", *expressions]


def step(do: Expression, keep: str | None = None) -> Step:
    return {"do": do} if keep is None else {"as": keep, "do": do}


def _with_arguments(
    expression: list[Any], arguments: tuple[Expression, ...], named: dict[str, Expression]
) -> Expression:
    if arguments or named:
        expression.append(list(arguments))
    if named:
        expression.append(named)
    return expression
