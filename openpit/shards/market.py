"""Changes of market data as they arrive: which there are, and what their values may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.quotes import INFINITE
from openpit.marketdata.service import instruments_of
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
    from openpit.wire.checks import Check

__all__ = ["QuoteReader"]

_is_id: Final = up_to(U64_MAX)
_is_group: Final = up_to(U32_MAX)
_is_time: Final = exactly(int)
_PRICES: Final = (optional(is_fixed),) * 3


def _is_ttl(value: object) -> bool:
    return type(value) is int and value >= INFINITE


_is_optional_ttl: Final = optional(_is_ttl)

_OPERATIONS: Final[dict[str, tuple[Check, ...]]] = {
    "default_ttl": (_is_ttl,),
    "register": (_is_id, is_asset, is_asset, _is_optional_ttl),
    "push": (_is_id, *_PRICES, _is_time),
    "push_for": (_is_id, *_PRICES, _is_time, all_of(_is_id), all_of(_is_group)),
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
