"""Which replies a command may have: their kinds, and what of them depends on the command itself.

A reply of a right form may still be none to what was asked. ``DONE`` to "is anything blocked?"
would read as "no", and the place of a refused account may lie behind the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.pretrade.rejects import AccountBlock
from openpit.router.shard_link import Expected
from openpit.wire import kinds
from openpit.wire.checks import (
    U32_MAX,
    U64_MAX,
    all_of,
    exactly,
    is_flag,
    is_text,
    row_of,
    up_to,
)
from openpit.wire.values import decode

if TYPE_CHECKING:
    from openpit.wire.checks import Check

__all__ = ["EXECUTED", "FINISHED", "expected", "failures_of"]

Reply = tuple[Any, ...]

EXECUTED: Final = Expected(kinds.ANSWERS[kinds.EXECUTE])
FINISHED: Final = Expected(kinds.ANSWERS[kinds.COMMIT])
_BY_KIND: Final = {kind: Expected(answers) for kind, answers in kinds.ANSWERS.items()}


def expected(command: tuple[Any, ...]) -> Expected:
    """Return what may answer a command that is about to be sent."""
    kind = command[0]
    if kind == kinds.ADMINISTER:
        return _administered(command)
    if kind == kinds.CONFIGURE:
        return _CONFIGURED
    if kind == kinds.ADJUST:
        count = len(command[2]) - 1
        return Expected(
            kinds.ANSWERS[kind],
            kinds.ADJUSTED,
            lambda reply: reply[1] is None or reply[1] < count,
        )
    return _BY_KIND[kind]


def _answer(fits: Check, answers: frozenset[int] = kinds.ANSWERS[kinds.ADMINISTER]) -> Expected:
    return Expected(answers, kinds.ANSWER, lambda reply: fits(decode(reply[1])))


def _administered(command: tuple[Any, ...]) -> Expected:
    method = command[2]
    if method in {"can_register", "can_unregister"}:
        _, (_, *accounts), _ = command[3]
        return _answer(row_of(up_to(len(accounts) - 1), is_text))
    return _ADMINISTERED.get(method, FINISHED)


_ADMINISTERED: Final = {
    "anything_blocked": _answer(is_flag, frozenset({kinds.ANSWER, kinds.RAISED})),
    "group_of": _answer(up_to(U32_MAX)),
}
_CONFIGURED: Final = _answer(all_of(row_of(up_to(U64_MAX), exactly(AccountBlock)), list))


def failures_of(items: int) -> Expected:
    """Return what may answer a list of so many handles."""
    return Expected(
        kinds.ANSWERS[kinds.COMMIT_MANY],
        kinds.FAILURES,
        lambda reply: bool(reply[1]) and max(row[0] for row in reply[1]) < items,
    )
