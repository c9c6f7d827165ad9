"""The state of a market-data service: instruments, quotes and times to live.

Every change is a plain tuple, a name and its values, so that a copy of a store that is fed the same
tuples answers the same: that is how the shards get their market data. A store reads no clock and
takes no lock; instants are nanoseconds of the service's clock.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from openpit.marketdata.quotes import INFINITE, QuoteValues

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "EXPIRED",
    "OF_NO_INSTRUMENT",
    "Expired",
    "InstrumentQuotes",
    "Operation",
    "QuoteStore",
]

Operation: TypeAlias = tuple[Any, ...]
"""One change: its name, then plain values. None for a time to live clears it."""

OF_NO_INSTRUMENT: Final = frozenset({"default_ttl", "account_ttl", "group_ttl", "restored"})
"""Names of changes that have no instrument's number behind them, as all others have."""

DEFAULT_GROUP: Final = 0
"""Bucket that everyone may read: quotes of the default group."""


class _Marker(Enum):
    EXPIRED = "expired"


EXPIRED: Final = _Marker.EXPIRED
"""Answer of :meth:`QuoteStore.read` when there is a quote, but too old."""

Expired: TypeAlias = Literal[_Marker.EXPIRED]


class InstrumentQuotes:
    """One instrument: its quotes by account and by group, and its own times to live."""

    __slots__ = (
        "account_ttls",
        "accounts",
        "group_ttls",
        "groups",
        "number",
        "settlement",
        "ttl",
        "underlying",
    )

    def __init__(self, number: int, underlying: str, settlement: str) -> None:
        self.number = number
        self.underlying = underlying
        self.settlement = settlement
        self.accounts: dict[int, tuple[QuoteValues, int]] = {}
        self.groups: dict[int, tuple[QuoteValues, int]] = {}
        self.ttl: int | None = None
        self.account_ttls: dict[int, int] = {}
        self.group_ttls: dict[int, int] = {}

    def find(self, account: int, group: int | None) -> tuple[QuoteValues, int] | None:
        """Return the first quote of account, group and default bucket, with its instant."""
        accounts = self.accounts
        if accounts:
            stored = accounts.get(account)
            if stored is not None:
                return stored
        if group is not None:
            stored = self.groups.get(group)
            if stored is not None:
                return stored
        return self.groups.get(DEFAULT_GROUP)


