"""Orders, reports and results as flat rows, for the messages that there are many of.

Written for speed: no tags, no nesting where a position says it all. What the columns are stands in
the table of :mod:`openpit.wire.kinds`; rows within a field are laid out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from openpit.core.fill import new_execution_report_fill_details
from openpit.core.lock import Lock, new_lock
from openpit.core.lock_shape import MAX_GROUP
from openpit.core.report import ExecutionReport, ExecutionReportFillDetails, new_execution_report
from openpit.param.decimals import plain
from openpit.param.enums import Side
from openpit.pretrade.rejects import AccountBlock, Reject, new_account_block, new_reject
from openpit.pretrade.state_values import HALT_REASONS
from openpit.wire.decimal_texts import ASSETS, SIGNED, UNSIGNED, malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openpit.pretrade.outcomes import AccountPnlRow, GroupRow

__all__ = [
    "SIDES",
    "DecodedRejects",
    "DecodedRows",
    "is_lock",
    "lock_of",
    "lock_row",
    "outcome_row",
    "pnl_of",
    "pnl_row",
    "read_block",
    "read_report",
    "report_row",
]

SIDES: Final[dict[str | None, Side | None]] = {
    None: None,
    Side.BUY.value: Side.BUY,
    Side.SELL.value: Side.SELL,
}
"""The side of an order by its text."""

Row = tuple[Any, ...]
"""What msgpack decodes."""

_T = TypeVar("_T")


def text(value: Decimal | None) -> str | None:
    """Return a decimal's text, scale included."""
    return None if value is None else str(value)


def number(value: str | None) -> Decimal | None:
    """Return the decimal of a text that :func:`text` made."""
    return None if value is None else Decimal(value)


# --- execution reports -------------------------------------------------------------------------


def report_row(kind: int, report: ExecutionReport) -> Row:
    """Return the command that applies a plain report; the groups that no built-in reads stay."""
    fill = report._fill_
    pnl, fee = report._pnl_, report._impact_fee_
    return (
        kind,
        report._account_,
        report._underlying_,
        report._settlement_,
        report._side_,
        None if pnl is None else str(pnl),
        None if fee is None else str(fee),
        None if fill is None else _fill_row(fill),
    )


def _fill_row(fill: ExecutionReportFillDetails) -> Row:
    return (
        text(fill._last_price_),
        text(fill._last_quantity_),
        text(fill._fee_amount_),
        fill._fee_currency_,
        text(fill._remaining_),
        fill._is_final_,
        lock_row(fill._lock_._groups_),
    )


def read_report(command: Row) -> ExecutionReport:
    """Return the report of a command that :func:`report_row` made.

    Raises:
        WireError: the public API makes no such report.
    """
    _, account, underlying, settlement, side, pnl, fee, fill = command
    if (pnl is None) is not (fee is None):
        raise malformed("a profit with a fee", command)
    return new_execution_report(
        ASSETS[underlying],
        ASSETS[settlement],
        account,
        SIDES[side],
        None if pnl is None else SIGNED[pnl],  # at once: there is no None in the table
        None if fee is None else SIGNED[fee],
        None if fill is None else _read_fill(*fill),
        None,
    )


def _read_fill(
    last_price: str | None,
    last_quantity: str | None,
    fee_amount: str | None,
    fee_currency: str | None,
    remaining: str | None,
    is_final: bool | None,  # noqa: FBT001 - a column
    lock: Row,
) -> ExecutionReportFillDetails:
    if (last_price is None) is not (last_quantity is None):
        raise malformed("a price with a quantity", last_price or last_quantity)
    if (fee_amount is None) is not (fee_currency is None):
        raise malformed("a fee with a currency", fee_amount or fee_currency)
    if is_final is not None and is_final is not True and is_final is not False:
        raise malformed("a flag", is_final)
    return new_execution_report_fill_details(
        None if last_price is None else SIGNED[last_price],
        None if last_quantity is None else UNSIGNED[last_quantity],
        None if fee_amount is None else SIGNED[fee_amount],
        None if fee_currency is None else ASSETS[fee_currency],
        None if remaining is None else UNSIGNED[remaining],
        is_final,
        _read_lock(lock),
    )


