"""Make a scenario that shows a difference as small as a reader wants it.

First steps are dropped, in ever smaller runs; then parts of expressions: policies of an engine,
callbacks and their turns, items of lists, optional arguments. A part goes when the two sides still
part at the same place of the same answer.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from comparison import Difference, Scenario

    Ask = Callable[[Scenario], Difference | None]
    Edit = Callable[[Scenario], None]
    Path = tuple[Any, ...]

#: A shrunk scenario is for reading: past this many attempts more is not worth the wait.
ATTEMPTS = 3000


def shrink(found: Difference, ask: Ask) -> Difference:
    """The difference, on the smallest scenario found that shows it."""
    best = _drop_steps(found, ask)
    for _ in range(ATTEMPTS):
        smaller = next(filter(None, (_try(best, edit, ask) for edit in _edits(best))), None)
        if smaller is None:
            return best
        best = smaller
    return best


def _drop_steps(found: Difference, ask: Ask) -> Difference:
    best = found
    size = max(1, len(best.scenario) // 2)
    while True:
        start = 0
        while start < len(best.scenario):
            smaller = ask(best.scenario[:start] + best.scenario[start + size :])
            if smaller is None:
                start += size
            else:
                best = smaller
        if size == 1:
            return best
        size = max(1, size // 2)


def _try(best: Difference, edit: Edit, ask: Ask) -> Difference | None:
    candidate = copy.deepcopy(best.scenario)
    edit(candidate)
    smaller = ask(candidate)
    return smaller if smaller is not None and smaller.place() == best.place() else None


def _edits(difference: Difference) -> Iterator[Edit]:
    for number, step in enumerate(difference.scenario):
        yield from _edits_of(step["do"], (number, "do"))


def _edits_of(expression: Any, path: Path) -> Iterator[Edit]:
    if not isinstance(expression, list) or not expression:
        return
    form = expression[0]
    if form == "on" and expression[2] in {"builtin", "pre_trade", "with_policy_group_id"}:
        yield _replacement(path, expression[1])
    if form == "seq":
        yield _replacement(path, expression[-1])
    if form in {"list", "tuple", "iter", "seq"}:
        yield from (_removal(path, index) for index in range(1, len(expression)))
    if form == "policy":
        yield from _policy_edits(expression[1], (*path, 1))
    for index, part in enumerate(expression):
        if isinstance(part, dict) and form in {"call", "on"}:
            yield from (_removal((*path, index), name) for name in part)
        yield from _within(part, (*path, index))


def _within(part: Any, path: Path) -> Iterator[Edit]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _within(value, (*path, name))
    elif isinstance(part, list):
        if part and isinstance(part[0], str):
            yield from _edits_of(part, path)
        else:
            for index, item in enumerate(part):
                yield from _within(item, (*path, index))


def _policy_edits(specification: dict[str, Any], path: Path) -> Iterator[Edit]:
    if "group" in specification:
        yield _removal(path, "group")
    for hook, turns in specification.get("hooks", {}).items():
        yield _removal((*path, "hooks"), hook)
        if len(turns) > 1:
            for index in range(len(turns)):
                yield _removal((*path, "hooks", hook), index)


def _at(scenario: Scenario, path: Path) -> Any:
    found: Any = scenario
    for key in path:
        found = found[key]
    return found


def _removal(path: Path, key: Any) -> Edit:
    def edit(scenario: Scenario) -> None:
        del _at(scenario, path)[key]

    return edit


def _replacement(path: Path, value: Any) -> Edit:
    def edit(scenario: Scenario) -> None:
        _at(scenario, path[:-1])[path[-1]] = copy.deepcopy(value)

    return edit
