"""Checks of what callers hand to a market-data service: the class of each argument, by name.

Each returns plain values; another class is a TypeError, a group number out of range a ValueError.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from openpit.core.instrument import Instrument
from openpit.marketdata.quotes import Quote, QuoteTtl, nanoseconds, nanoseconds_of, values_of
from openpit.marketdata.store import DEFAULT_GROUP
from openpit.param.classes import is_of
from openpit.param.enums import QuoteResolution
from openpit.param.ids import AccountGroupId, AccountId, InstrumentId
from openpit.param.refusals import not_an_instance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.marketdata.quotes import QuoteValues

__all__ = [
    "AccountInfo",
    "account_number",
    "age",
    "assets",
    "group_number",
    "group_of_reader",
    "instrument_number",
    "quote_values",
    "reader",
    "targets",
    "time_to_live",
]

_MAX_GROUP = 2**32 - 1
_NO_AGE = timedelta(0)


class AccountInfo(Protocol):
    """What a reader tells of its account: an engine's contexts have it, or an object of its own."""

    @property
    def account_group(self) -> AccountGroupId | None:
        """The account's group, None for the default group."""


def group_of_reader(account_info: AccountInfo) -> int | None:
    """Return the group of a reader, None for the default group; its own exceptions pass."""
    group: object = account_info.account_group
    if group is None:
        return None
    if type(group) is not AccountGroupId:
        wrong = not_an_instance(group, "AccountGroupId")
        raise TypeError(f"account_info.account_group must be AccountGroupId or None, got: {wrong}")
    return group.value


def assets(instrument: object) -> tuple[str, str]:
    """Return the assets of an instrument."""
    if is_of(instrument, Instrument):
        try:
            return instrument._underlying_, instrument._settlement_
        except AttributeError:
            pass  # a subclass that did not call its constructor is no instrument
    raise TypeError("instrument must be openpit.core.Instrument")


def instrument_number(value: object) -> int:
    """Return the number of an InstrumentId."""
    if type(value) is not InstrumentId:
        raise not_an_instance(value, "InstrumentId")
    return value.value


def account_number(value: object) -> int:
    """Return the number of an AccountId."""
    if type(value) is not AccountId:
        raise TypeError("account_id must be openpit.param.AccountId")
    return value.value


def group_number(value: object) -> int:
    """Return the number of an AccountGroupId or of an integer from 1 to 2**32 - 1."""
    if type(value) is AccountGroupId:
        return value.value
    if isinstance(value, int) and 0 <= value <= _MAX_GROUP:
        if value == DEFAULT_GROUP:
            raise ValueError("account group id must not equal the reserved default group")
        return int(value)
    raise ValueError(
        "account_group_id must be an AccountGroupId or integer in range 1..=4294967295"
    )


def time_to_live(value: object) -> int:
    """Return the nanoseconds of a QuoteTtl, INFINITE for quotes that do not expire."""
    if type(value) is not QuoteTtl:
        raise not_an_instance(value, "QuoteTtl")
    return nanoseconds_of(value)


def quote_values(value: object) -> QuoteValues:
    """Return the prices of a Quote."""
    if type(value) is not Quote:
        raise not_an_instance(value, "Quote")
    return values_of(value)


def age(value: object) -> int:
    """Return the nanoseconds of a timedelta, none of a negative one."""
    if not isinstance(value, timedelta):
        raise TypeError("source_age must be datetime.timedelta")
    return nanoseconds(value) if value > _NO_AGE else 0


def targets(
    account_ids: Iterable[AccountId], account_group_ids: Iterable[AccountGroupId]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of accounts and groups; ValueError when there are none."""
    accounts = tuple([account_number(account) for account in account_ids])
    groups = tuple([group_number(group) for group in account_group_ids])
    if not accounts and not groups:
        raise ValueError("push_for requires at least one account or group target")
    return accounts, groups


def reader(
    instrument_id: object, account_id: object, resolution: object
) -> tuple[int, int, QuoteResolution]:
    """Return the numbers of an instrument and an account, and which buckets may be read."""
    number = instrument_number(instrument_id)
    if type(resolution) is not QuoteResolution:
        raise not_an_instance(resolution, "QuoteResolution")
    return number, account_number(account_id), resolution
