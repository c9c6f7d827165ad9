"""What the private slots of the classes that travel may hold: what their constructors would store.

A value is made without its constructor, so that it arrives exactly as it left. Each of these tells
whether a slot's value could have been stored by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.core.lock_shape import MAX_GROUP
from openpit.param.enums import PnlHaltReason
from openpit.param.ids import BLANKS
from openpit.pretrade.codes import PLAIN_CODE, PLAIN_SCOPE
from openpit.wire.decimal_texts import is_fixed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "U32_MAX",
    "U64_MAX",
    "Check",
    "exactly",
    "is_asset",
    "is_code",
    "is_fixed",
    "is_flag",
    "is_leverage",
    "is_lock",
    "is_pnl_state",
    "is_quotes",
    "is_scope",
    "is_text",
    "is_unsigned",
    "of",
    "optional",
    "up_to",
]

Check: TypeAlias = "Callable[[Any], bool]"

U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1
_LEVERAGES: Final = range(10, 30_001)
_PRICES: Final = 3


def is_unsigned(value: object) -> bool:
    """Tell whether a value is a decimal that is not negative."""
    return is_fixed(value) and not value.is_signed()  # type: ignore[attr-defined]  # a Decimal


def is_text(value: object) -> bool:
    """Tell whether a value is plain text."""
    return type(value) is str


def is_asset(value: object) -> bool:
    """Tell whether a value is the plain name of an asset."""
    return type(value) is str and bool(value.strip(BLANKS))


def is_flag(value: object) -> bool:
    """Tell whether a value is True or False, and no number."""
    return value is True or value is False


def is_leverage(value: object) -> bool:
    """Tell whether a value is the tenths of a leverage."""
    return type(value) is int and value in _LEVERAGES


def is_code(value: object) -> bool:
    """Tell whether a value is the plain code of a reject."""
    return type(value) is str and value in PLAIN_CODE


def is_scope(value: object) -> bool:
    """Tell whether a value is the plain scope of a reject."""
    return type(value) is str and value in PLAIN_SCOPE


def is_pnl_state(value: object) -> bool:
    """Tell whether a value is a profit, a loss, or why there is none."""
    return type(value) is PnlHaltReason or is_fixed(value)


def is_quotes(value: object) -> bool:
    """Tell whether a value is mark, bid and ask, each of which may be missing."""
    return (
        type(value) is tuple
        and len(value) == _PRICES
        and all(price is None or is_fixed(price) for price in value)
    )


def is_lock(value: object) -> bool:
    """Tell whether a value is a lock's prices by group, none of which is empty."""
    if type(value) is not dict:
        return False
    return all(
        type(group) is int
        and 0 <= group <= MAX_GROUP
        and type(prices) is list
        and prices
        and all(map(is_fixed, prices))
        for group, prices in value.items()
    )


def up_to(largest: int) -> Check:
    """Return the check of an integer, from 0 to this one."""
    return lambda value: type(value) is int and 0 <= value <= largest


def exactly(*kinds: type) -> Check:
    """Return the check of a value of one of these classes."""
    return lambda value: type(value) in kinds


def of(*kinds: type) -> Check:
    """Return the check of a value of these classes, or of a class that derives from one."""
    return lambda value: issubclass(type(value), kinds)


def optional(check: Check) -> Check:
    """Return the check of what may be missing as well."""
    return lambda value: value is None or check(value)
