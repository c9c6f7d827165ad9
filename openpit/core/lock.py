"""The prices that an accepted order was reserved at, by policy group.

A lock goes to the caller with the reservation and comes back with the order's fills, possibly
through storage: hence its three serialised forms, which share one shape.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from openpit.core import lock_formats
from openpit.core.absent import EarlyFields
from openpit.core.lock_shape import MAX_GROUP
from openpit.core.signatures import AnyArguments
from openpit.param.classes import is_of
from openpit.param.decimals import parse_text, plain
from openpit.param.refusals import not_an_instance
from openpit.param.values import Price, new_price
from openpit.param.words import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from typing import Any, Self

__all__ = ["DEFAULT_GROUP", "Lock", "PolicyGroupId", "copy_lock", "new_lock"]

PolicyGroupId: TypeAlias = int

DEFAULT_GROUP = 0

_new = object.__new__


class Lock(EarlyFields):
    """Prices by policy group, in the order in which they were added; the default group comes first.

    ``entries`` are another lock or pairs of a group id, 0..65535, and anything that :class:`Price`
    takes. Equal by content; cannot be hashed.

    Raises:
        ValueError: a group id is no integer from 0 to 65535, or a price no amount.
        TypeError: ``entries`` are no lock and no pairs.
        ParamError: a price is not one that :class:`Price` takes.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("__dict__", "__weakref__", "_groups_", "_shared_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("Lock", "object")
    __hash__: ClassVar[None]  # type: ignore[assignment]  # unhashable: locks change

    # No group is ever without prices. To be read only: copies share it until one of them changes.
    _groups_: dict[int, list[Decimal]]
    _shared_: bool

    def __init__(self, entries: Lock | Iterable[tuple[PolicyGroupId, Price]] | None = None) -> None:
        if entries is not None and is_of(entries, Lock):
            entries._shared_ = self._shared_ = True
            self._groups_ = entries._groups_
        else:
            self._shared_ = False
            self._groups_ = {}
            if entries is not None:
                self.extend(entries)  # type: ignore[arg-type]  # no lock

    @classmethod
    def _of(cls, groups: dict[int, list[Decimal]]) -> Self:
        """Return a lock that owns ``groups``, none of which may be empty."""
        self = _new(cls)
        self._groups_ = groups
        self._shared_ = False
        return self

    def _copy(self) -> Lock:
        """Return an independent lock with the same prices."""
        copy = _new(Lock)
        copy._groups_ = self._groups_
        copy._shared_ = self._shared_ = True
        return copy

    def _own(self) -> dict[int, list[Decimal]]:
        """Return the groups to be changed, after taking a copy of what others may still read."""
        if self._shared_:
            self._groups_ = {group: prices.copy() for group, prices in self._groups_.items()}
            self._shared_ = False
        return self._groups_

    def _sections(self) -> list[tuple[int, list[Decimal]]]:
        """Return the groups in their order, the default group first."""
        sections = list(self._groups_.items())
        sections.sort(key=_is_tagged)
        return sections

    def push(self, policy_group_id: PolicyGroupId, price: Price) -> None:
        """Add one price to a group.

        Raises:
            ValueError: ``policy_group_id`` is no integer from 0 to 65535, or a price no amount.
            TypeError: a price is an amount of another kind.
            ParamError: a price is not one that :class:`Price` takes.
        """
        group = _group_id(policy_group_id)
        value = price._value if type(price) is Price else _price(price)
        groups = self._own() if self._shared_ else self._groups_
        prices = groups.get(group)
        if prices is None:
            groups[group] = [value]
        else:
            prices.append(value)

    def push_many(self, policy_group_id: PolicyGroupId, prices: Iterable[Price]) -> None:
        """Add prices to a group, all of them or, when one is refused, none.

        Raises:
            ValueError: as :meth:`push`.
            TypeError: as :meth:`push`, or ``prices`` cannot be iterated.
            ParamError: as :meth:`push`.
        """
        group = _group_id(policy_group_id)
        try:
            iterator = iter(prices)
        except TypeError:
            raise TypeError("prices must be an iterable of Price values") from None
        values = [_price(price) for price in iterator]
        if values:
            self._own().setdefault(group, []).extend(values)

    def extend(self, entries: Iterable[tuple[PolicyGroupId, Price]]) -> None:
        """Add pairs of a group id and a price; those before a refused pair stay.

        Raises:
            ValueError: as :meth:`push`.
            TypeError: as :meth:`push`, or what is given are no pairs.
            ParamError: as :meth:`push`.
        """
        try:
            iterator = iter(entries)
        except TypeError:
            raise TypeError(
                "entries must be an iterable of (policy_group_id, price) pairs"
            ) from None
        for entry in iterator:
            if not isinstance(entry, tuple) or len(entry) != 2:  # noqa: PLR2004 - a pair
                raise TypeError("each entry must be a (policy_group_id, price) two-element tuple")
            group, price = entry
            self.push(group, price)

    def merge(self, other: Lock) -> None:
        """Add everything that another lock holds.

        Raises:
            TypeError: ``other`` is no :class:`Lock`.
            RuntimeError: it is this very lock.
        """
        if not is_of(other, Lock):
            raise not_an_instance(other, "Lock")
        if other is self:
            raise RuntimeError("Already mutably borrowed")
        groups = self._own()
        for group, prices in other._sections():
            groups.setdefault(group, []).extend(prices)

    def prices_of(self, policy_group_id: PolicyGroupId) -> list[Price]:
        """Return the prices of a group, in the order in which they were added.

        Raises:
            ValueError: ``policy_group_id`` is no integer from 0 to 65535.
        """
        return [new_price(price) for price in self._groups_.get(_group_id(policy_group_id), ())]

    def entries(self) -> list[tuple[PolicyGroupId, Price]]:
        """Return all pairs of a group id and a price."""
        return [(group, new_price(price)) for group, prices in self._sections() for price in prices]

    def to_json(self) -> str:
        """Return the lock as compact JSON, prices as texts: ``[["1.50","4"],[3,"-2"]]``."""
        return lock_formats.to_json(self._sections())

    def to_msgpack(self) -> bytes:
        """Return the lock as MessagePack, in the shape of :meth:`to_json`."""
        return lock_formats.to_msgpack(self._sections())

    def to_cbor(self) -> bytes:
        """Return the lock as CBOR, in the shape of :meth:`to_json`."""
        return lock_formats.to_cbor(self._sections())

    @staticmethod
    def from_json(text: str) -> Lock:
        """Read what :meth:`to_json` wrote; prices may be numbers.

        Raises:
            ValueError: it is not the JSON of a lock.
            TypeError: ``text`` is of another class.
        """
        return Lock._of(lock_formats.from_json(plain_text(text)))

    @staticmethod
    def from_msgpack(data: bytes) -> Lock:
        """Read what :meth:`to_msgpack` wrote.

        Raises:
            ValueError: it is not the MessagePack of a lock.
            TypeError: ``data`` is of another class.
        """
        if not isinstance(data, bytes):
            raise not_an_instance(data, "bytes")
        return Lock._of(lock_formats.from_msgpack(data))

    @staticmethod
    def from_cbor(data: bytes) -> Lock:
        """Read what :meth:`to_cbor` wrote.

        Raises:
            ValueError: it is not the CBOR of a lock.
            TypeError: ``data`` is of another class.
        """
        if not isinstance(data, bytes):
            raise not_an_instance(data, "bytes")
        return Lock._of(lock_formats.from_cbor(data))

    def __len__(self) -> int:
        return sum(map(len, self._groups_.values()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lock):
            return self._groups_ == other._groups_ and self._sections() == other._sections()
        return NotImplemented

    def _refuse_order(self, other: object) -> bool:
        if isinstance(other, Lock):
            raise TypeError("Lock supports only == and !=")
        return NotImplemented  # type: ignore[no-any-return]  # as a comparison returns it

    if not TYPE_CHECKING:  # pragma: no branch  # to a type checker it stays an error
        __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __repr__(self) -> str:
        pairs = [
            f"({group}, {plain(price)})" for group, prices in self._sections() for price in prices
        ]
        return f"Lock([{', '.join(pairs)}])"

    def __reduce__(self) -> tuple[Any, ...]:
        return Lock._of, ({group: prices.copy() for group, prices in self._groups_.items()},)


def _is_tagged(section: tuple[int, list[Decimal]]) -> bool:
    """Tell a group that is written with its id from the default group."""
    return section[0] != DEFAULT_GROUP


def _group_id(value: object) -> int:
    """Return a policy group id; ValueError unless it is an integer in 0..65535."""
    if value.__class__ is int:
        group = value
    else:
        try:
            group = operator.index(value)  # type: ignore[arg-type]  # refuses what is no integer
        except TypeError:
            group = -1
    if not DEFAULT_GROUP <= group <= MAX_GROUP:
        raise ValueError("policy_group_id must be an integer in range 0..=65535")
    return group


def _price(value: object) -> Decimal:
    """Return what any argument of :class:`Price` is worth."""
    if value.__class__ is str:
        return parse_text(value, "Price")
    return Price(value)._value  # type: ignore[arg-type]  # refuses what it does not take


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_lock = Lock._of
copy_lock = Lock._copy
