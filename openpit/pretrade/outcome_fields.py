"""Reading what programs put into an outcome, field by field."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

from openpit.param.ids import AccountId
from openpit.param.values import Pnl, PositionSize, Price

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["account_number", "group_id", "position_size", "price", "profit"]

MAX_GROUP_ID = 65535
"""Policy group ids are unsigned 16-bit integers."""


def position_size(value: object) -> Decimal:
    """Read anything that PositionSize accepts."""
    if type(value) is PositionSize:
        return value._value
    return PositionSize(value)._value  # type: ignore[arg-type]  # the constructor tells


def profit(value: object) -> Decimal:
    """Read anything that Pnl accepts."""
    if type(value) is Pnl:
        return value._value
    return Pnl(value)._value  # type: ignore[arg-type]  # the constructor tells


def price(value: object) -> Decimal:
    """Read anything that Price accepts."""
    if type(value) is Price:
        return value._value
    return Price(value)._value  # type: ignore[arg-type]  # the constructor tells


def group_id(value: object) -> int:
    """Read a policy group id; ValueError unless it is an integer from 0 to 65535."""
    try:
        number = index(value)  # type: ignore[arg-type]  # index() itself tells integers apart
    except TypeError:
        number = -1
    if 0 <= number <= MAX_GROUP_ID:
        return number
    raise ValueError("policy_group_id must be an integer in range 0..=65535")


def account_number(value: object) -> int:
    """Read an AccountId; TypeError for anything else."""
    if type(value) is not AccountId:
        raise TypeError("account_id must be openpit.param.AccountId")
    return value._value
