"""Which rows of the limits concern an order that was refused: what it met is among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MOST_ROWS", "limits_met"]

MOST_ROWS: Final = 8
"""Rows that are told of one reject."""

_TABLE_OF: Final = {
    "RateLimitPolicy": "rate_limit",
    "OrderSizeLimitPolicy": "order_size_limit",
    "PnlBoundsKillSwitchPolicy": "pnl_bounds_killswitch",
    "SpotFundsPolicy": "spot_funds",
}

_AXIS_IN_REASON: Final = (
    ("account+asset", "account_asset"),
    ("account asset", "account_asset"),
    ("account", "account"),
    ("asset", "asset"),
    ("broker", "broker"),
)


def limits_met(
    tables: Mapping[str, Mapping[str, Any]],
    policy: str,
    reason: str,
    *,
    account: int | None,
    underlying: str | None,
    settlement: str | None,
) -> list[str]:
    """Return the rows of a policy's table for this account and these assets, as text.

    Where the reason names an axis that has such rows, those of that axis alone.
    """
    name = _TABLE_OF.get(policy, "")
    table = tables.get(name)
    if table is None:
        return []
    whose = {"account": account, "settlement_asset": settlement}
    found: dict[str, list[str]] = {}
    for axis, row in _rows_of(table):
        asset = row.get("asset")
        if asset is not None and asset not in {underlying, settlement}:
            continue
        if all(row.get(key, its) == its for key, its in whose.items()):
            text = ", ".join(f"{key} {value}" for key, value in row.items())
            found.setdefault(axis, []).append(f"[{name}.{axis}] {text}")
    for word, axis in _AXIS_IN_REASON:
        if word in reason.lower() and axis in found:
            return found[axis][:MOST_ROWS]
    return [row for rows in found.values() for row in rows][:MOST_ROWS]


def _rows_of(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for axis, rows in table.items():
        if isinstance(rows, dict):
            yield axis, rows
        elif isinstance(rows, list):
            for row in rows:
                yield axis, row