def _read_lock(rows: Row) -> Lock:
    if len(rows) == 1:  # the usual case, spelt out: one price
        (row,) = rows
        if len(row) == 2:  # noqa: PLR2004 - a group and a price
            group, price = row
            is_price = price is not None and type(row) is tuple
            if is_price and type(group) is int and 0 <= group <= MAX_GROUP:
                return new_lock({group: [SIGNED[price]]})  # type: ignore[list-item]  # not None
    if not is_lock(rows):
        raise malformed("a lock", rows)
    return lock_of(rows)


# --- results -----------------------------------------------------------------------------------


def read_block(row: Row) -> AccountBlock:
    """Return the account block of a row."""
    return new_account_block(*row)


def lock_row(groups: Mapping[int, Iterable[Decimal]] | None) -> Row:
    """Return a lock's prices as rows, one for each policy group."""
    if not groups:
        return ()
    return tuple([(group, *map(str, prices)) for group, prices in groups.items()])


def is_lock(rows: object) -> bool:
    """Tell whether rows are a lock's: each a group of its own, and one price at least.

    Raises:
        WireError: a price is none.
    """
    if type(rows) is not tuple:
        return False
    groups = []
    for row in rows:
        if type(row) is not tuple or len(row) < 2:  # noqa: PLR2004 - a group and a price
            return False
        group = row[0]
        if type(group) is not int or not 0 <= group <= MAX_GROUP or group in groups or None in row:
            return False
        groups.append(group)
        for price in row[1:]:
            SIGNED[price]
    return True


def lock_of(rows: Row) -> Lock:
    """Return a new lock with the prices of the rows."""
    return new_lock({group: [Decimal(price) for price in prices] for group, *prices in rows})


def outcome_row(group_row: GroupRow) -> Row:
    """Return one asset's outcome, with its policy group, as a row.

    The amounts are one text, which the other side checks at a glance; see ``are_amounts``.
    """
    # Spelt out: the hot path of whatever holds funds. A change has both of its amounts, or neither.
    group, (asset, a, to_a, b, to_b, c, to_c, d, to_d, halt, price) = group_row
    amounts = (
        f"{';' if a is None else f'{a!s}|{to_a!s};'}"
        f"{';' if b is None else f'{b!s}|{to_b!s};'}"
        f"{';' if c is None else f'{c!s}|{to_c!s};'}"
        f"{';' if d is None else f'{d!s}|{to_d!s};'}"
        f"{'' if price is None else price!s}"
    )
    if "E" in amounts or "e" in amounts:
        given = (a, to_a, b, to_b, c, to_c, d, to_d, price)
        texts: list[Any] = [None if amount is None else plain(amount) for amount in given]
        return outcome_row((group, (asset, *texts[:-1], halt, texts[-1])))
    return group, asset, amounts, None if halt is None else int(halt)


def _read_outcome(row: Row) -> GroupRow:
    group, asset, joined, halt = row
    *changes, average = joined.split(";")
    columns: list[Decimal | None] = []
    for change in changes:
        columns += map(Decimal, change.split("|")) if change else (None, None)
    return group, (asset, *columns, HALT_REASONS[halt], number(average or None))


def pnl_row(row: AccountPnlRow) -> Row:
    """Return an account's P&L as a row."""
    group, account, delta, absolute, halt = row
    return group, account, text(delta), text(absolute), None if halt is None else int(halt)


def pnl_of(row: Row) -> AccountPnlRow:
    """Return the account's P&L of a row."""
    group, account, delta, absolute, halt = row
    return group, account, number(delta), number(absolute), HALT_REASONS[halt]


class _Decoded(Sequence[_T]):
    """What rows say, read when somebody looks at it."""

    __slots__ = ("_made", "_rows")

    read: Callable[[Row], _T]

    def __init__(self, rows: Row) -> None:
        self._rows = rows
        self._made: list[_T] | None = None

    def __getitem__(self, index: Any) -> Any:
        if self._made is None:
            self._made = [self.read(row) for row in self._rows]
        return self._made[index]

    def __len__(self) -> int:
        return len(self._rows)


class DecodedRejects(_Decoded[Reject]):
    """Rejects, which most programs look at once."""

    __slots__ = ()

    read = staticmethod(lambda row: new_reject(*row))


class DecodedRows(_Decoded["GroupRow"]):
    """Outcome rows, which few programs look at."""

    __slots__ = ()

    read = staticmethod(_read_outcome)
