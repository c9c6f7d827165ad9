"""The messages that the gateway sends: made of what it has received, numbered by its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import simplefix

from fix_gateway.fields import NO_FIELDS
from fix_gateway.frames import HEADER
from fix_gateway.refusals import (
    BUSINESS_REJECT,
    CANCEL_REJECT,
    DONT_KNOW,
    ORDER_REJECT,
    SESSION_REJECT,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fix_gateway.fields import Fields
    from fix_gateway.frames import Header
    from fix_gateway.orders import ClientOrder
    from fix_gateway.refusals import RefusedError

__all__ = ["GATEWAY", "passed_on", "pending_cancel", "pending_new", "refusal"]

GATEWAY: Final = b"GATEWAY"
"""The gateway's own CompID, to its clients and to the venue."""

MOST_WORDS: Final = 400
"""Characters of a Text (58)."""

_CHECK_SUM: Final = 10

Pair = tuple[int, "str | bytes | int | None"]


def _message(kind: bytes, target: bytes, pairs: Iterable[Pair]) -> bytes:
    """Return a message; fields that are None are left out."""
    message = simplefix.FixMessage()
    message.append_pair(8, b"FIX.4.4")
    message.append_pair(35, kind)
    message.append_pair(49, GATEWAY)
    message.append_pair(56, target)
    for tag, value in pairs:
        message.append_pair(tag, value)
    encoded: bytes = message.encode()
    return encoded


def _words(text: str) -> str:
    """Return a text as FIX carries one: printable ASCII, and not without end."""
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    plain = "".join(each if each.isprintable() else " " for each in plain)
    return plain if len(plain) <= MOST_WORDS else f"{plain[: MOST_WORDS - 3]}..."


def _execution_id(header: Header) -> bytes:
    """Return the ExecID of the gateway's own report on a message: one for each message."""
    return b"%b-%b" % (header.sender, header.number)


# --- answers to what was taken --------------------------------------------------------------------


def pending_new(header: Header, order: ClientOrder, fields: Fields) -> bytes:
    """Tell the client that its order has passed and is on its way to the venue."""
    return _message(
        b"8",
        order.sender,
        [
            (37, order.id),
            (11, order.client_id),
            (17, _execution_id(header)),
            (150, "A"),
            (39, "A"),
            *_echoed(fields, 1, 55, 54, 38, 40, 44, 15),
            (151, fields.echo(38)),
            (14, "0"),
            (6, "0"),
        ],
    )


def pending_cancel(header: Header, order: ClientOrder, fields: Fields) -> bytes:
    """Tell the client that its cancel request is on its way to the venue."""
    return _message(
        b"8",
        order.sender,
        [
            (37, order.id),
            *_echoed(fields, 11, 41),
            (17, _execution_id(header)),
            (150, "6"),
            (39, "6"),
            *_echoed(fields, 1, 55, 54),
            (38, f"{order.quantity:f}"),
            (151, f"{order.left:f}"),
            (14, f"{order.filled:f}"),
            (6, order.average_price),
        ],
    )


def passed_on(
    header: Header,
    target: bytes,
    fields: Fields,
    changed: Mapping[int, str | bytes] | None = None,
    on_behalf_of: bytes | None = None,
) -> bytes:
    """Return a message for somebody else: the same body, but for what is ``changed``."""
    changed = changed or {}
    body: list[Pair] = [
        (tag, changed.get(tag, value))
        for tag, value in fields.pairs
        if tag not in HEADER and tag != _CHECK_SUM
    ]
    there = {tag for tag, _ in body}
    body += [(tag, value) for tag, value in changed.items() if tag not in there]
    return _message(header.kind, target, [(115, on_behalf_of), *body])


def _echoed(fields: Fields, *tags: int) -> list[Pair]:
    return [(tag, fields.echo(tag)) for tag in tags]


# --- refusals -------------------------------------------------------------------------------------


def refusal(header: Header, refused: RefusedError, fields: Fields = NO_FIELDS) -> bytes:
    """Return what refuses a message, to its sender."""
    pairs = _PAIRS[refused.kind](header, refused, fields)
    return _message(refused.kind, header.sender, [*pairs, (58, _words(refused.text))])


def _session_reject(header: Header, refused: RefusedError, _fields: Fields) -> list[Pair]:
    return [(45, header.number), (371, refused.tag), (372, header.kind), (373, refused.reason)]


def _business_reject(header: Header, refused: RefusedError, _fields: Fields) -> list[Pair]:
    return [(45, header.number), (372, header.kind), (380, refused.reason)]


def _order_reject(header: Header, refused: RefusedError, fields: Fields) -> list[Pair]:
    return [
        (37, "NONE"),
        *_echoed(fields, 11),
        (17, _execution_id(header)),
        (150, "8"),
        (39, "8"),
        (103, refused.reason),
        *_echoed(fields, 1, 55, 54, 38, 40, 44, 15),
        (151, "0"),
        (14, "0"),
        (6, "0"),
    ]


def _cancel_reject(_header: Header, refused: RefusedError, fields: Fields) -> list[Pair]:
    order = refused.order
    return [
        (37, "NONE" if order is None else order.id),
        *_echoed(fields, 11, 41),
        (39, "8" if order is None else order.status),
        (434, "1"),
        (102, refused.reason),
        *_echoed(fields, 1),
    ]


def _dont_know(_header: Header, refused: RefusedError, fields: Fields) -> list[Pair]:
    return [
        *_echoed(fields, 37, 17),
        (127, refused.reason),
        *_echoed(fields, 1, 55, 54, 38, 32, 31),
    ]


_PAIRS: Final[dict[bytes, Callable[[Header, RefusedError, Fields], list[Pair]]]] = {
    SESSION_REJECT: _session_reject,
    BUSINESS_REJECT: _business_reject,
    ORDER_REJECT: _order_reject,
    CANCEL_REJECT: _cancel_reject,
    DONT_KNOW: _dont_know,
}
