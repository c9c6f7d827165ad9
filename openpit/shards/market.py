"""Changes of market data as they arrive: which there are, and what their values may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.quotes import INFINITE
from openpit.marketdata.service import instruments_of
from openpit.wire.decimal_texts import ASSETS, is_fixed, malformed
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.marketdata.service import MarketDataService

__all__ = ["QuoteReader"]

_U32_MAX: Final = 2**32 - 1
_U64_MAX: Final = 2**64 - 1


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value <= _U64_MAX


def _is_group(value: object) -> bool:
    return type(value) is int and 0 <= value <= _U32_MAX


def _is_time(value: object) -> bool:
    return type(value) is int


def _is_ttl(value: object) -> bool:
    return type(value) is int and value >= INFINITE


def _is_optional_ttl(value: object) -> bool:
    return value is None or _is_ttl(value)


def _is_asset(value: object) -> bool:
    return type(value) is str and ASSETS[value] is not None


def _is_price(value: object) -> bool:
    return value is None or is_fixed(value)


def _all(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda values: type(values) is tuple and all(map(check, values))


_PRICES: Final = (_is_price, _is_price, _is_price)

_OPERATIONS: Final[dict[str, tuple[Callable[[object], bool], ...]]] = {
    "default_ttl": (_is_ttl,),
    "register": (_is_id, _is_asset, _is_asset, _is_optional_ttl),
    "push": (_is_id, *_PRICES, _is_time),
    "push_for": (_is_id, *_PRICES, _is_time, _all(_is_id), _all(_is_group)),
    "clear": (_is_id,),
    "instrument_ttl": (_is_id, _is_optional_ttl),
    "instrument_account_ttl": (_is_id, _is_id, _is_optional_ttl),
    "instrument_group_ttl": (_is_id, _is_group, _is_optional_ttl),
    "account_ttl": (_is_id, _is_optional_ttl),
    "group_ttl": (_is_group, _is_optional_ttl),
}
_OF_NO_INSTRUMENT: Final = frozenset({"default_ttl", "account_ttl", "group_ttl"})


class QuoteReader:
    """Reads changes of the router's services, in their order, of whose instruments it knows."""

    __slots__ = ("_registered",)

    def __init__(self, services: Sequence[MarketDataService]) -> None:
        self._registered = [set(instruments_of(service)) for service in services]

    def read(self, command: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a command with its operation; WireError if there is no such service or change."""
        service = command[2]
        if type(service) is not int or not 0 <= service < len(self._registered):
            raise malformed("a market data service", command)
        operation = decode(command[3])
        if type(operation) is not tuple or not operation or type(operation[0]) is not str:
            raise malformed("a change of market data", command)
        name, *values = operation
        checks = _OPERATIONS[name]
        if len(values) != len(checks):
            raise malformed("a change of market data", command)
        for check, value in zip(checks, values, strict=True):
            if not check(value):
                raise malformed("a change of market data", command)
        if name not in _OF_NO_INSTRUMENT:
            registered = self._registered[service]
            if (values[0] in registered) is (name == "register"):
                raise malformed("an instrument", command)
            registered.add(values[0])
        if name == "push_for" and values[-2:] == [(), ()]:
            raise malformed("an account or a group", command)
        return (*command[:3], operation)
