"""Instruments by number, and when their trades settle: reference data that no policy reads."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, ClassVar, final

from openpit.core.instrument import Instrument, debug_instrument, new_instrument
from openpit.core.opaque import Closed
from openpit.param.classes import is_of
from openpit.param.enums import SettlementUnit
from openpit.param.ids import InstrumentId, new_instrument_id
from openpit.param.refusals import not_an_instance

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ReferenceBook",
    "ReferenceBookRegistrationError",
    "SettlementLag",
    "SettlementScheme",
    "UnknownReferenceBookInstrumentId",
]

_U64_MAX = 2**64 - 1


class ReferenceBookRegistrationError(Exception):
    """The instrument or the wanted id is taken: that one is set, the other is None."""

    __module__ = "openpit"

    instrument: Instrument | None
    instrument_id: InstrumentId | None


class UnknownReferenceBookInstrumentId(Exception):  # noqa: N818 - the public API's name
    """No instrument has ``instrument_id`` in this book."""

    __module__ = "openpit"

    instrument_id: InstrumentId


def _days(value: int) -> int:
    """Return a number of days; OverflowError unless it fits 64 bits, TypeError if no integer."""
    number = operator.index(value)
    if number < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if number > _U64_MAX:
        raise OverflowError("int too big to convert")
    return number


@final
class SettlementLag(Closed):
    """How long after a trade one leg of it settles: ``n`` days of the given unit.

    Equal by content; cannot be hashed.

    Raises:
        OverflowError: ``n`` is not from 0 to 2**64-1.
        TypeError: an argument is of another class.
    """

    __module__ = "openpit.core"
    __slots__ = ("_n", "_unit")
    __hash__: ClassVar[None]  # type: ignore[assignment]  # unhashable, as in the reference

    _n: int
    _unit: SettlementUnit

    def __init__(self, n: int, unit: SettlementUnit) -> None:
        self._n = _days(n)
        if not isinstance(unit, SettlementUnit):
            raise not_an_instance(unit, "SettlementUnit")
        self._unit = unit

    @property
    def n(self) -> int:
        """The number of days."""
        return self._n

    @property
    def unit(self) -> SettlementUnit:
        """What counts as a day."""
        return self._unit

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SettlementLag):
            return self._n == other._n and self._unit is other._unit
        return NotImplemented

    def _refuse_order(self, other: object) -> bool:
        if isinstance(other, SettlementLag):
            raise TypeError("SettlementLag supports only == and !=")
        return NotImplemented  # type: ignore[no-any-return]  # as a comparison returns it

    if not TYPE_CHECKING:  # pragma: no branch  # to a type checker it stays an error
        __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __reduce__(self) -> tuple[Any, ...]:
        return SettlementLag, (self._n, self._unit)


@final
class SettlementScheme(Closed):
    """When the two legs of a trade settle. Equal by content; cannot be hashed.

    Raises:
        TypeError: a leg is no :class:`SettlementLag`.
    """

    __module__ = "openpit.core"
    __slots__ = ("_delivery", "_payment")
    __hash__: ClassVar[None]  # type: ignore[assignment]  # unhashable, as in the reference

    _delivery: SettlementLag
    _payment: SettlementLag

    def __init__(self, delivery: SettlementLag, payment: SettlementLag) -> None:
        for lag in (delivery, payment):
            if not isinstance(lag, SettlementLag):
                raise not_an_instance(lag, "SettlementLag")
        self._delivery = delivery
        self._payment = payment

    @staticmethod
    def uniform(n: int) -> SettlementScheme:
        """Return the scheme in which both legs settle ``n`` business days after the trade.

        Raises:
            OverflowError: ``n`` is not from 0 to 2**64-1.
            TypeError: it is no integer.
        """
        lag = SettlementLag(n, SettlementUnit.BUSINESS_DAYS)
        return SettlementScheme(lag, lag)

    @property
    def delivery(self) -> SettlementLag:
        """When the underlying is delivered."""
        return SettlementLag(self._delivery._n, self._delivery._unit)

    @property
    def payment(self) -> SettlementLag:
        """When it is paid for."""
        return SettlementLag(self._payment._n, self._payment._unit)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SettlementScheme):
            return self._delivery == other._delivery and self._payment == other._payment
        return NotImplemented

    def _refuse_order(self, other: object) -> bool:
        if isinstance(other, SettlementScheme):
            raise TypeError("SettlementScheme supports only == and !=")
        return NotImplemented  # type: ignore[no-any-return]  # as a comparison returns it

    if not TYPE_CHECKING:  # pragma: no branch  # to a type checker it stays an error
        __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __reduce__(self) -> tuple[Any, ...]:
        return SettlementScheme, (self._delivery, self._payment)


@final
class ReferenceBook(Closed):
    """A registry of instruments, of its own: neither the engine nor market data look into it."""

    __module__ = "openpit.core"
    __slots__ = ("_ids", "_next", "_schemes")

    _ids: dict[tuple[str, str], int]
    _next: int
    _schemes: dict[int, SettlementScheme | None]  # one entry for each id that is taken

    def __init__(self) -> None:
        self._ids = {}
        self._next = 0
        self._schemes = {}

    def register(self, instrument: Instrument) -> InstrumentId:
        """Enter an instrument under the lowest number that no one has taken yet, and return that.

        Raises:
            ReferenceBookRegistrationError: the instrument is registered already.
            TypeError: ``instrument`` is no :class:`Instrument`.
        """
        pair = _pair(instrument)
        self._refuse_registered(instrument, pair)
        while self._next in self._schemes:
            self._next += 1
        return self._enter(pair, self._next)

    def register_with_id(self, instrument: Instrument, instrument_id: InstrumentId) -> InstrumentId:
        """Enter an instrument under a number of the caller's choice, and return that.

        Raises:
            ReferenceBookRegistrationError: the instrument, which is looked at first, or the number
                is taken.
            TypeError: an argument is of another class.
        """
        number = _number(instrument_id)
        pair = _pair(instrument)
        self._refuse_registered(instrument, pair)
        if number in self._schemes:
            error = ReferenceBookRegistrationError(f"instrument id {number} is already registered")
            error.instrument = None
            error.instrument_id = new_instrument_id(number)
            raise error
        return self._enter(pair, number)

    def resolve(self, instrument: Instrument) -> InstrumentId | None:
        """Return an instrument's number, None when it is not registered.

        Raises:
            TypeError: ``instrument`` is no :class:`Instrument`.
        """
        number = self._ids.get(_pair(instrument))
        return None if number is None else new_instrument_id(number)

    def set_settlement_scheme(
        self, instrument_id: InstrumentId, settlement_scheme: SettlementScheme
    ) -> None:
        """Say when an instrument's trades settle, in place of what was said before.

        Raises:
            UnknownReferenceBookInstrumentId: no instrument has the number.
            TypeError: an argument is of another class.
        """
        number = _number(instrument_id)
        if not is_of(settlement_scheme, SettlementScheme):
            raise not_an_instance(settlement_scheme, "SettlementScheme")
        self._require(number)
        self._schemes[number] = settlement_scheme

    def clear_settlement_scheme(self, instrument_id: InstrumentId) -> None:
        """Forget when an instrument's trades settle.

        Raises:
            UnknownReferenceBookInstrumentId: no instrument has the number.
            TypeError: ``instrument_id`` is of another class.
        """
        number = _number(instrument_id)
        self._require(number)
        self._schemes[number] = None

    def settlement_scheme(self, instrument_id: InstrumentId) -> SettlementScheme | None:
        """Return when an instrument's trades settle, None when that was not said.

        Raises:
            UnknownReferenceBookInstrumentId: no instrument has the number.
            TypeError: ``instrument_id`` is of another class.
        """
        number = _number(instrument_id)
        self._require(number)
        return self._schemes[number]

    def _refuse_registered(self, instrument: Instrument, pair: tuple[str, str]) -> None:
        if pair in self._ids:
            error = ReferenceBookRegistrationError(
                f"instrument {debug_instrument(instrument)} is already registered"
            )
            error.instrument = new_instrument(*pair)
            error.instrument_id = None
            raise error

    def _enter(self, pair: tuple[str, str], number: int) -> InstrumentId:
        self._ids[pair] = number
        self._schemes[number] = None
        return new_instrument_id(number)

    def _require(self, number: int) -> None:
        if number not in self._schemes:
            error = UnknownReferenceBookInstrumentId(
                f"unknown reference-book instrument id: {number}"
            )
            error.instrument_id = new_instrument_id(number)
            raise error


def _pair(instrument: object) -> tuple[str, str]:
    """Return an instrument's two assets; TypeError for another class."""
    if not is_of(instrument, Instrument):
        raise TypeError("instrument must be openpit.core.Instrument")
    return instrument._underlying_, instrument._settlement_


def _number(instrument_id: object) -> int:
    """Return an id's number; TypeError for another class."""
    if not is_of(instrument_id, InstrumentId):
        raise not_an_instance(instrument_id, "InstrumentId")
    return instrument_id.value
