"""Who and what an order is about: accounts, account groups, assets, instrument ids.

Identifiers are opaque: they compare equal by value within their class and do not order.
"""

from __future__ import annotations

import operator
from typing import Any, ClassVar, Never, Self, final

from openpit.param.errors import AccountIdError, AssetError
from openpit.param.refusals import not_an_instance, refuse_final_bases
from openpit.param.words import BLANKS

__all__ = [
    "BLANKS",
    "DEFAULT_ACCOUNT_GROUP",
    "AccountGroupId",
    "AccountId",
    "Asset",
    "InstrumentId",
    "new_account_group_id",
    "new_account_id",
    "new_asset",
    "new_instrument_id",
]

_U32_MAX = 2**32 - 1
_U64_MAX = 2**64 - 1

_new = object.__new__


def _fnv1a(text: str, offset: int, prime: int, mask: int) -> int:
    """Return the FNV-1a hash of the text's UTF-8 bytes."""
    state = offset
    for byte in text.encode():
        state = (state ^ byte) * prime & mask
    return state


@final
class AccountId:
    """An account, as a number of 64 bits; made by :meth:`from_int` or :meth:`from_string`."""

    __slots__ = ("_value",)
    __module__ = "openpit.param"

    _value: int

    def __init__(self, *_args: Never, **_keywords: Never) -> None:
        """Refuse.

        Raises:
            TypeError: always: see the other ways in.
        """
        raise TypeError("cannot create 'openpit.param.AccountId' instances")

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)

    @classmethod
    def _of(cls, value: int) -> Self:
        self = _new(cls)
        self._value = value
        return self

    @staticmethod
    def from_int(value: int) -> AccountId:
        """Return the account of this number.

        Raises:
            OverflowError: ``value`` is no integer from 0 to 2**64-1.
        """
        if type(value) is int:  # no other number may be looked up
            self = _known_account(value)
            if self is not None:
                return self
            if 0 <= value <= _U64_MAX:
                self = _new(AccountId)
                self._value = value
                if len(_accounts) < _MOST_ACCOUNTS:
                    _accounts[value] = self
                return self
        try:
            number = operator.index(value)
        except TypeError:
            number = -1
        if not 0 <= number <= _U64_MAX:
            raise OverflowError(
                "account id must be a non-negative integer in range 0..=18446744073709551615"
            )
        return AccountId._of(number)

    @staticmethod
    def from_string(value: str) -> AccountId:
        """Return the account of this text: its 64-bit FNV-1a hash, blanks and case included.

        Raises:
            AccountIdError: the text is empty or blank.
            TypeError: ``value`` is no text.
        """
        if not isinstance(value, str):
            raise not_an_instance(value, "str")
        number = _fnv1a(value, 14695981039346656037, 1099511628211, _U64_MAX)
        if not value.strip(BLANKS):
            raise AccountIdError("account id string must not be empty")
        return AccountId._of(number)

    @property
    def value(self) -> int:
        """The account's number."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AccountId):
            return self._value == other._value
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"AccountId(value={self._value})"

    def __reduce__(self) -> tuple[Any, ...]:
        return AccountId._of, (self._value,)


# Programs make an id anew for every order: one that is known is found in half the time it takes
# to make it. Accounts do not change as prices do, so the first ones stay.
_MOST_ACCOUNTS = 4096
_accounts: dict[int, AccountId] = {}
_known_account = _accounts.get


@final
class AccountGroupId:
    """A group of accounts, as a number of 32 bits; zero is the group of all ungrouped accounts."""

    __slots__ = ("_value",)
    __module__ = "openpit.param"

    _value: int

    DEFAULT: ClassVar[AccountGroupId]

    def __init__(self, *_args: Never, **_keywords: Never) -> None:
        """Refuse.

        Raises:
            TypeError: always: see the other ways in.
        """
        raise TypeError("cannot create 'openpit.param.AccountGroupId' instances")

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)

    @classmethod
    def _of(cls, value: int) -> Self:
        self = _new(cls)
        self._value = value
        return self

    @staticmethod
    def from_int(value: int) -> AccountGroupId:
        """Return the group of this number.

        Raises:
            ValueError: ``value`` is 0, the default group.
            OverflowError: it is no integer from 1 to 2**32-1.
        """
        try:
            number = operator.index(value)
        except TypeError:
            number = -1
        if not 0 <= number <= _U32_MAX:
            raise OverflowError("account_group_id must be an integer in range 1..=4294967295")
        if number == 0:
            raise ValueError("account group id must not equal the reserved default group")
        return AccountGroupId._of(number)

    @staticmethod
    def from_string(value: str) -> AccountGroupId:
        """Return the group of this text: its 32-bit FNV-1a hash, with 1 in place of 0.

        Raises:
            ValueError: the text is empty or blank.
            TypeError: ``value`` is no text.
        """
        if not isinstance(value, str):
            raise not_an_instance(value, "str")
        number = _fnv1a(value, 2166136261, 16777619, _U32_MAX)
        if not value.strip(BLANKS):
            raise ValueError("account group id string must not be empty")
        return AccountGroupId._of(number or 1)

    @property
    def value(self) -> int:
        """The group's number."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AccountGroupId):
            return self._value == other._value
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"AccountGroupId(value={self._value})"

    def __reduce__(self) -> tuple[Any, ...]:
        return AccountGroupId._of, (self._value,)


