"""What was open when its program ended: see :meth:`openpit.ShardedEngine.open_reservations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from openpit.core.order import Order
    from openpit.param.ids import AccountId

__all__ = ["OpenReservation"]

_Handle = TypeVar("_Handle")


@dataclass(frozen=True, slots=True)
class OpenReservation(Generic[_Handle]):
    """An order that was accepted, and neither committed nor rolled back, when its program ended.

    ``handle`` is what its result had then: a ``Reservation``, the ``DropCopyOperation`` of one that
    the venue had already, or the ``Request`` of one that has passed the start stage alone. It locks
    the same prices, and rolls back when nobody holds it any more. ``order`` is a copy of what was
    submitted, with the attributes of the program's own class, where this program has that class.
    """

    account_id: AccountId | None
    order: Order
    handle: _Handle
