"""Changes of market data as they arrive: which there are, and what their values may be.

The router's own tell the instant of a quote. A session's tell its age, which counts from the time
that the router stamps on their batch: no client's clock says how long its quotes live.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.quotes import INFINITE, nanoseconds
from openpit.marketdata.service import store_of
from openpit.marketdata.store import OF_NO_INSTRUMENT
from openpit.wire.checks import (
    U32_MAX,
    U64_MAX,
    all_of,
    exactly,
    is_asset,
    is_fixed,
    optional,
    up_to,
)
from openpit.wire.decimal_texts import malformed
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.marketdata.service import MarketDataService
    from openpit.marketdata.store import Operation
    from openpit.wire.checks import Check

__all__ = ["OPERATIONS", "QuoteReader", "as_of", "fit", "named_in"]

_is_id: Final = up_to(U64_MAX)
_is_group: Final = up_to(U32_MAX)
_is_time: Final = exactly(int)
_is_age: Final = up_to(nanoseconds(timedelta.max))
_PRICES: Final = (optional(is_fixed),) * 3


def _is_ttl(value: object) -> bool:
    return type(value) is int and value >= INFINITE


_is_optional_ttl: Final = optional(_is_ttl)


def named_in(
    command: tuple[Any, ...], services: Sequence[MarketDataService], what: str
) -> tuple[Any, ...]:
    """Return what a command says to a market data service: a name, and values that it has.

    Raises:
        WireError: there is no such service, or it says nothing of the kind.
    """
    _, account, service, packed = command
    # To all shards it has to be the same, and an account is one shard's.
    if account is not None or type(service) is not int or service not in range(len(services)):
        raise malformed("a market data service", command)
    said = decode(packed)
    if type(said) is not tuple or not said or type(said[0]) is not str:
        raise malformed(what, command)
    return said


def fit(checks: Sequence[Check], values: Sequence[object]) -> bool:
    """Tell whether values are as many as there are checks, and pass them."""
    return len(values) == len(checks) and all(
        check(value) for check, value in zip(checks, values, strict=True)
    )


def _are_changes(value: object) -> bool:
    """Tell whether these are changes that build a service from nothing."""
    if type(value) is not tuple:
        return False
    known: set[Any] = set()
    return all(_is_change(change, known) for change in value)


def _is_change(change: object, known: set[Any]) -> bool:
    """Tell whether a change can be made where these instruments are known; add its own."""
    if type(change) is not tuple or not change or change[0] not in _BUILDING:
        return False
    name, *values = change
    if not fit(OPERATIONS[name], values):
        return False
    if name == "register":
        number, *assets, _ = values
        is_new = number not in known and (*assets,) not in known
        known.update((number, (*assets,)))
        return is_new
    return name in OF_NO_INSTRUMENT or values[0] in known


OPERATIONS: Final[dict[str, tuple[Check, ...]]] = {
    "default_ttl": (_is_ttl,),
    "register": (_is_id, is_asset, is_asset, _is_optional_ttl),
    "push": (_is_id, *_PRICES, _is_time),
    "push_for": (_is_id, *_PRICES, _is_time, all_of(_is_id), all_of(_is_group)),
    "quote": (_is_id, *_PRICES, _is_age),
    "quote_for": (_is_id, *_PRICES, _is_age, all_of(_is_id), all_of(_is_group)),
    "clear": (_is_id,),
    "instrument_ttl": (_is_id, _is_optional_ttl),
    "instrument_account_ttl": (_is_id, _is_id, _is_optional_ttl),
    "instrument_group_ttl": (_is_id, _is_group, _is_optional_ttl),
    "account_ttl": (_is_id, _is_optional_ttl),
    "group_ttl": (_is_group, _is_optional_ttl),
    "restored": (_is_id, _are_changes),
}
"""The changes that there are, each with the checks of its values."""

_BUILDING: Final = OPERATIONS.keys() - {"restored", "quote", "quote_for"}
"""The changes of a service's own snapshot."""

_OF_AGE: Final = {"quote": "push", "quote_for": "push_for"}
_FOR_SOME: Final = frozenset({"push_for", "quote_for"})


class QuoteReader:
    """Reads changes of the router's services, in their order, of whose instruments it knows."""

    __slots__ = ("_coming", "_services")

    def __init__(self, services: Sequence[MarketDataService]) -> None:
        self._services = services
        # What the batch in hand registers: of each service numbers, and pairs of assets.
        self._coming: set[tuple[Any, ...]] = set()

    def begin(self) -> None:
        """Begin a batch: what the one before it would have registered, it may not have."""
        if self._coming:
            self._coming.clear()

    def read(self, command: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a command with its operation; WireError if there is no such service or change."""
        name, *values = operation = named_in(command, self._services, "a change of market data")
        if not fit(OPERATIONS[name], values):
            raise malformed("a change of market data", command)
        if name not in OF_NO_INSTRUMENT:
            self._look_at_instrument(command[2], name, *values[:3], command=command)
        if name in _FOR_SOME and values[-2:] == [(), ()]:
            raise malformed("an account or a group", command)
        return *command[:3], operation

    def _look_at_instrument(
        self, service: int, name: str, number: int, *assets: Any, command: tuple[Any, ...]
    ) -> None:
        """Refuse an instrument that is not registered, or one to be registered that is."""
        store, coming = store_of(self._services[service]), self._coming
        is_known = number in store.books or (service, number) in coming
        if name != "register":
            if not is_known:
                raise malformed("an instrument", command)
        elif is_known or store.book_of(*assets) is not None or (service, *assets) in coming:
            raise malformed("an instrument", command)
        else:
            coming |= {(service, number), (service, *assets)}


def as_of(operation: Operation, now: int) -> Operation:
    """Return a change as a service makes it, whose time is this."""
    name, *values = operation
    plain = _OF_AGE.get(name)
    if plain is None:
        return operation
    number, mark, bid, ask, age, *targets = values
    return (plain, number, mark, bid, ask, now - age, *targets)