class QuoteStore:
    """Instruments by number and by their assets, and the times to live above instruments."""

    __slots__ = (
        "_by_assets",
        "_next",
        "account_ttls",
        "books",
        "changes",
        "default_ttl",
        "group_ttls",
    )

    def __init__(self, default_ttl: int) -> None:
        self.changes = 0  # how many have been made
        self.default_ttl = default_ttl
        self._forget()

    def _forget(self) -> None:
        self.books: dict[int, InstrumentQuotes] = {}
        self._by_assets: dict[tuple[str, str], InstrumentQuotes] = {}
        self.account_ttls: dict[int, int] = {}
        self.group_ttls: dict[int, int] = {}
        self._next = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no instrument, and no time to live of an account or a group."""
        return not (self.books or self.account_ttls or self.group_ttls)

    def book_of(self, underlying: str, settlement: str) -> InstrumentQuotes | None:
        """Return an instrument by its assets."""
        return self._by_assets.get((underlying, settlement))

    def next_number(self) -> int:
        """Return the lowest number that no instrument has."""
        while self._next in self.books:
            self._next += 1
        return self._next

    def read(
        self, underlying: str, settlement: str, account: int, group: int | None, now: int
    ) -> QuoteValues | Expired | None:
        """Return an account's quote at an instant; None for no quote and no such instrument."""
        book = self._by_assets.get((underlying, settlement))
        if book is None:
            return None
        stored = book.find(account, group)
        if stored is None:
            return None
        ttl = self.ttl_of(book, account, group)
        if ttl != INFINITE and now - stored[1] >= ttl:
            return EXPIRED
        return stored[0]

    def read_stale(
        self, underlying: str, settlement: str, account: int, group: int | None
    ) -> QuoteValues | None:
        """Return an account's quote however old it is."""
        book = self._by_assets.get((underlying, settlement))
        if book is None:
            return None
        stored = book.find(account, group)
        return None if stored is None else stored[0]

    def ttl_of(self, book: InstrumentQuotes, account: int, group: int | None) -> int:
        """Return the time to live for an account: the first that is set, the narrowest first."""
        for accounts, groups in (
            (book.account_ttls, book.group_ttls),
            (self.account_ttls, self.group_ttls),
        ):
            if accounts:
                ttl = accounts.get(account)
                if ttl is not None:
                    return ttl
            if groups:
                ttl = None if group is None else groups.get(group)
                if ttl is None:
                    ttl = groups.get(DEFAULT_GROUP)
                if ttl is not None:
                    return ttl
        return self.default_ttl if book.ttl is None else book.ttl

    # --- changes ----------------------------------------------------------------------------

    def apply(self, operation: Operation) -> None:
        """Make one change; its values were checked when it was made."""
        self.changes += 1
        _APPLY[operation[0]](self, operation)

    def snapshot(self) -> list[Operation]:
        """Return the changes that build this state from nothing."""
        operations: list[Operation] = [("default_ttl", self.default_ttl)]
        for account, ttl in self.account_ttls.items():
            operations.append(("account_ttl", account, ttl))
        for group, ttl in self.group_ttls.items():
            operations.append(("group_ttl", group, ttl))
        for book in self.books.values():
            number = book.number
            operations.append(("register", number, book.underlying, book.settlement, book.ttl))
            for account, ttl in book.account_ttls.items():
                operations.append(("instrument_account_ttl", number, account, ttl))
            for group, ttl in book.group_ttls.items():
                operations.append(("instrument_group_ttl", number, group, ttl))
            for account, (values, at) in book.accounts.items():
                operations.append(("push_for", number, *values, at, (account,), ()))
            for group, (values, at) in book.groups.items():
                operations.append(("push_for", number, *values, at, (), (group,)))
        return operations

    def _set_default_ttl(self, operation: Operation) -> None:
        _, self.default_ttl = operation

    def _restore(self, operation: Operation) -> None:
        """Be what another store is, that so many changes have been made in."""
        _, changes, operations = operation
        self._forget()
        for each in operations:
            self.apply(each)
        self.changes = changes

    def _register(self, operation: Operation) -> None:
        _, number, underlying, settlement, ttl = operation
        book = InstrumentQuotes(number, underlying, settlement)
        book.ttl = ttl
        self.books[number] = book
        self._by_assets[underlying, settlement] = book

    def _push(self, operation: Operation) -> None:
        _, number, mark, bid, ask, at = operation
        self.books[number].groups[DEFAULT_GROUP] = ((mark, bid, ask), at)

    def _push_for(self, operation: Operation) -> None:
        _, number, mark, bid, ask, at, accounts, groups = operation
        book = self.books[number]
        stored = ((mark, bid, ask), at)
        for account in accounts:
            book.accounts[account] = stored
        for group in groups:
            book.groups[group] = stored

    def _clear(self, operation: Operation) -> None:
        _, number = operation
        book = self.books[number]
        book.accounts.clear()
        book.groups.clear()

    def _set_instrument_ttl(self, operation: Operation) -> None:
        _, number, ttl = operation
        self.books[number].ttl = ttl

    def _set_instrument_account_ttl(self, operation: Operation) -> None:
        _, number, account, ttl = operation
        _set(self.books[number].account_ttls, account, ttl)

    def _set_instrument_group_ttl(self, operation: Operation) -> None:
        _, number, group, ttl = operation
        _set(self.books[number].group_ttls, group, ttl)

    def _set_account_ttl(self, operation: Operation) -> None:
        _, account, ttl = operation
        _set(self.account_ttls, account, ttl)

    def _set_group_ttl(self, operation: Operation) -> None:
        _, group, ttl = operation
        _set(self.group_ttls, group, ttl)


def _set(ttls: dict[int, int], key: int, ttl: int | None) -> None:
    if ttl is None:
        ttls.pop(key, None)
    else:
        ttls[key] = ttl


_APPLY: Final[dict[str, Callable[[QuoteStore, Operation], None]]] = {
    "restored": QuoteStore._restore,
    "default_ttl": QuoteStore._set_default_ttl,
    "register": QuoteStore._register,
    "push": QuoteStore._push,
    "push_for": QuoteStore._push_for,
    "clear": QuoteStore._clear,
    "instrument_ttl": QuoteStore._set_instrument_ttl,
    "instrument_account_ttl": QuoteStore._set_instrument_account_ttl,
    "instrument_group_ttl": QuoteStore._set_instrument_group_ttl,
    "account_ttl": QuoteStore._set_account_ttl,
    "group_ttl": QuoteStore._set_group_ttl,
}
