"""Two reports side by side: what changed, by how much, and whether that is a regression."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.report import SCHEMA, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Difference", "NotAReportError", "differences", "other_settings", "read_report"]


class NotAReportError(Exception):
    """A file is no report of a load test, or of another version."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both reports; times in nanoseconds."""

    name: str
    before: float
    after: float
    is_time: bool
    is_less_better: bool

    @property
    def ratio(self) -> float:
        """The second over the first."""
        if self.before:
            return self.after / self.before
        return 1.0 if self.after == self.before else float("inf")

    def is_regression(self, tolerance: float) -> bool:
        """Tell whether it became worse by more than a share."""
        if self.is_less_better:
            return self.after > self.before * (1 + tolerance)
        return self.after < self.before * (1 - tolerance)


def read_report(path: Path) -> dict[str, Any]:
    """Return the document in a file.

    Raises:
        OSError: it cannot be read.
        NotAReportError: it is none, of another version, or has no headline.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise NotAReportError(f"{path} is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise NotAReportError(f"{path} is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise NotAReportError(f"{path} is no report of `openpit loadtest`")
    if document.get("version") != VERSION:
        raise NotAReportError(
            f"{path} has version {document.get('version')}, and version {VERSION} is understood"
        )
    try:
        if not document["valid"]:
            raise NotAReportError(f"{path} has no figures to compare: {document['failure']}")
        other_settings(document, document)
        list(_figures(document))
    except (KeyError, TypeError) as error:
        raise NotAReportError(f"{path} is not whole: {type(error).__name__} {error}") from None
    return document


_SETTINGS: Final = ("seed", "config", "policies", "shards", "rate", "in_flight", "only_shard")


def other_settings(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return a line for each setting in which the two differ."""
    return [
        f"{name}: {first['setting'][name]} and {second['setting'][name]}"
        for name in _SETTINGS
        if first["setting"][name] != second["setting"][name]
    ]


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    """Return the figures that both have."""
    theirs = {name: value for name, value, _, _ in _figures(second)}
    return [
        Difference(name, value, theirs[name], is_time, is_less_better)
        for name, value, is_time, is_less_better in _figures(first)
        if name in theirs
    ]


_LATENCIES: Final = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}


def _figures(document: dict[str, Any]) -> Iterator[tuple[str, float, bool, bool]]:
    """Yield name, value, whether it is a time, whether less is better."""
    run = document["run"]
    figures = run["figures"]
    # A closed loop's time says nothing about waiting, so it is another figure than a latency.
    time = "" if document["setting"]["in_flight"] is None else "service time "
    yield "orders/s", figures["per_second"], False, False
    for key, name in _LATENCIES.items():
        yield f"{time}{name}", figures["latency"][key], True, True
    for shard in figures["shards"]:
        yield f"shard {shard['shard']} {time}p99", shard["latency"]["p99"], True, True
    for process in run["processes"]:
        if process["processor"] is not None:
            yield f"{process['name']} processor time per order", process["processor"], True, True
        if process["peak"] is not None:
            yield f"{process['name']} peak memory, MiB", process["peak"] / 2**20, False, True
    ladder = document["ladder"]
    if ladder is not None and ladder["knee"] is not None:
        yield "knee, orders/s", ladder["knee"], False, False
