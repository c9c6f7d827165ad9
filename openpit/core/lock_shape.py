"""What the three formats of a lock share: how prices are read, and what the errors say."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from openpit.core.debug_text import quoted
from openpit.param.decimals import parse_int, parse_rounded_text, shortest_text
from openpit.param.errors import ParamError

__all__ = [
    "GROUP_EXPECTED",
    "LOCK_EXPECTED",
    "MAX_GROUP",
    "NO_GROUP",
    "PRICES_EXPECTED",
    "PRICE_EXPECTED",
    "SECTION_EXPECTED",
    "TAGGED_DEFAULT_GROUP",
    "Groups",
    "UnreadableLock",
    "read_price",
    "wrong_group",
]

Groups: TypeAlias = dict[int, list[Decimal]]

MAX_GROUP = 65535  # group ids have 16 bits

LOCK_EXPECTED = (
    "a sequence whose first element is the default-group price list and whose remaining elements "
    "are [group_id, prices...] sections"
)
PRICES_EXPECTED = "a list of prices for the default group"
SECTION_EXPECTED = "a non-default group section [group_id, prices...]"
GROUP_EXPECTED = "u16"
PRICE_EXPECTED = "a Decimal type representing a fixed-point number"
NO_GROUP = "invalid length 0, expected non-default group section must start with a group_id"
TAGGED_DEFAULT_GROUP = "default group must be encoded as the first sublist, not as a tagged section"


class UnreadableLock(Exception):  # noqa: N818 - it says what was found, as the public errors do
    """Bytes that are not a lock; the text says why, without naming the format."""


def wrong_group(group: int) -> str | None:
    """Return why ``group`` cannot be the id of a section, None when it can."""
    if not 0 <= group <= MAX_GROUP:
        return f"invalid value: integer `{group}`, expected {GROUP_EXPECTED}"
    return None if group else TAGGED_DEFAULT_GROUP


def read_price(value: str | int | float, shown_float: str = "") -> Decimal:
    """Read a price from a text or a number; texts of any precision are rounded to what fits.

    ``shown_float`` is how the format prints this float where it is refused.
    """
    try:
        if isinstance(value, int):
            return parse_int(value, "Price")
        return parse_rounded_text(
            value if isinstance(value, str) else shortest_text(value), "Price"
        )
    except ParamError:
        if isinstance(value, str):
            found = f"string {quoted(value)}"
        else:
            found = f"floating point `{shown_float}`"
        raise UnreadableLock(f"invalid value: {found}, expected {PRICE_EXPECTED}") from None
