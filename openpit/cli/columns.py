"""The columns of flows and decisions as sheets (CSV, Parquet, Arrow): the keys of their JSON lines.

A sheet's row is one line, and a cell that is empty a key that the line does not have. Rows become
lines where they are read, and lines rows where they are written: nothing between knows of sheets.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from openpit.cli.exits import Exit, ExitError

__all__ = ["AUDITED", "DECISION", "EVENT", "ColumnKind", "check_names"]


class ColumnKind(Enum):
    """What the cells of a column are."""

    TEXT = auto()
    ID = auto()
    """A whole number, or a text; of one column all cells are the same."""
    TIME = auto()
    """Whole nanoseconds."""
    AMOUNT = auto()
    """A decimal, digit by digit."""
    TRUTH = auto()
    REJECTS = auto()
    """A list of code, reason, details, policy and scope."""
    NUMBER = auto()
    """A whole number of 64 bits without sign."""
    JSON = auto()
    """A list or an object: as JSON, in a cell."""


EVENT: Final = {
    "event": ColumnKind.TEXT,
    "time": ColumnKind.TIME,
    "order": ColumnKind.ID,
    "account": ColumnKind.ID,
    "symbol": ColumnKind.TEXT,
    "currency": ColumnKind.TEXT,
    "side": ColumnKind.TEXT,
    "quantity": ColumnKind.AMOUNT,
    "volume": ColumnKind.AMOUNT,
    "price": ColumnKind.AMOUNT,
    "fee": ColumnKind.AMOUNT,
    "pnl": ColumnKind.AMOUNT,
}
"""Columns of a flow."""

DECISION: Final = {
    "order": ColumnKind.ID,
    "account": ColumnKind.ID,
    "accepted": ColumnKind.TRUTH,
    "rejects": ColumnKind.REJECTS,
}
"""Columns of decisions."""

AUDITED: Final = {
    "kind": ColumnKind.TEXT,
    "time": ColumnKind.TIME,
    "at": ColumnKind.TEXT,
    "shard": ColumnKind.NUMBER,
    "record": ColumnKind.NUMBER,
    "session": ColumnKind.NUMBER,
    "name": ColumnKind.TEXT,
    "user": ColumnKind.NUMBER,
    "actor": ColumnKind.TEXT,
    "what": ColumnKind.TEXT,
    "detail": ColumnKind.JSON,
    "raised": ColumnKind.TEXT,
    "order": ColumnKind.NUMBER,
    "account": ColumnKind.NUMBER,
    "account_name": ColumnKind.TEXT,
    "accepted": ColumnKind.TRUTH,
    "rejects": ColumnKind.REJECTS,
}
"""Columns of what a journal tells."""

_NEEDED: Final = ("event", "order")
_SHOWN: Final = 8


def check_names(flow: str, names: list[str]) -> None:
    """Check that the columns of a sheet are those of a flow, in any order, if not all of them.

    Raises:
        ExitError: one is unknown, comes twice, or is missing.
    """
    unknown = [name for name in names if name not in EVENT]
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in _NEEDED if name not in names]
    for what, found in (
        ("has no column", missing),
        ("has unknown columns:", unknown),
        ("has columns that come twice:", twice),
    ):
        if found:
            listed = ", ".join(name[:40] for name in found[:_SHOWN])
            raise ExitError(Exit.UNREADABLE, f"{flow} {what} {listed}")
