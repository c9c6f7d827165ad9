"""The handle on a server's market data of the blocking face."""

# Generated from ../aio/market.py by scripts/blocking_faces.py: change it there.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.market import MarketCalls
from openpit.core.opaque import Opaque
from openpit.marketdata.arguments import (
    account_number,
    age,
    assets,
    group_number,
    group_of_reader,
    instrument_number,
    quote_values,
    reader,
    targets,
    time_to_live,
)
from openpit.marketdata.errors import QuoteExpired, QuoteUnavailable, UnknownInstrument
from openpit.marketdata.quotes import Quote, new_quote
from openpit.param.ids import InstrumentId, new_instrument_id
from openpit.param.words import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from openpit.core.instrument import Instrument
    from openpit.marketdata.arguments import AccountInfo
    from openpit.marketdata.quotes import QuoteTtl
    from openpit.param.enums import QuoteResolution
    from openpit.param.ids import AccountGroupId, AccountId

__all__ = ["ShardedMarketData", "new_sharded_market_data"]


class ShardedMarketData(Opaque):
    """Quotes that a server's policies read; works after the engine is gone.

    The methods are those of :class:`openpit.marketdata.MarketDataService`, with the same errors.

    A change has left when its method returns: all shards make it ahead of what this session submits
    later, at one point among everybody's changes. Registering waits until they have it. A shard
    that is stalled makes it before anything else when it answers again. Reads ask a shard.

    Ages count from when the server passes a quote on. Besides what the service raises:

    * NotPermitted: the session only reads; or it only trades, and would register an instrument or
      set a time to live.
    * ShardOverloaded: the shards have made none of 8192 changes in flight within ``max_wait``.
    * ShardDown: no shard is left, or the server is away. What has left then may be lost.
    * FrameTooLarge: a quote for so many accounts that it takes more than 1 MiB.
    """

    __slots__ = ("_calls", "_driver")
    __module__ = "openpit"

    _calls: MarketCalls
    _driver: Any

    @classmethod
    def _of(cls, driver: Any, policy: str | None) -> ShardedMarketData:
        self: ShardedMarketData = object.__new__(cls)
        self._driver = driver
        self._calls = MarketCalls(driver, None if policy is None else plain_text(policy))
        return self

    # --- instruments ---------------------------------------------------------------------------

    def register(self, instrument: Instrument) -> InstrumentId:
        """Give an instrument the next free id.

        Raises:
            AlreadyRegistered: the instrument has an id.
            TypeError: ``instrument`` is no :class:`openpit.Instrument`.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        return self._register(instrument, None, None)

    def register_with_ttl(self, instrument: Instrument, ttl: QuoteTtl) -> InstrumentId:
        """Register an instrument whose quotes have this time to live unless another is set.

        Raises:
            AlreadyRegistered: the instrument has an id.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        return self._register(instrument, time_to_live(ttl), None)

    def register_with_id(
        self,
        instrument: Instrument,
        id: InstrumentId,  # noqa: A002 - the public API's name
    ) -> InstrumentId:
        """Register an instrument under an id.

        Raises:
            RegistrationError: the instrument, which is looked at first, or the id is taken.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        return self._register(instrument, None, instrument_number(id))

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
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number = instrument_number(id)
        return self._register(instrument, time_to_live(ttl), number)

    def resolve(self, instrument: Instrument) -> InstrumentId | None:
        """Return an instrument's id, None when it is not registered.

        Raises:
            TypeError: ``instrument`` is no :class:`openpit.Instrument`.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number, _ = self._driver.run(self._calls.ask, "instrument", *assets(instrument))
        return None if number is None else new_instrument_id(number)

    def _register(
        self, instrument: Instrument, ttl: int | None, wanted: int | None
    ) -> InstrumentId:
        number: int = self._driver.run(self._calls.register, assets(instrument), ttl, wanted)
        return new_instrument_id(number)

    # --- quotes --------------------------------------------------------------------------------

    def push(self, instrument_id: InstrumentId, quote: Quote, source_age: timedelta) -> None:
        """Replace the quote for everyone; ``source_age`` is how old it is already.

        A negative age counts as none.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number = instrument_number(instrument_id)
        change = ("quote", number, *quote_values(quote), age(source_age))
        self._driver.run(self._calls.change_instrument, change)

    def push_by_instrument(
        self, instrument: Instrument, quote: Quote, source_age: timedelta
    ) -> InstrumentId:
        """Replace the quote for everyone; registers the instrument when it has no id yet.

        Raises:
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        values = quote_values(quote)
        quoted = (assets(instrument), values, age(source_age))
        number: int | None = self._driver.run(self._calls.quote_instrument, *quoted)
        if number is None:
            number = self._driver.run(self._calls.register_and_quote, *quoted)
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
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number = instrument_number(instrument_id)
        values, older = quote_values(quote), age(source_age)
        listed = targets(account_ids, account_group_ids)
        change = ("quote_for", number, *values, older, *listed)
        self._driver.run(self._calls.change_instrument, change)

    def clear(self, instrument_id: InstrumentId) -> None:
        """Forget all quotes of an instrument; its times to live stay. An unknown id is ignored.

        Raises:
            TypeError: ``instrument_id`` is no :class:`InstrumentId`.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        self._driver.run(self._calls.clear, instrument_number(instrument_id))

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
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        found, is_expired = self._get(instrument_id, account_id, account_info, resolution)
        if is_expired:
            error = QuoteExpired("quote expired")
            error.quote = found
            raise error
        return found

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
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        try:
            found, is_expired = self._get(instrument_id, account_id, account_info, resolution)
        except (UnknownInstrument, QuoteUnavailable):
            return None
        return None if is_expired else found

    def _get(
        self,
        instrument_id: InstrumentId,
        account_id: AccountId,
        account_info: AccountInfo,
        resolution: QuoteResolution,
    ) -> tuple[Quote, bool]:
        asked = reader(instrument_id, account_id, resolution)
        found = self._driver.run(self._calls.ask, "quote", *asked)
        if found is None:
            group = group_of_reader(account_info)
            found = self._driver.run(self._calls.ask, "quote_in_group", *asked, group)
        mark, bid, ask, is_expired = found
        return new_quote((mark, bid, ask)), is_expired

    # --- times to live -------------------------------------------------------------------------

    def set_account_ttl(self, account_id: AccountId, ttl: QuoteTtl) -> None:
        """Set the time to live for an account's reads of all instruments.

        Raises:
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        duration = time_to_live(ttl)
        self._change("account_ttl", account_number(account_id), duration)

    def clear_account_ttl(self, account_id: AccountId) -> None:
        """Take back :meth:`set_account_ttl`.

        Raises:
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        self._change("account_ttl", account_number(account_id), None)

    def set_account_group_ttl(self, account_group_id: AccountGroupId, ttl: QuoteTtl) -> None:
        """Set the time to live for a group's reads of all instruments.

        Raises:
            ValueError: ``account_group_id`` is neither a group nor its number.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        duration = time_to_live(ttl)
        self._change("group_ttl", group_number(account_group_id), duration)

    def clear_account_group_ttl(self, account_group_id: AccountGroupId) -> None:
        """Take back :meth:`set_account_group_ttl`.

        Raises:
            ValueError: ``account_group_id`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        self._change("group_ttl", group_number(account_group_id), None)

    def set_instrument_ttl(self, instrument_id: InstrumentId, ttl: QuoteTtl) -> None:
        """Set the time to live of an instrument's quotes where no other is set for the reader.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number = instrument_number(instrument_id)
        self._change_instrument("instrument_ttl", number, time_to_live(ttl))

    def clear_instrument_ttl(self, instrument_id: InstrumentId) -> None:
        """Take back :meth:`set_instrument_ttl`; the service's default holds again.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        self._change_instrument("instrument_ttl", instrument_number(instrument_id), None)

    def set_instrument_account_ttl(
        self, instrument_id: InstrumentId, account_id: AccountId, ttl: QuoteTtl
    ) -> None:
        """Set the time to live for an account's reads of an instrument.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number, duration = instrument_number(instrument_id), time_to_live(ttl)
        account = account_number(account_id)
        self._change_instrument("instrument_account_ttl", number, account, duration)

    def clear_instrument_account_ttl(
        self, instrument_id: InstrumentId, account_id: AccountId
    ) -> None:
        """Take back :meth:`set_instrument_account_ttl`.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number, account = instrument_number(instrument_id), account_number(account_id)
        self._change_instrument("instrument_account_ttl", number, account, None)

    def set_instrument_account_group_ttl(
        self, instrument_id: InstrumentId, account_group_id: AccountGroupId, ttl: QuoteTtl
    ) -> None:
        """Set the time to live for a group's reads of an instrument.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            ValueError: ``account_group_id`` is neither a group nor its number.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number, duration = instrument_number(instrument_id), time_to_live(ttl)
        group = group_number(account_group_id)
        self._change_instrument("instrument_group_ttl", number, group, duration)

    def clear_instrument_account_group_ttl(
        self, instrument_id: InstrumentId, account_group_id: AccountGroupId
    ) -> None:
        """Take back :meth:`set_instrument_account_group_ttl`.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            ValueError: ``account_group_id`` is neither a group nor its number.
            TypeError: an argument is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the class.
        """
        number, group = instrument_number(instrument_id), group_number(account_group_id)
        self._change_instrument("instrument_group_ttl", number, group, None)

    def _change(self, *change: object) -> None:
        self._driver.run(self._calls.change, change)

    def _change_instrument(self, *change: object) -> None:
        self._driver.run(self._calls.change_instrument, change)


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_sharded_market_data = ShardedMarketData._of
