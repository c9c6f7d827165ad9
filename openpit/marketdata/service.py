"""The market-data service: instruments, quotes and times to live, with checks and a clock.

A service stands beside engines: it may feed several, or none. Each change is made as one plain
operation, applied to the store under the service's lock and then told to the listeners in the
same order; a sharded engine's copies of the service are fed that way.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Self, final

from openpit.core.opaque import Opaque
from openpit.marketdata.arguments import (
    age,
    assets,
    group_of_reader,
    instrument_number,
    quote_values,
    reader,
    targets,
    time_to_live,
)
from openpit.marketdata.errors import QuoteExpired, QuoteUnavailable, UnknownInstrument
from openpit.marketdata.quotes import INFINITE, new_quote
from openpit.marketdata.reading import look, look_in_group, read_stale_under, read_under
from openpit.marketdata.refusals import (
    already_registered,
    taken_instrument,
    taken_number,
    unknown_number,
)
from openpit.marketdata.store import QuoteStore
from openpit.marketdata.times_to_live import TimesToLive
from openpit.param.ids import new_instrument_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import timedelta

    from openpit.core.instrument import Instrument
    from openpit.marketdata.arguments import AccountInfo
    from openpit.marketdata.quotes import Quote, QuoteTtl, QuoteValues
    from openpit.marketdata.reading import Read, ReadStale
    from openpit.marketdata.store import InstrumentQuotes, Operation
    from openpit.param.enums import QuoteResolution
    from openpit.param.ids import AccountGroupId, AccountId, InstrumentId

__all__ = [
    "MarketDataBuilder",
    "MarketDataService",
    "apply_operation",
    "follow",
    "instruments_of",
    "is_empty",
    "is_no_sync",
    "new_market_data_builder",
    "new_replica",
    "restore",
    "store_of",
    "unfollow",
]

_new = object.__new__


@final
class MarketDataBuilder(Opaque):
    """Makes market-data services of one default time to live; each :meth:`build` a new one."""

    __module__ = "openpit.marketdata"
    __slots__ = ("_clock", "_default_ttl", "_full_sync")

    _clock: Callable[[], int]
    _default_ttl: int
    _full_sync: bool

    @staticmethod
    def _of(
        default_ttl: QuoteTtl,
        clock: Callable[[], int],
        full_sync: bool,  # noqa: FBT001 - the builder stage's own call
    ) -> MarketDataBuilder:
        self = _new(MarketDataBuilder)
        self._default_ttl = time_to_live(default_ttl)
        self._clock = clock
        self._full_sync = full_sync
        return self

    def no_sync(self) -> Self:
        """Build services that one thread at a time uses."""
        self._full_sync = False
        return self

    def full_sync(self) -> Self:
        """Build services that several threads may use."""
        self._full_sync = True
        return self

    def build(self) -> MarketDataService:
        """Return a new, empty service."""
        store = QuoteStore(self._default_ttl)
        return MarketDataService._of(store, self._clock, full_sync=self._full_sync)


@final
class MarketDataService(TimesToLive):
    """Quotes of registered instruments, by account, by account group and for everyone.

    Made by ``Engine.builder()...market_data(default_ttl).build()``. A class other than the one a
    parameter names is a ``TypeError`` everywhere; ``instrument_id`` of no registered instrument is
    :class:`UnknownInstrumentId`. ``account_group_id`` is an ``AccountGroupId`` or an integer from
    1 to 2**32 - 1 (ValueError otherwise); ``AccountGroupId.DEFAULT`` is the bucket for everyone.
    """

    __module__ = "openpit.marketdata"
    __slots__ = ("_clock", "_is_no_sync", "_listeners", "_lock", "_read", "_read_stale", "_store")

    _clock: Callable[[], int]
    _is_no_sync: bool
    _listeners: list[Callable[[Operation], object]]
    _lock: RLock
    _read: Read
    _read_stale: ReadStale
    _store: QuoteStore

    @staticmethod
    def _of(store: QuoteStore, clock: Callable[[], int], *, full_sync: bool) -> MarketDataService:
        self = _new(MarketDataService)
        self._store = store
        self._clock = clock
        self._is_no_sync = not full_sync
        self._lock = RLock()
        self._listeners = []
        if full_sync:
            self._read = read_under(self._lock, store)
            self._read_stale = read_stale_under(self._lock, store)
        else:
            self._read = store.read
            self._read_stale = store.read_stale
        return self

    # --- copies in other processes ----------------------------------------------------------

    @staticmethod
    def _replica(operations: Iterable[Operation], clock: Callable[[], int]) -> MarketDataService:
        """Return a service with the state that these operations build; for one thread."""
        store = QuoteStore(INFINITE)
        for operation in operations:
            store.apply(operation)
        self = MarketDataService._of(store, clock, full_sync=False)
        self._is_no_sync = False  # any engine may read it: it is only ever used by its worker
        return self

    def _apply(self, operation: Operation) -> None:
        """Make one change and tell the listeners, in one order for all."""
        with self._lock:
            self._store.apply(operation)
            self._tell(operation)

    def _tell(self, operation: Operation) -> None:
        for listener in self._listeners:
            listener(operation)

    def _subscribe(self, listener: Callable[[Operation], object]) -> list[Operation]:
        """Tell a listener of every change from now on; return what came before."""
        with self._lock:
            self._listeners = [*self._listeners, listener]
            return self._store.snapshot()

    def _unsubscribe(self, listener: Callable[[Operation], object]) -> None:
        """Stop telling a listener of changes."""
        with self._lock:
            self._listeners = self._all_but(listener)

    def _all_but(
        self, listener: Callable[[Operation], object]
    ) -> list[Callable[[Operation], object]]:
        return [known for known in self._listeners if known != listener]

    def _snapshot(self) -> list[Operation]:
        """Return the operations that build this state from nothing."""
        with self._lock:
            return self._store.snapshot()

    # --- instruments ------------------------------------------------------------------------

    def register(self, instrument: Instrument) -> InstrumentId:
        """Give an instrument the next free id.

        Raises:
            AlreadyRegistered: the instrument has an id.
            TypeError: ``instrument`` is no :class:`openpit.Instrument`.
        """
        return self._register(instrument, None)

    def register_with_ttl(self, instrument: Instrument, ttl: QuoteTtl) -> InstrumentId:
        """Register an instrument whose quotes have this time to live unless another is set.

        Raises:
            AlreadyRegistered: the instrument has an id.
            TypeError: an argument is of another class.
        """
        return self._register(instrument, time_to_live(ttl))

    def register_with_id(
        self,
        instrument: Instrument,
        id: InstrumentId,  # noqa: A002 - the public API's name
    ) -> InstrumentId:
        """Register an instrument under an id.

        Raises:
            RegistrationError: the instrument, which is looked at first, or the id is taken.
            TypeError: an argument is of another class.
        """
        return self._register_as(instrument, instrument_number(id), None)

    def register_with_id_and_ttl(
        self,
        instrument: Instrument,
        id: InstrumentId,  # noqa: A002 - the public API's name
        ttl: QuoteTtl,
    ) -> InstrumentId:
        """Register an instrument under an id and with a time to live.

        Raises:
            RegistrationError: as :meth:`register_with_id`.
            TypeError: an argument is of another class.
        """
        return self._register_as(instrument, instrument_number(id), time_to_live(ttl))

    def resolve(self, instrument: Instrument) -> InstrumentId | None:
        """Return an instrument's id, None when it is not registered.

        Raises:
            TypeError: ``instrument`` is no :class:`openpit.Instrument`.
        """
        book = self._store.book_of(*assets(instrument))
        return None if book is None else new_instrument_id(book.number)

    def _register(self, instrument: Instrument, ttl: int | None) -> InstrumentId:
        underlying, settlement = assets(instrument)
        with self._lock:
            if self._store.book_of(underlying, settlement) is not None:
                raise already_registered(underlying, settlement)
            number = self._store.next_number()
            self._apply(("register", number, underlying, settlement, ttl))
        return new_instrument_id(number)

    def _register_as(self, instrument: Instrument, number: int, ttl: int | None) -> InstrumentId:
        underlying, settlement = assets(instrument)
        with self._lock:
            if self._store.book_of(underlying, settlement) is not None:
                raise taken_instrument(underlying, settlement)
            if number in self._store.books:
                raise taken_number(number)
            self._apply(("register", number, underlying, settlement, ttl))
        return new_instrument_id(number)

    def _id_of(self, underlying: str, settlement: str) -> int | None:
        """Return the number of an instrument, None when it is not registered."""
        book = self._store.book_of(underlying, settlement)
        return None if book is None else book.number

    # --- quotes -----------------------------------------------------------------------------

    def push(self, instrument_id: InstrumentId, quote: Quote, source_age: timedelta) -> None:
        """Replace the quote for everyone; ``source_age`` is how old it is already.

        A negative age counts as none.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
        """
        number = instrument_number(instrument_id)
        values = quote_values(quote)
        at = self._instant(source_age)
        with self._lock:
            self._book(number)
            self._apply(("push", number, *values, at))

    def push_by_instrument(
        self, instrument: Instrument, quote: Quote, source_age: timedelta
    ) -> InstrumentId:
        """Replace the quote for everyone; registers the instrument when it has no id yet.

        Raises:
            TypeError: an argument is of another class.
        """
        values = quote_values(quote)
        underlying, settlement = assets(instrument)
        at = self._instant(source_age)
        with self._lock:
            book = self._store.book_of(underlying, settlement)
            if book is None:
                number = self._store.next_number()
                self._apply(("register", number, underlying, settlement, None))
            else:
                number = book.number
            self._apply(("push", number, *values, at))
        return new_instrument_id(number)

    def push_for(
        self,
        instrument_id: InstrumentId,
        quote: Quote,
        source_age: timedelta,
        account_ids: Iterable[AccountId],
        account_group_ids: Iterable[AccountGroupId],
    ) -> None:
        """Replace the quote of each listed account and group.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            ValueError: no account and no group is listed, or a group is none.
            TypeError: an argument is of another class.
        """
        number = instrument_number(instrument_id)
        values = quote_values(quote)
        at = self._instant(source_age)
        listed = targets(account_ids, account_group_ids)
        with self._lock:
            self._book(number)
            self._apply(("push_for", number, *values, at, *listed))

    def clear(self, instrument_id: InstrumentId) -> None:
        """Forget all quotes of an instrument; its times to live stay. An unknown id is ignored.

        Raises:
            TypeError: ``instrument_id`` is no :class:`InstrumentId`.
        """
        number = instrument_number(instrument_id)
        with self._lock:
            if number in self._store.books:
                self._apply(("clear", number))

    def get(
        self,
        instrument_id: InstrumentId,
        account_id: AccountId,
        account_info: AccountInfo,
        resolution: QuoteResolution,
    ) -> Quote:
        """Return the quote that an account reads, from the first of its buckets that has one.

        The buckets are the account, its group and everyone, as far as ``resolution`` goes.
        ``account_info.account_group`` is asked at most once, and only when it matters. Raises
        UnknownInstrument, QuoteUnavailable when no bucket has a quote, and QuoteExpired (with the
        ``quote``) when it has reached the time to live that holds for this reader.

        Raises:
            UnknownInstrument: no instrument has this id.
            QuoteUnavailable: none of the buckets has a quote.
            QuoteExpired: the quote has reached the time to live that holds for this reader;
                ``quote`` is that quote.
            TypeError: an argument is of another class, or the group that ``account_info`` tells.
            AttributeError: ``account_info`` has no ``account_group``.
        """
        found, is_expired = self._get(instrument_id, account_id, account_info, resolution)
        if is_expired:
            error = QuoteExpired("quote expired")
            error.quote = new_quote(found)
            raise error
        return new_quote(found)

    def get_optional(
        self,
        instrument_id: InstrumentId,
        account_id: AccountId,
        account_info: AccountInfo,
        resolution: QuoteResolution,
    ) -> Quote | None:
        """Return what :meth:`get` would, None where it has no quote to give.

        Raises:
            TypeError: an argument is of another class, or the group that ``account_info`` tells.
            AttributeError: ``account_info`` has no ``account_group``.
        """
        try:
            found, is_expired = self._get(instrument_id, account_id, account_info, resolution)
        except (UnknownInstrument, QuoteUnavailable):
            return None
        return None if is_expired else new_quote(found)

    def _get(
        self,
        instrument_id: InstrumentId,
        account_id: AccountId,
        account_info: AccountInfo,
        resolution: QuoteResolution,
    ) -> tuple[QuoteValues, bool]:
        asked = reader(instrument_id, account_id, resolution)
        now = self._clock()
        with self._lock:
            found = look(self._store, *asked, now)
        if found is None:
            # The caller's own code runs here: not under the lock. What was read before it may be
            # out of date after it, so all is read again, now with the group.
            group = group_of_reader(account_info)
            with self._lock:
                found = look_in_group(self._store, *asked, now, group)
        return found

    def _set_for_instrument(self, name: str, number: int, change: tuple[int | None, ...]) -> None:
        with self._lock:
            self._book(number)
            self._apply((name, number, *change))

    # --- shared checks ----------------------------------------------------------------------

    def _book(self, number: int) -> InstrumentQuotes:
        book = self._store.books.get(number)
        if book is None:
            raise unknown_number(number)
        return book

    def _instant(self, source_age: timedelta) -> int:
        """Return the instant that an age means now."""
        older = age(source_age)
        return self._clock() - older


def is_no_sync(service: MarketDataService) -> bool:
    """Tell whether a service is one thread's alone."""
    return service._is_no_sync


