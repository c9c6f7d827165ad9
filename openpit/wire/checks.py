"""What a column of a message, or a private slot of a class that travels, may hold.

A value is made without its constructor, so that it arrives exactly as it left: a slot may hold what
a constructor would have stored in it. A check tells so, or raises WireError, or what Python raises
of what it cannot read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.core.lock_shape import MAX_GROUP
from openpit.param.enums import PnlHaltReason
from openpit.pretrade.codes import PLAIN_CODE, PLAIN_SCOPE
from openpit.wire.axes import BROKER
from openpit.wire.decimal_texts import ASSETS, SIGNED, UNSIGNED, are_amounts, is_fixed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FAILURE",
    "U32_MAX",
    "U64_MAX",
    "Check",
    "all_of",
    "are_axes",
    "are_numbers",
    "are_outcomes",
    "exactly",
    "is_asset",
    "is_block",
    "is_code",
    "is_decimal",
    "is_failure",
    "is_fixed",
    "is_flag",
    "is_group",
    "is_leverage",
    "is_lock",
    "is_number",
    "is_packed",
    "is_pnl",
    "is_pnl_state",
    "is_quotes",
    "is_reject",
    "is_scope",
    "is_text",
    "is_unsigned",
    "is_unsigned_decimal",
    "of",
    "optional",
    "row_of",
    "up_to",
]

Check: TypeAlias = "Callable[[Any], bool]"

U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1
_HALTS: Final = range(1, 6)
_LEVERAGES: Final = range(10, 30_001)
_PRICES: Final = 3
_NUMBERS: Final = {int}


# --- checks of checks ---------------------------------------------------------------------------


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


def all_of(check: Check, kind: type[Any] = tuple) -> Check:
    """Return the check of an array, or of another kind of sequence, of such values."""
    return lambda values: type(values) is kind and all(map(check, values))


def row_of(*checks: Check) -> Check:
    """Return the check of an array of as many columns, each with a check of its own."""

    def check_all(row: Any) -> bool:
        if type(row) is not tuple or len(row) != len(checks):
            return False
        return all(check(value) for check, value in zip(checks, row, strict=True))

    return check_all


# --- one value ----------------------------------------------------------------------------------

is_text: Final = exactly(str)
is_flag: Final = exactly(bool)
is_group: Final = up_to(MAX_GROUP)
is_packed: Final = exactly(type(None), tuple)
"""Of a column that may be a value; what it says is found out, or not, by its reader."""


def is_number(value: object) -> bool:
    """Tell whether a value is a whole number that is not negative."""
    return type(value) is int and value >= 0


def are_numbers(values: Any) -> bool:
    """Tell whether a value is an array of such numbers, one at least; by a quick look at many."""
    return type(values) is tuple and {*map(type, values)} == _NUMBERS and min(values) >= 0


def is_unsigned(value: object) -> bool:
    """Tell whether a value is a decimal that is not negative."""
    return is_fixed(value) and not value.is_signed()  # type: ignore[attr-defined]  # a Decimal


def is_asset(value: object) -> bool:
    """Tell whether a value is the plain name of an asset."""
    return type(value) is str and ASSETS[value] is not None


def is_decimal(value: object) -> bool:
    """Tell whether a value is the text of a decimal; WireError if it is another text."""
    return type(value) is str and SIGNED[value] is not None


def is_unsigned_decimal(value: object) -> bool:
    """Tell whether a value is the text of a decimal without a sign; WireError for another text."""
    return type(value) is str and UNSIGNED[value] is not None


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
        is_group(group) and type(prices) is list and prices and all(map(is_fixed, prices))
        for group, prices in value.items()
    )


def _is_halt(value: object) -> bool:
    return value is None or (type(value) is int and value in _HALTS)


def _is_amount(value: Any) -> bool:
    return value is None or SIGNED[value] is not None


# --- rows of replies ----------------------------------------------------------------------------

is_reject: Final = row_of(is_code, is_text, is_text, is_text, is_scope, is_number)
is_block: Final = row_of(is_text, is_code, is_text, is_text, is_number)
are_outcomes: Final = all_of(row_of(is_group, is_asset, are_amounts, _is_halt))
FAILURE: Final = (is_text, is_text, is_packed, is_text, is_text)
"""The columns of a failure."""
is_failure: Final = row_of(is_number, *FAILURE)
_is_pnl_row: Final = row_of(is_group, is_number, _is_amount, _is_amount, _is_halt)
_are_axis_rows: Final = all_of(row_of(is_number, optional(is_asset), is_number))


def is_pnl(row: Any) -> bool:
    """Tell whether a row is an account's P&L: what was added and what it came to, or neither."""
    return _is_pnl_row(row) and (row[2] is None) is (row[3] is None)


def are_axes(rows: Any) -> bool:
    """Tell whether rows are axes to count on: each once, and none but the broker's of no asset."""
    return (
        _are_axis_rows(rows)
        and all((asset is None) is (number == BROKER) for number, asset, _ in rows)
        and all(
            len(names) == len({*names}) for names in zip(*[row[:2] for row in rows], strict=True)
        )
    )
