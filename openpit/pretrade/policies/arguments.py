"""Reading the settings of built-in policies: classes, assets, accounts, amounts.

Two kinds of errors leave here: wrong classes and empty assets as plain
TypeError and ValueError; settings that a policy cannot work with as :class:`SettingsError`, which
the configurator reports as a validation failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Final, TypeVar

from openpit.param.classes import is_of
from openpit.param.ids import AccountId
from openpit.param.refusals import not_an_instance

__all__ = [
    "MODULE",
    "U64_MAX",
    "SettingsError",
    "account_number",
    "barriers",
    "expect",
    "flag",
    "group_id_value",
    "listed",
]

MODULE: Final = "openpit.pretrade.policies"
U64_MAX: Final = 2**64 - 1
_U16_MAX: Final = 2**16 - 1

_Barrier = TypeVar("_Barrier")


class SettingsError(ValueError):
    """Settings that a policy cannot work with; nothing of them was applied."""


def group_id_value(group_id: int) -> int:
    """Return a policy group id; OverflowError outside 0..65535, TypeError for no integer."""
    number = index(group_id)
    if not 0 <= number <= _U16_MAX:
        raise OverflowError("out of range integral type conversion attempted")
    return number


def account_number(account: object) -> int:
    """Return the number of an AccountId; TypeError for anything else."""
    if not is_of(account, AccountId):
        raise TypeError("account_id must be openpit.param.AccountId")
    return account.value


def expect(value: object, kind: type[_Barrier]) -> _Barrier:
    """Return the value if it is of that class; TypeError naming the class otherwise."""
    if not isinstance(value, kind):
        raise TypeError(f"expected {MODULE}.{kind.__name__}")
    return value


def flag(value: object) -> bool:
    """Return a bool; TypeError for anything else."""
    if not isinstance(value, bool):
        raise not_an_instance(value, "bool")
    return value


def listed(value: object) -> Sequence[object] | None:
    """Return a sequence, None for "keep"; TypeError otherwise. Its items are not looked at."""
    if value is None:
        return None
    if isinstance(value, str):
        raise TypeError("Can't extract `str` to `Vec`")
    if not isinstance(value, Sequence):
        raise not_an_instance(value, "Sequence")
    return value


def barriers(value: object, kind: type[_Barrier]) -> Sequence[_Barrier] | None:
    """Return a sequence of barriers of one class, None for "keep"; TypeError otherwise."""
    items = listed(value)
    return None if items is None else [expect(item, kind) for item in items]
