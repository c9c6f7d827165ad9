"""The part of a market-data service that says how long quotes may be read, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core.opaque import Opaque
from openpit.marketdata.arguments import (
    account_number,
    group_number,
    instrument_number,
    time_to_live,
)

if TYPE_CHECKING:
    from openpit.marketdata.quotes import QuoteTtl
    from openpit.marketdata.store import Operation
    from openpit.param.ids import AccountGroupId, AccountId, InstrumentId

__all__ = ["TimesToLive"]


class TimesToLive(Opaque):
    """The part of :class:`openpit.marketdata.MarketDataService` that sets times to live."""

    __slots__ = ()

    def _apply(self, operation: Operation) -> None:
        """Make one change: the service's own."""
        raise NotImplementedError

    def _set_for_instrument(self, name: str, number: int, change: tuple[int | None, ...]) -> None:
        """Make a change of an instrument that is there: the service's own."""
        raise NotImplementedError

    def set_account_ttl(self, account_id: AccountId, ttl: QuoteTtl) -> None:
        """Set the time to live for an account's reads of all instruments.

        Raises:
            TypeError: an argument is of another class.
        """
        duration = time_to_live(ttl)
        self._apply(("account_ttl", account_number(account_id), duration))

    def clear_account_ttl(self, account_id: AccountId) -> None:
        """Take back :meth:`set_account_ttl`.

        Raises:
            TypeError: an argument is of another class.
        """
        self._apply(("account_ttl", account_number(account_id), None))

    def set_account_group_ttl(self, account_group_id: AccountGroupId, ttl: QuoteTtl) -> None:
        """Set the time to live for a group's reads of all instruments.

        Raises:
            ValueError: ``account_group_id`` is neither a group nor its number.
            TypeError: an argument is of another class.
        """
        duration = time_to_live(ttl)
        self._apply(("group_ttl", group_number(account_group_id), duration))

    def clear_account_group_ttl(self, account_group_id: AccountGroupId) -> None:
        """Take back :meth:`set_account_group_ttl`.

        Raises:
            ValueError: ``account_group_id`` is neither a group nor its number.
        """
        self._apply(("group_ttl", group_number(account_group_id), None))

    def set_instrument_ttl(self, instrument_id: InstrumentId, ttl: QuoteTtl) -> None:
        """Set the time to live of an instrument's quotes where no other is set for the reader.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
        """
        self._set_for_instrument(
            "instrument_ttl", instrument_number(instrument_id), (time_to_live(ttl),)
        )

    def clear_instrument_ttl(self, instrument_id: InstrumentId) -> None:
        """Take back :meth:`set_instrument_ttl`; the service's default holds again.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
        """
        self._set_for_instrument("instrument_ttl", instrument_number(instrument_id), (None,))

    def set_instrument_account_ttl(
        self, instrument_id: InstrumentId, account_id: AccountId, ttl: QuoteTtl
    ) -> None:
        """Set the time to live for an account's reads of an instrument.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
        """
        number, duration = instrument_number(instrument_id), time_to_live(ttl)
        change = (account_number(account_id), duration)
        self._set_for_instrument("instrument_account_ttl", number, change)

    def clear_instrument_account_ttl(
        self, instrument_id: InstrumentId, account_id: AccountId
    ) -> None:
        """Take back :meth:`set_instrument_account_ttl`.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            TypeError: an argument is of another class.
        """
        number = instrument_number(instrument_id)
        self._set_for_instrument(
            "instrument_account_ttl", number, (account_number(account_id), None)
        )

    def set_instrument_account_group_ttl(
        self, instrument_id: InstrumentId, account_group_id: AccountGroupId, ttl: QuoteTtl
    ) -> None:
        """Set the time to live for a group's reads of an instrument.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            ValueError: ``account_group_id`` is neither a group nor its number.
            TypeError: an argument is of another class.
        """
        number, duration = instrument_number(instrument_id), time_to_live(ttl)
        change = (group_number(account_group_id), duration)
        self._set_for_instrument("instrument_group_ttl", number, change)

    def clear_instrument_account_group_ttl(
        self, instrument_id: InstrumentId, account_group_id: AccountGroupId
    ) -> None:
        """Take back :meth:`set_instrument_account_group_ttl`.

        Raises:
            UnknownInstrumentId: no instrument has this id.
            ValueError: ``account_group_id`` is neither a group nor its number.
            TypeError: an argument is of another class.
        """
        number = instrument_number(instrument_id)
        self._set_for_instrument(
            "instrument_group_ttl", number, (group_number(account_group_id), None)
        )
