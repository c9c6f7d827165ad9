"""How a service reads its store: under a lock where other threads change it, by a resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from openpit.param.enums import QuoteResolution

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

    from openpit.marketdata.quotes import QuoteValues
    from openpit.marketdata.store import Expired, InstrumentQuotes, QuoteStore

    Read: TypeAlias = Callable[[str, str, int, int | None, int], QuoteValues | Expired | None]
    ReadStale: TypeAlias = Callable[[str, str, int, int | None], QuoteValues | None]

__all__ = ["find", "read_stale_under", "read_under"]


def read_under(lock: RLock, store: QuoteStore) -> Read:
    """Return the store's read for services that other threads change."""
    read = store.read

    def read_under_lock(
        underlying: str, settlement: str, account: int, group: int | None, now: int
    ) -> QuoteValues | Expired | None:
        with lock:
            return read(underlying, settlement, account, group, now)

    return read_under_lock


def read_stale_under(lock: RLock, store: QuoteStore) -> ReadStale:
    """Return the store's stale read for services that other threads change."""
    read_stale = store.read_stale

    def read_stale_under_lock(
        underlying: str, settlement: str, account: int, group: int | None
    ) -> QuoteValues | None:
        with lock:
            return read_stale(underlying, settlement, account, group)

    return read_stale_under_lock


def find(
    book: InstrumentQuotes, account: int, group: int | None, resolution: QuoteResolution
) -> tuple[QuoteValues, int] | None:
    """Return the first quote of the buckets that a resolution allows."""
    if resolution is QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT:
        return book.find(account, group)
    stored = book.accounts.get(account)
    if stored is None and group is not None and resolution is QuoteResolution.ACCOUNT_THEN_GROUP:
        return book.groups.get(group)
    return stored