def follow(service: MarketDataService, listener: Callable[[Operation], object]) -> None:
    """Tell a listener of all that led to the present state, and of every change from now on."""
    # Under the service's lock, so that no change comes between its state and the next change.
    with service._lock:
        for operation in service._subscribe(listener):
            listener(operation)


def restore(
    service: MarketDataService,
    operations: Sequence[Operation],
    listener: Callable[[Operation], object],
) -> None:
    """Put what a journal has into a service that is empty, and tell a listener what comes since.

    Raises:
        RuntimeError: it is not empty.
    """
    with service._lock:
        if not service._store.is_empty:
            raise RuntimeError("market data has come while the engine was built on its journal")
        for operation in operations:
            service._apply(operation)
        service._subscribe(listener)


def is_empty(service: MarketDataService) -> bool:
    """Tell whether a service knows no instrument, and no time to live but the one for all."""
    return service._store.is_empty


def instruments_of(service: MarketDataService) -> Collection[int]:
    """Return the numbers of the instruments that a service knows now."""
    return service._store.books


def store_of(service: MarketDataService) -> QuoteStore:
    """Return what a service knows, to be read by those whose thread alone changes it."""
    return service._store


# What those who keep a copy of a service in another process need of it.
new_replica = MarketDataService._replica
apply_operation = MarketDataService._apply
unfollow = MarketDataService._unsubscribe


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_market_data_builder = MarketDataBuilder._of
