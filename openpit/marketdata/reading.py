"""How a service reads its store: under a lock where other threads change it, by a resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from openpit.marketdata.errors import QuoteUnavailable, UnknownInstrument
from openpit.marketdata.quotes import INFINITE
from openpit.param.enums import QuoteResolution

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

    from openpit.marketdata.quotes import QuoteValues
    from openpit.marketdata.store import Expired, InstrumentQuotes, QuoteStore

    Read: TypeAlias = Callable[[str, str, int, int | None, int], QuoteValues | Expired | None]
    ReadStale: TypeAlias = Callable[[str, str, int, int | None], QuoteValues | None]

__all__ = ["look", "look_in_group", "read_stale_under", "read_under"]


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


def look(
    store: QuoteStore, number: int, account: int, resolution: QuoteResolution, now: int
) -> tuple[QuoteValues, bool] | None:
    """Return an account's quote, and whether it is too old; None if its group matters.

    Raises:
        UnknownInstrument: no instrument has that number.
        QuoteUnavailable: there is no quote that the resolution allows.
    """
    book = store.books.get(number)
    if book is None:
        raise UnknownInstrument("unknown instrument")
    stored = book.accounts.get(account)
    ttl = book.account_ttls.get(account)
    if stored is None and resolution is QuoteResolution.ACCOUNT_ONLY:
        raise QuoteUnavailable("quote unavailable")
    if stored is None or ttl is None:
        return None
    return stored[0], _is_over(stored[1], ttl, now)


def look_in_group(
    store: QuoteStore,
    number: int,
    account: int,
    resolution: QuoteResolution,
    now: int,
    group: int | None,
) -> tuple[QuoteValues, bool]:
    """Return the quote of an account of a group, None for the default one, as :func:`look`.

    Raises:
        QuoteUnavailable: there is no quote that the resolution allows.
    """
    book = store.books[number]
    stored = _find(book, account, group, resolution)
    if stored is None:
        raise QuoteUnavailable("quote unavailable")
    return stored[0], _is_over(stored[1], store.ttl_of(book, account, group), now)


def _is_over(at: int, ttl: int, now: int) -> bool:
    return ttl != INFINITE and now - at >= ttl


def _find(
    book: InstrumentQuotes, account: int, group: int | None, resolution: QuoteResolution
) -> tuple[QuoteValues, int] | None:
    """Return the first quote of the buckets that a resolution allows."""
    if resolution is QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT:
        return book.find(account, group)
    stored = book.accounts.get(account)
    if stored is None and group is not None and resolution is QuoteResolution.ACCOUNT_THEN_GROUP:
        return book.groups.get(group)
    return stored
