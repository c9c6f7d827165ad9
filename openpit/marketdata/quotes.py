"""Quotes and their time to live: the values that producers give to a market-data service."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, final

from openpit.core.opaque import Closed, Opaque
from openpit.param.decimals import plain
from openpit.param.fixed_decimal import decimal_of
from openpit.param.refusals import not_an_instance
from openpit.param.values import Price, new_price

__all__ = [
    "INFINITE",
    "Quote",
    "QuoteTtl",
    "QuoteValues",
    "nanoseconds",
    "nanoseconds_of",
    "new_quote",
    "values_of",
]

QuoteValues: TypeAlias = tuple[Decimal | None, Decimal | None, Decimal | None]
"""Mark, bid and ask price."""

INFINITE: Final = -1
"""The time to live of quotes that never expire, where others are nanoseconds from 0 up."""

_SECOND: Final = 1_000_000_000
_new = object.__new__


def nanoseconds(duration: timedelta) -> int:
    """Return a duration in nanoseconds."""
    return (duration.days * 86_400 + duration.seconds) * _SECOND + duration.microseconds * 1_000


@final
class Quote(Closed):
    """Prices of an instrument at one instant; None is a price that the source does not give.

    Each accepts anything :class:`~openpit.param.Price` does. Compared by content, not hashable.

    Raises:
        TypeError: an argument is an amount of another kind.
        ValueError: one is no amount.
        ParamError: one is not an amount that ``Price`` takes.
    """

    __module__ = "openpit.marketdata"
    __slots__ = ("_values",)

    _values: QuoteValues

    __hash__: ClassVar[None]  # type: ignore[assignment]  # unhashable, as in the reference

    def __init__(
        self,
        *,
        mark: Price | Decimal | str | float | None = None,
        bid: Price | Decimal | str | float | None = None,
        ask: Price | Decimal | str | float | None = None,
    ) -> None:
        self._values = (_optional_price(mark), _optional_price(bid), _optional_price(ask))

    @staticmethod
    def _of(values: QuoteValues) -> Quote:
        self = _new(Quote)
        self._values = values
        return self

    @property
    def mark(self) -> Price | None:
        """Price at which positions are valued."""
        return _price_of(self._values[0])

    @property
    def bid(self) -> Price | None:
        """Best price that a buyer offers."""
        return _price_of(self._values[1])

    @property
    def ask(self) -> Price | None:
        """Best price that a seller asks."""
        return _price_of(self._values[2])

    def __eq__(self, other: object) -> bool:
        if type(other) is Quote:
            return self._values == other._values
        return NotImplemented

    def _refuse_order(self, other: object) -> Any:
        if type(other) is Quote:
            raise TypeError("Quote supports only == and !=")
        return NotImplemented

    if not TYPE_CHECKING:  # pragma: no branch  # to a type checker it stays an error
        __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __repr__(self) -> str:
        mark, bid, ask = self._values
        return f"Quote(mark={_debug(mark)}, bid={_debug(bid)}, ask={_debug(ask)})"


@final
class QuoteTtl(Opaque):
    """How long a quote may be read: from :meth:`infinite` or :meth:`within`.

    A quote expires as soon as its age reaches the time to live. Compared by identity.
    """

    __module__ = "openpit.marketdata"
    __slots__ = ("_nanoseconds",)

    _nanoseconds: int

    @staticmethod
    def _of(duration: int) -> QuoteTtl:
        self = _new(QuoteTtl)
        self._nanoseconds = duration
        return self

    @staticmethod
    def infinite() -> QuoteTtl:
        """Quotes do not expire."""
        return QuoteTtl._of(INFINITE)

    @staticmethod
    def within(duration: timedelta) -> QuoteTtl:
        """Quotes expire at this age; at once for a zero duration.

        Raises:
            ValueError: ``duration`` is negative.
            TypeError: it is no ``timedelta``.
        """
        if not isinstance(duration, timedelta):
            raise not_an_instance(duration, "timedelta")
        if duration.days < 0:
            raise ValueError(
                "It is not possible to convert a negative timedelta to a Rust Duration"
            )
        return QuoteTtl._of(nanoseconds(duration))

    def __repr__(self) -> str:
        if self._nanoseconds == INFINITE:
            return "QuoteTtl.infinite()"
        return f"QuoteTtl.within({_debug_duration(self._nanoseconds)})"


def _optional_price(value: object) -> Decimal | None:
    if value is None:
        return None
    if type(value) is Price:
        return value._value
    return decimal_of(Price(value))  # type: ignore[arg-type]  # the constructor tells


def _price_of(value: Decimal | None) -> Price | None:
    return None if value is None else new_price(value)


def _debug(value: Decimal | None) -> str:
    return "None" if value is None else f"Some(Price({plain(value)}))"


def _debug_duration(duration: int) -> str:
    """Print a duration in the largest unit of which there is a whole one, to the nanosecond."""
    for unit, size in (("s", _SECOND), ("ms", 1_000_000), ("µs", 1_000)):
        if duration >= size:
            whole, rest = divmod(duration, size)
            digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0")
            return f"{whole}.{digits}{unit}" if digits else f"{whole}{unit}"
    return f"{duration}ns"


def nanoseconds_of(ttl: QuoteTtl) -> int:
    """Return how long quotes live, INFINITE for ever."""
    return ttl._nanoseconds


def values_of(quote: Quote) -> QuoteValues:
    """Return the prices of a quote."""
    return quote._values


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_quote = Quote._of
