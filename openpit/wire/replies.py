"""Replies as they arrive: each is looked at whole before any of its frame is delivered.

The table of :mod:`openpit.wire.kinds` says what a message has; here stands what its lists may hold.
What passes can be read, whenever somebody looks at it, without an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.core.lock_shape import MAX_GROUP
from openpit.errors import WireError
from openpit.pretrade.codes import PLAIN_CODE, PLAIN_SCOPE
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.decimal_texts import ASSETS, SHAPES, SIGNED, TO_SHAPE, are_amounts, malformed
from openpit.wire.flat_rows import is_lock
from openpit.wire.frames import pack
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ONE_ACCEPTED", "ONE_DONE", "check_replies", "is_usual"]

ACCEPTED: Final = kinds.ACCEPTED
DONE: Final = kinds.DONE
ONE_ACCEPTED: Final = pack([(ACCEPTED, 1)])
ONE_DONE: Final = pack([(DONE, 1)])
"""Bodies of the replies that most commands have which come alone."""
REJECTED: Final = kinds.REJECTED
REPORTED: Final = kinds.REPORTED
RESERVED: Final = kinds.RESERVED
_MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_HALTS: Final = range(1, 6)
_REJECT_COLUMNS: Final = 6
_BLOCK_COLUMNS: Final = 5
_FAILURE_COLUMNS: Final = 5
_PAIR: Final = 2


def check_replies(replies: Sequence[tuple[Any, ...]]) -> None:
    """Raise WireError unless the replies of a frame are of the table, down to the last row.

    Runs, ``ACCEPTED`` and ``DONE``, are left to the caller, who has to look at their counts anyway.
    """
    try:
        _check_each(replies)
    except _MALFORMED as error:
        raise WireError(f"a reply was expected: {error!r:.200}") from error


def _check_each(replies: Sequence[tuple[Any, ...]]) -> None:
    for reply in replies:
        kind = reply[0]
        if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - twice as fast as a tuple
            continue
        if not is_usual(reply):
            _check(reply)


def is_usual(reply: tuple[Any, ...]) -> bool:
    """Tell whether a reply is of the table and of those that orders and reports mostly have.

    Spelt out: the hot path of all that changes anything. What is unusual of it, as a price that
    nobody has seen, is judged by the table. May raise what ``check_replies`` makes a WireError of.
    """
    kind = reply[0]
    if type(kind) is not int:
        return False
    if kind == RESERVED:
        _, held, lock, rows = reply
        if held is not True and held is not False:
            return False
        if lock == () == rows:
            return True
        return (
            type(lock) is tuple
            and (not lock or _is_usual_lock(*lock))
            and type(rows) is tuple
            and _are_usual_outcomes(rows)
        )
    if kind == REPORTED:
        _, blocks, pnls, rows = reply
        return blocks == () == pnls and type(rows) is tuple and _are_usual_outcomes(rows)
    if kind == REJECTED:
        _, rows = reply
        if type(rows) is not tuple:
            return False
        for row in rows:
            if type(row) is not tuple:
                return False
            code, reason, details, policy, scope, user_data = row
            if not (
                # no key of these tables equals anything but a text
                code in PLAIN_CODE
                and type(reason) is type(details) is type(policy) is str
                and scope in PLAIN_SCOPE
                and type(user_data) is int
                and user_data >= 0
            ):
                return False
        return True
    return False


def _is_usual_lock(row: Any, *others: object) -> bool:
    if others or len(row) != _PAIR:
        return False
    group, price = row  # of a row that is no tuple, none is a price
    return price in SIGNED and type(group) is int and 0 <= group <= MAX_GROUP


def _are_usual_outcomes(rows: tuple[Any, ...]) -> bool:
    for group, asset, amounts, halt in rows:  # of a row that is no tuple, none is an asset
        if not (
            halt is None
            and asset in ASSETS
            and type(group) is int
            and 0 <= group <= MAX_GROUP
            and amounts.encode().translate(TO_SHAPE) in SHAPES
        ):
            return False
    return True


def _check(reply: tuple[Any, ...]) -> None:
    checks = _CHECKS.get(reply[0]) if type(reply[0]) is int else None
    if checks is None or len(reply) != len(checks) + 1:
        raise malformed("a reply", reply)
    for check, value in zip(checks, reply[1:], strict=True):
        if not check(value):
            raise malformed("a reply", reply)


def _is_number(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_flag(value: object) -> bool:
    return value is True or value is False


def _is_time(value: object) -> bool:
    return type(value) is int


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_asset(value: Any) -> bool:
    return value is not None and bool(ASSETS[value])


def _is_group(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_GROUP


def _is_halt(value: object) -> bool:
    return value is None or (type(value) is int and value in _HALTS)


def _is_reject(row: object) -> bool:
    if type(row) is not tuple or len(row) != _REJECT_COLUMNS:
        return False
    code, reason, details, policy, scope, user_data = row
    return (
        type(code) is str
        and code in PLAIN_CODE
        and type(reason) is type(details) is type(policy) is str
        and type(scope) is str
        and scope in PLAIN_SCOPE
        and _is_number(user_data)
    )


def _is_block(row: object) -> bool:
    if type(row) is not tuple or len(row) != _BLOCK_COLUMNS:
        return False
    policy, code, reason, details, user_data = row
    return (
        type(code) is str
        and code in PLAIN_CODE
        and type(reason) is type(details) is type(policy) is str
        and _is_number(user_data)
    )


def _are_outcomes(rows: object) -> bool:
    if type(rows) is not tuple:
        return False
    for row in rows:
        if type(row) is not tuple or len(row) != 4:  # noqa: PLR2004 - as outcome_row() makes it
            return False
        group, asset, amounts, halt = row
        if not (
            type(group) is int
            and 0 <= group <= MAX_GROUP
            and (asset in ASSETS or _is_asset(asset))
            and are_amounts(amounts)
            and (halt is None or _is_halt(halt))
        ):
            return False
    return True


def _is_pnl(row: object) -> bool:
    if type(row) is not tuple or len(row) != 5:  # noqa: PLR2004 - as pnl_row() makes it
        return False
    group, account, delta, absolute, halt = row
    SIGNED[delta]
    SIGNED[absolute]
    return (
        _is_group(group)
        and _is_number(account)
        and (delta is None) is (absolute is None)
        and _is_halt(halt)
    )


def _is_axis(row: object) -> bool:
    if type(row) is not tuple or len(row) != 3:  # noqa: PLR2004 - number, asset, window
        return False
    number, asset, window = row
    return (
        _is_number(number)
        and (asset is None if number == BROKER else type(asset) is str and _is_asset(asset))
        and _is_number(window)
    )


def _are_axes(rows: object) -> bool:
    return _all(_is_axis)(rows) and all(
        len(names) == len({*names})
        for names in zip(*[row[:2] for row in rows], strict=True)  # type: ignore[attr-defined]
    )


def _all(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda rows: type(rows) is tuple and all(map(check, rows))


def _optional(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


def _is_value(value: object) -> bool:
    decode(value)  # raises
    return True


def _is_packed(value: object) -> bool:
    """Tell whether a column may be a value; what it says is found out, or not, by its reader."""
    return value is None or type(value) is tuple


def _is_failure(row: object) -> bool:
    if type(row) is not tuple or len(row) != _FAILURE_COLUMNS + 1:
        return False
    place, *columns = row
    return _is_number(place) and all(
        check(value) for check, value in zip(_FAILURE, columns, strict=True)
    )


_FAILURE: Final = (_is_text, _is_text, _is_packed, _is_text, _is_text)
_are_rejects: Final = _all(_is_reject)
_are_blocks: Final = _all(_is_block)
_is_optional_block: Final = _optional(_is_block)
_COUNTING: Final = (_is_number, _is_time, _is_flag, _is_flag, _are_axes)

_CHECKS: Final[dict[int, tuple[Callable[[object], bool], ...]]] = {
    kinds.RESERVED: (_is_flag, is_lock, _are_outcomes),
    kinds.REJECTED: (_are_rejects,),
    kinds.STARTED: (),
    kinds.DRY: (_optional(_are_rejects), is_lock, _are_outcomes, _is_optional_block),
    kinds.RECORDED: (
        _is_flag,
        is_lock,
        _are_outcomes,
        _is_optional_block,
        _is_flag,
    ),
    kinds.REPORTED: (_are_blocks, _all(_is_pnl), _are_outcomes),
    kinds.ADJUSTED: (
        _optional(_is_number),
        _are_rejects,
        _are_outcomes,
        _are_blocks,
    ),
    kinds.ANSWER: (_is_value,),
    kinds.RAISED: _FAILURE,
    kinds.FAILURES: (_all(_is_failure),),
    kinds.READY: (_all(_is_number), *_COUNTING),
    kinds.CHECKED: _COUNTING,
    kinds.REFUSED: (_is_text,),
}
