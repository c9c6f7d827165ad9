"""Which replies a command may have: their kinds, and what of them depends on the command itself.

A reply of a right form may still be none to what was asked. ``DONE`` to "is anything blocked?"
would read as "no", and the place of a refused account may lie behind the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.pretrade.rejects import AccountBlock
from openpit.router.procedures import Question
from openpit.wire import kinds
from openpit.wire.checks import (
    U32_MAX,
    U64_MAX,
    all_of,
    exactly,
    is_asset,
    is_fixed,
    is_flag,
    is_group,
    is_pnl_state,
    is_text,
    optional,
    row_of,
    up_to,
)
from openpit.wire.frames import pack
from openpit.wire.possible_replies import Expected
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.router.shard_link import ShardLink
    from openpit.wire.checks import Check

__all__ = ["EXECUTED", "FINISHED", "expected", "failures_of", "questions_to"]

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
    if kind == kinds.KEYED:
        return _once(expected(command[3]))
    if kind == kinds.ASK_MARKET:
        return _MARKET[decode(command[3])[0]]
    return _BY_KIND[kind]


def questions_to(
    links: Iterable[ShardLink], command: tuple[Any, ...], *, is_change: bool = False
) -> list[Question]:
    """Return one command for several shards."""
    packed, answers = pack(command), expected(command)
    return [Question(link, packed, answers, is_change=is_change) for link in links]


def _once(first: Expected) -> Expected:
    """Return what may answer a call with a key, where the call itself may be answered so."""

    def fits(reply: Reply) -> bool:
        kind = reply[3][0]
        return kind in first.kinds and (kind != first.tested or first.fits(reply[3]))

    return Expected(kinds.ANSWERS[kinds.KEYED], kinds.ONCE, fits)


def _answer(fits: Check, answers: frozenset[int] = kinds.ANSWERS[kinds.ADMINISTER]) -> Expected:
    return Expected(answers, kinds.ANSWER, lambda reply: fits(decode(reply[1])))


def _administered(command: tuple[Any, ...]) -> Expected:
    method = command[2]
    if method in {"can_register", "can_unregister"}:
        _, (_, *accounts), _ = command[3]
        return _answer(row_of(up_to(len(accounts) - 1), is_text))
    return _ADMINISTERED.get(method, FINISHED)


_is_cause: Final = optional(exactly(AccountBlock))

_is_account_row: Final = row_of(
    optional(up_to(U32_MAX)),
    optional(is_asset),
    *[_is_cause] * 3,
    all_of(
        row_of(
            is_text,
            is_group,
            all_of(row_of(is_asset, *[is_fixed] * 3, optional(is_fixed), optional(is_pnl_state))),
            all_of(row_of(optional(is_asset), is_pnl_state)),
        )
    ),
    row_of(*[up_to(U64_MAX)] * 3),
)
"""The columns of an account's state; see openpit.pretrade.account_state."""

_is_group_row: Final = row_of(up_to(U64_MAX), optional(is_text), optional(is_asset))


def _are_groups(value: Any) -> bool:
    return (
        type(value) is dict
        and all(map(up_to(U32_MAX), value))
        and all(map(_is_group_row, value.values()))
    )


def _is_table(value: Any) -> bool:
    """Tell whether a value is of a settings table: texts, numbers, tables, lists of tables."""
    if type(value) is dict:
        return all(type(key) is str and _is_table(item) for key, item in value.items())
    if type(value) is list:
        return all(type(item) is dict and _is_table(item) for item in value)
    return type(value) in {str, int}


_ANSWERED: Final = frozenset({kinds.ANSWER, kinds.RAISED})

_is_count: Final = up_to(U64_MAX)
_is_when: Final = (exactly(int), up_to(U32_MAX))  # the engine's time, a session

_is_recent: Final = row_of(
    exactly(int),
    _is_count,
    all_of(row_of(is_text, is_text, _is_count)),
    all_of(
        row_of(
            *(_is_count, *_is_when, optional(_is_count), *[optional(is_text)] * 2),
            all_of(row_of(*[is_text] * 5)),
        )
    ),
    _is_count,
    all_of(row_of(_is_count, *_is_when, optional(_is_count), is_text, is_text)),
    _is_count,
    all_of(row_of(_is_count, *[is_text] * 4)),
)
"""What a shard has refused and changed last; see openpit.shards.recent."""

_ADMINISTERED: Final = {
    "account_row": _answer(_is_account_row, _ANSWERED),
    "anything_blocked": _answer(is_flag, _ANSWERED),
    "group_of": _answer(up_to(U32_MAX)),
    "groups": _answer(_are_groups),
    "halted": _answer(is_text),
    "recent": _answer(_is_recent, _ANSWERED),
    "settings": _answer(lambda value: type(value) is dict and _is_table(value)),
}
_CONFIGURED: Final = _answer(all_of(row_of(up_to(U64_MAX), exactly(AccountBlock)), list))


_is_quote: Final = row_of(*[optional(is_fixed)] * 3, is_flag)

_MARKET: Final = {
    name: _answer(fits, kinds.ANSWERS[kinds.ASK_MARKET])
    for name, fits in {
        "changes": up_to(U64_MAX),
        "everything": row_of(up_to(U64_MAX), exactly(tuple)),
        "instrument": row_of(optional(up_to(U64_MAX)), exactly(int)),
        "is_registered": is_flag,
        "quote": optional(_is_quote),
        "quote_in_group": _is_quote,
    }.items()
}


def failures_of(items: int) -> Expected:
    """Return what may answer a list of so many handles."""
    return Expected(
        kinds.ANSWERS[kinds.COMMIT_MANY],
        kinds.FAILURES,
        lambda reply: bool(reply[1]) and max(row[0] for row in reply[1]) < items,
    )
