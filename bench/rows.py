"""The rows of the benchmark: what of ours is timed against which yardstick, and the aim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ROWS", "Row", "Timed"]


@dataclass(frozen=True)
class Timed:
    """One workload of a script in this folder, run with one library.

    The script prints nanoseconds for one operation: ``script.py workload rounds count``.
    """

    script: str
    workload: str
    library: Literal["ours", "reference"]
    count: int


@dataclass(frozen=True)
class Row:
    """Ours against a yardstick; ``aim`` is the largest ratio that is hoped for."""

    name: str
    ours: Timed
    yardstick: Timed
    aim: float | None


def _same(name: str, workload: str, aim: float | None, count: int = 20_000) -> Row:
    """Return a row that runs one workload on both libraries."""
    return Row(
        name,
        Timed("workloads.py", workload, "ours", count),
        Timed("workloads.py", workload, "reference", count),
        aim,
    )


ROWS: tuple[Row, ...] = (
    _same("construct an order", "construct", 0.5),
    _same("execute and commit, four policies", "execute_commit", 2.0),
    _same("construct, execute and commit", "construct_execute_commit", 0.7),
    _same("custom policy with a mutation", "custom_policy", 0.6),
    _same("spot funds: construct, execute, roll back", "spot_funds", 1.0),
    _same("spot funds: fill report", "fill_report", None),
    _same("PnL report, four policies", "pnl_report", None),
)
