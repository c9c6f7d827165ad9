"""The report of a replay for machines: one JSON document, its keys always the same.

What a flow and a configuration decide stands in ``exit``, ``flow``, ``total``, ``money``, ``notes``
and ``config``, and is the same for any number of shards and any batch size, on any machine. What
belongs to one run alone (when, how fast, on how many shards) stands in ``run`` and ``shards``.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from openpit.cli.book import FINISHED, REJECTED, UNKNOWN
from openpit.cli.exits import Exit
from openpit.cli.report import notes_of
from openpit.cli.tally import total

if TYPE_CHECKING:
    from openpit.cli.exits import ExitError
    from openpit.cli.invocation import Invocation
    from openpit.cli.tally import Tally
    from openpit.cli.totals import Totals

__all__ = ["SCHEMA", "VERSION", "ReplaySetting", "as_document"]

SCHEMA: Final = "openpit-replay"

VERSION: Final = 1
"""It changes when something that was there gets another name or meaning, not when more is told."""

_LEFT_OUT: Final = {
    "order_not_placed": UNKNOWN,
    "order_rejected": REJECTED,
    "order_finished": FINISHED,
}


@dataclass(frozen=True, slots=True)
class ReplaySetting:
    """What a replay was asked for that decides nothing."""

    invocation: Invocation
    shards: int
    """0 for an engine in this process."""
    batch: int


def as_document(
    totals: Totals,
    call: ReplaySetting,
    *,
    ended: ExitError | None,
    config: str,
    seconds: float,
    died: dict[int, str],
) -> dict[str, Any]:
    """Return the report as what JSON can hold.

    ``ended`` is why the replay stopped before its end, ``config`` the text of the configuration,
    ``seconds`` how long the replay took. Amounts of money are decimals, as text.
    """
    code = Exit.OK if ended is None else ended.code
    shards, invocation = call.shards, call.invocation
    summed = total(totals.tallies)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "exit": {
            "code": code.value,
            "name": code.name,
            "reason": None if ended is None else ended.message,
        },
        "flow": {
            "events": totals.events,
            "bad_lines": {
                "count": totals.bad_lines,
                "first": [{"line": bad.line, "reason": bad.reason} for bad in totals.first_bad],
            },
            "left_out": {name: totals.skipped[said] for name, said in _LEFT_OUT.items()},
            "without_order": {
                kind.replace(" ", "_"): count for kind, count in sorted(totals.observations.items())
            },
        },
        "total": _counts(summed),
        "money": {
            currency: {
                "fills": sums.fills,
                "traded": format(sums.traded, "f"),
                "fees": format(sums.fees, "f"),
                "pnl": format(sums.pnl, "f"),
            }
            for currency, sums in sorted(totals.turnover.by_currency.items())
        },
        "notes": notes_of(totals),
        "config": {"sha256": sha256(config.encode()).hexdigest()},
        "shards": [
            {"shard": number, "died": died.get(number), **_counts(tally)}
            for number, tally in enumerate(totals.tallies if shards else [])
        ],
        "run": {
            "command_line": invocation.command_line,
            "date": invocation.date,
            "openpit": invocation.version,
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "shards": shards,
            "batch": call.batch,
            "seconds": round(seconds, 6),
            "orders_per_second": round(summed.orders / seconds, 3) if seconds else None,
            "decision_microseconds": {
                "p50": summed.latencies.percentile(0.50),
                "p99": summed.latencies.percentile(0.99),
            },
        },
    }


def _counts(tally: Tally) -> dict[str, Any]:
    by_policy: dict[str, dict[str, int]] = {}
    for (policy, code), count in sorted(tally.refusals.items()):
        by_policy.setdefault(policy, {})[code] = count
    return {
        "accounts": tally.accounts,
        "orders": tally.orders,
        "accepted": tally.accepted,
        "rejected": tally.rejected,
        "reports": tally.reports,
        "blocked_accounts": tally.blocked,
        "rejects_by_code": dict(sorted(tally.rejects.items())),
        "rejects_by_policy": by_policy,
    }
