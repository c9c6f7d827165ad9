"""Replies as they arrive: each is looked at whole before any of its frame is delivered.

The table of :mod:`openpit.wire.kinds` says what a reply has; of those that there are many of, the
usual ones are known here at a glance. What passes can be read, whenever somebody looks at it,
without an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.core.lock_shape import MAX_GROUP
from openpit.errors import WireError
from openpit.pretrade.codes import PLAIN_CODE, PLAIN_SCOPE
from openpit.wire import kinds
from openpit.wire.decimal_texts import ASSETS, SHAPES, SIGNED, TO_SHAPE, malformed
from openpit.wire.frames import pack
from openpit.wire.funded import are_usual_funded, is_usual_funded

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ONE_ACCEPTED", "ONE_DONE", "check_replies", "is_usual"]

ACCEPTED: Final = kinds.ACCEPTED
DONE: Final = kinds.DONE
FUNDED: Final = kinds.FUNDED
ONE_ACCEPTED: Final = pack([(ACCEPTED, 1)])
ONE_DONE: Final = pack([(DONE, 1)])
"""Bodies of the replies that most commands have which come alone."""
ANSWERED: Final = kinds.ANSWERED
REJECTED: Final = kinds.REJECTED
REPORTED: Final = kinds.REPORTED
RESERVED: Final = kinds.RESERVED
_MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

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
    funded = [reply for reply in replies if reply[0] == FUNDED]
    are_funded = bool(funded) and are_usual_funded(funded)
    if are_funded and len(funded) == len(replies):
        return
    for reply in replies:
        kind = reply[0]
        if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - twice as fast as a tuple
            continue
        if kind == FUNDED and are_funded:
            continue
        if not (is_usual(reply) or kinds.conforms(reply, kinds.REPLIES)):
            raise malformed("a reply", reply)


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
    if kind == FUNDED:
        return is_usual_funded(reply)
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
    if kind == ANSWERED:
        _, message = reply
        return type(message) is bytes
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
