"""What an order asks for, once all that is required of it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["FundsRequest"]


class FundsRequest(NamedTuple):
    """An account's order: a quantity of the underlying or a volume of the settlement asset.

    ``price`` is None for a market order; ``group`` is None for the default group.
    """

    account: int
    group: int | None
    underlying: str
    settlement: str
    buys: bool
    quantity: Decimal | None
    volume: Decimal | None
    price: Decimal | None
