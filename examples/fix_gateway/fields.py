"""A message's fields, each checked when it is asked for; what is wrong with one is a refusal.

simplefix splits a message into its fields and no more: what a value may be is said here.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import simplefix

from fix_gateway.frames import HEADER
from fix_gateway.refusals import BUSINESS_REJECT, SESSION_REJECT, RefusedError

__all__ = ["NO_FIELDS", "Fields", "fields_of", "name_of"]

MOST_TEXT: Final = 64
"""Bytes of an id, an account or a symbol."""

_NAMES: Final = {
    1: "Account", 6: "AvgPx", 11: "ClOrdID", 12: "Commission", 13: "CommType", 14: "CumQty",
    15: "Currency", 17: "ExecID", 31: "LastPx", 32: "LastQty", 34: "MsgSeqNum", 35: "MsgType",
    37: "OrderID", 38: "OrderQty", 39: "OrdStatus", 40: "OrdType", 41: "OrigClOrdID", 44: "Price",
    49: "SenderCompID", 52: "SendingTime", 54: "Side", 55: "Symbol",
    56: "TargetCompID", 60: "TransactTime", 150: "ExecType", 151: "LeavesQty",
}  # fmt: skip

_NUMBER: Final = re.compile(r"-?(\d{1,24}(\.\d{0,18})?|\.\d{1,18})")
_TIME: Final = re.compile(r"\d{8}-\d\d:\d\d:\d\d(\.\d{3,9})?")


def name_of(tag: int) -> str:
    """Return how texts name a tag."""
    return f"{_NAMES[tag]} ({tag})" if tag in _NAMES else f"tag {tag}"


class Fields:
    """The fields of one message, in their order. A tag may come again where it is not asked for."""

    __slots__ = ("_values", "pairs")

    def __init__(self, pairs: list[tuple[int, bytes]]) -> None:
        self.pairs = pairs
        self._values: dict[int, list[bytes]] = {}
        for tag, value in pairs:
            self._values.setdefault(tag, []).append(value)

    def find(self, tag: int) -> str | None:
        """Return a text, None if it is not there."""
        values = self._values.get(tag)
        if values is None:
            return None
        if len(values) > 1:
            raise RefusedError(SESSION_REJECT, 13, f"{name_of(tag)} comes more than once", tag)
        value = values[0]
        if len(value) > MOST_TEXT:
            raise RefusedError(
                SESSION_REJECT, 5, f"{name_of(tag)} has more than {MOST_TEXT} bytes", tag
            )
        if not (value.isascii() and (text := value.decode("ascii")).isprintable() and text.strip()):
            raise RefusedError(SESSION_REJECT, 6, f"{name_of(tag)} is no printable text", tag)
        return text

    def echo(self, tag: int) -> bytes | None:
        """Return a value for an answer as it came; None if there is none to show."""
        values = self._values.get(tag)
        return values[0] if values and len(values[0]) <= MOST_TEXT else None

    def text(self, tag: int) -> str:
        """Return a text that FIX requires."""
        found = self.find(tag)
        if found is None:
            raise RefusedError(SESSION_REJECT, 1, f"{name_of(tag)} is missing", tag)
        return found

    def needed(self, tag: int) -> str:
        """Return a text that FIX leaves open and this gateway requires."""
        found = self.find(tag)
        if found is None:
            raise RefusedError(BUSINESS_REJECT, 5, f"{name_of(tag)} is missing: it is needed here")
        return found

    def one_of(self, tag: int, values: str) -> str:
        """Return a text that FIX requires, one of those characters."""
        text = self.text(tag)
        if len(text) != 1 or text not in values:
            raise RefusedError(SESSION_REJECT, 5, f"{name_of(tag)} has no value {text}", tag)
        return text

    def number(self, tag: int) -> Decimal:
        """Return a number that FIX requires."""
        text = self.text(tag)
        if not _NUMBER.fullmatch(text):
            raise RefusedError(SESSION_REJECT, 6, f"{name_of(tag)} is no number: {text}", tag)
        return Decimal(text)

    def size(self, tag: int) -> Decimal:
        """Return a number that FIX requires and that is not negative."""
        number = self.number(tag)
        if number < 0:
            raise RefusedError(SESSION_REJECT, 5, f"{name_of(tag)} is negative", tag)
        return number

    def check_time(self, tag: int) -> None:
        """Refuse the message unless it has a time there."""
        text = self.text(tag)
        if not _TIME.fullmatch(text):
            raise RefusedError(SESSION_REJECT, 6, f"{name_of(tag)} is no UTC time: {text}", tag)


NO_FIELDS: Final = Fields([])
"""Of a message that cannot be split into fields."""


def fields_of(message: bytes) -> Fields:
    """Return the fields of a whole message; RefusedError if it cannot be split into them."""
    parser = simplefix.FixParser(allow_empty_values=True)
    parser.append_buffer(message)
    try:
        parsed = parser.get_message()
    except simplefix.errors.RawLengthNotNumberError:
        raise RefusedError(SESSION_REJECT, 6, "the length of a data field is no number") from None
    except simplefix.errors.ParsingError:
        raise RefusedError(SESSION_REJECT, 0, "a field's tag is no number") from None
    if parsed is None:
        raise RefusedError(SESSION_REJECT, 99, "the last field is cut off")
    if parser.get_buffer():
        raise RefusedError(SESSION_REJECT, 14, "CheckSum (10) is not the last field", 10)
    pairs = [(int(tag), value) for tag, value in parsed.pairs]
    for tag, value in pairs:
        if tag <= 0:
            raise RefusedError(SESSION_REJECT, 0, f"a field has the tag {tag}")
        if not value:
            raise RefusedError(SESSION_REJECT, 4, f"{name_of(tag)} has no value", tag)
    # A tag may have been written in another way, or a data field may not end where it says.
    if parsed.encode(raw=True) != message:
        raise RefusedError(SESSION_REJECT, 0, "a field is not written as tag=value")
    body = next((place for place, (tag, _) in enumerate(pairs) if tag not in HEADER), len(pairs))
    for tag, _ in pairs[body:]:
        if tag in HEADER:
            raise RefusedError(
                SESSION_REJECT, 14, f"{name_of(tag)} of the header stands behind it", tag
            )
    fields = Fields(pairs)
    fields.check_time(52)
    return fields
