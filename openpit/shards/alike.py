"""Orders of a batch that are all alike, by columns: what there is of volume.

They are plain, of one kind, with an account each and none by volume. Whoever judges all of them at
once needs no rows; those are made where somebody asks for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.param.enums import Side
    from openpit.pretrade.policy_contract import ManyOrders, OrderColumns

__all__ = ["AlikeOrders", "kinds_in"]

Command: TypeAlias = tuple[Any, ...]


class AlikeOrders(Sequence[Command]):
    """Commands of one kind, each an order in a flat row, read and with ranks; at least one."""

    __slots__ = ("_between", "_rows", "_texts", "assets", "brokers", "kind", "orders")

    def __init__(
        self,
        kind: int,
        underlyings: Sequence[str | None],
        sides: Sequence[Side | None],
        orders: OrderColumns,
        brokers: Sequence[int],
        assets: Sequence[int],
        texts: tuple[Sequence[str | None], Sequence[str | None]],
    ) -> None:
        self.kind: Final = kind
        self.orders: Final = orders
        self.brokers: Final = brokers  # ranks
        self.assets: Final = assets
        self._between = underlyings, sides
        self._texts = texts  # of quantities, of prices
        self._rows: list[Command] | None = None

    @property
    def rows(self) -> list[Command]:
        """The commands, as if they had been read one by one."""
        if self._rows is None:
            count = len(self.brokers)
            accounts, settlements, quantities, prices = self.orders
            underlyings, sides = self._between
            self._rows = [*zip(
                (self.kind,) * count, accounts, underlyings, settlements, sides, quantities,
                (None,) * count, prices, self.brokers, self.assets, strict=True,
            )]  # fmt: skip
        return self._rows

    def whose(self, first: int, behind: int) -> tuple[Sequence[Any], ...]:
        """Return accounts, underlying and settlement assets of the orders from a place on."""
        at = slice(first, behind)
        return self.orders.accounts[at], self._between[0][at], self.orders.settlements[at]

    def to_hold(self, first: int, behind: int) -> ManyOrders:
        """Return the orders of a stretch one after another, as a policy holds what they need."""
        accounts, settlements, quantities, prices = self.orders
        underlyings, sides = self._between
        between = accounts, underlyings, settlements, sides, quantities, prices, *self._texts
        columns: Sequence[Sequence[Any]] = between
        if first or behind < len(self):
            columns = [column[first:behind] for column in columns]
        return zip(*columns, strict=True)

    def __iter__(self) -> Iterator[Command]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.brokers)

    @overload
    def __getitem__(self, index: int) -> Command: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Command]: ...

    def __getitem__(self, index: int | slice) -> Command | Sequence[Command]:
        return self.rows[index]


def kinds_in(commands: Sequence[Command]) -> set[int]:
    """Return the kinds of commands."""
    if type(commands) is AlikeOrders:
        return {commands.kind}
    return {command[0] for command in commands}