DEFAULT_ACCOUNT_GROUP = AccountGroupId._of(0)
AccountGroupId.DEFAULT = DEFAULT_ACCOUNT_GROUP


class Asset(str):  # noqa: SLOT000 - users may hang attributes on it, as on the reference's
    """The name of something that is held or traded: a text that is not blank, kept verbatim."""

    __module__ = "openpit.param"

    def __new__(cls, value: str) -> Self:
        """Make an asset of ``value``.

        Raises:
            TypeError: ``value`` is no text.
            AssetError: it is empty or blank, or UTF-8 cannot hold it.
        """
        if not isinstance(value, str):
            raise TypeError("asset must be str")
        if not value.strip(BLANKS):
            raise AssetError("asset must not be empty")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as unpaired_surrogate:
                raise AssetError(str(unpaired_surrogate)) from None
        return str.__new__(cls, value)

    @classmethod
    def _of(cls, value: str) -> Self:
        return str.__new__(cls, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__class__, (str(self),)


@final
class InstrumentId:
    """The number under which a service or a book knows an instrument; 64 bits."""

    __slots__ = ("_value",)
    __module__ = "openpit.core"

    _value: int

    def __init__(self, value: int) -> None:
        """Make an id of ``value``.

        Raises:
            TypeError: ``value`` is no integer.
            OverflowError: it is not from 0 to 2**64-1.
        """
        number = operator.index(value)
        if number < 0:
            raise OverflowError("can't convert negative int to unsigned")
        if number > _U64_MAX:
            raise OverflowError("int too big to convert")
        self._value = number

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)

    @classmethod
    def _of(cls, value: int) -> Self:
        self = _new(cls)
        self._value = value
        return self

    @property
    def value(self) -> int:
        """The instrument's number."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, InstrumentId):
            return self._value == other._value
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)

    def __lt__(self, other: Never) -> bool:
        self._refuse_order(other)
        return NotImplemented

    def __le__(self, other: Never) -> bool:
        self._refuse_order(other)
        return NotImplemented

    def __gt__(self, other: Never) -> bool:
        self._refuse_order(other)
        return NotImplemented

    def __ge__(self, other: Never) -> bool:
        self._refuse_order(other)
        return NotImplemented

    def _refuse_order(self, other: object) -> None:
        if isinstance(other, InstrumentId):
            raise TypeError("InstrumentId supports only == and !=")

    def __repr__(self) -> str:
        return f"InstrumentId({self._value})"

    def __reduce__(self) -> tuple[Any, ...]:
        return InstrumentId._of, (self._value,)


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_account_group_id = AccountGroupId._of
new_account_id = AccountId._of
new_asset = Asset._of
new_instrument_id = InstrumentId._of
