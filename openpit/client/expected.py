"""Which replies a command may have: their kinds, and what of them depends on the command itself.

A reply of a right form may still be none to what was asked. ``DONE`` to "is anything blocked?"
would read as "no", and the place of a refused account may lie behind the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.pretrade.rejects import AccountBlock
from openpit.router.shard_link import Expected
from openpit.wire import kinds
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EXECUTED", "FINISHED", "expected", "failures_of"]

Reply = tuple[Any, ...]

_U32_MAX: Final = 2**32 - 1
_U64_MAX: Final = 2**64 - 1


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


def _answer(
    fits: Callable[[Any], bool], answers: frozenset[int] = kinds.ANSWERS[kinds.ADMINISTER]
) -> Expected:
    return Expected(answers, kinds.ANSWER, lambda reply: fits(decode(reply[1])))


def _administered(command: tuple[Any, ...]) -> Expected:
    method = command[2]
    if method in {"can_register", "can_unregister"}:
        _, (_, *accounts), _ = command[3]
        return _answer(lambda value: _is_refusal(value, len(accounts)))
    return _ADMINISTERED.get(method, FINISHED)


def _is_refusal(value: Any, accounts: int) -> bool:
    if type(value) is not tuple or len(value) != 2:  # noqa: PLR2004 - place and text
        return False
    place, text = value
    return type(place) is int and 0 <= place < accounts and type(text) is str


def _is_group(value: object) -> bool:
    return type(value) is int and 0 <= value <= _U32_MAX


def _are_blocks(value: object) -> bool:
    return type(value) is list and all(map(_is_block, value))


def _is_block(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 2:  # noqa: PLR2004 - account and block
        return False
    account, block = value
    return type(account) is int and 0 <= account <= _U64_MAX and type(block) is AccountBlock


_ADMINISTERED: Final = {
    "anything_blocked": _answer(
        lambda value: value is True or value is False, frozenset({kinds.ANSWER, kinds.RAISED})
    ),
    "group_of": _answer(_is_group),
}
_CONFIGURED: Final = _answer(_are_blocks)


def failures_of(items: int) -> Expected:
    """Return what may answer a list of so many handles."""
    return Expected(
        kinds.ANSWERS[kinds.COMMIT_MANY],
        kinds.FAILURES,
        lambda reply: bool(reply[1]) and max(row[0] for row in reply[1]) < items,
    )
