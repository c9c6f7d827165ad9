"""Two sides of runs: what changed, by how much, and whether that is more than noise.

With one run on each side nobody knows what noise is: a figure is a regression if it became worse by
more than the tolerance. With more, it is one only if the middle of its runs did, and if besides
every run of the second side is worse than every run of the first. Where nothing has changed, all
orders of the runs' figures are alike, and only one in ``C(n + m, n)`` of them looks so: with 3 runs
against 3 that is once in 20 figures, with 5 against 5 once in 252.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from math import comb, inf
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.report import SCHEMA, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Difference",
    "Drift",
    "NotAReportError",
    "differences",
    "once_in",
    "other_settings",
    "parse_report",
    "runs_of",
]


class NotAReportError(Exception):
    """A text is no report of a load test, or of another version."""


class Drift(StrEnum):
    """What is to be made of a difference."""

    WORSE = "worse"
    BETTER = "better"
    NOISE = "within noise"
    """The middles differ by more than the tolerance, but the runs overlap."""
    SAME = ""
    """Within the tolerance."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both sides, a value for each run; times in nanoseconds."""

    name: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    is_time: bool
    is_less_better: bool

    @property
    def ratio(self) -> float:
        """The second side's middle over the first's."""
        before, after = median(self.before), median(self.after)
        if before:
            return after / before
        return 1.0 if after == before else inf

    def verdict(self, tolerance: float) -> Drift:
        """Tell what became of the figure; ``tolerance`` is the share that does not matter."""
        if self._is_worse(self.before, self.after, tolerance):
            found = Drift.WORSE
        elif self._is_worse(self.after, self.before, tolerance):
            found = Drift.BETTER
        else:
            return Drift.SAME
        return found if self._is_apart() else Drift.NOISE

    def _is_worse(
        self, first: tuple[float, ...], second: tuple[float, ...], tolerance: float
    ) -> bool:
        before, after = median(first), median(second)
        if self.is_less_better:
            return after > before * (1 + tolerance)
        return after < before * (1 - tolerance)

    def _is_apart(self) -> bool:
        """Tell whether no run of one side is among those of the other."""
        return max(self.before) < min(self.after) or max(self.after) < min(self.before)


def once_in(before: int, after: int) -> int:
    """Return in how many figures without a change one looks like a change for the worse."""
    return comb(before + after, before)


def parse_report(text: str, name: str) -> dict[str, Any]:
    """Return the document of a text; ``name`` is what messages call it.

    Raises:
        NotAReportError: it is none, of another version, or has no headline.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAReportError(f"{name} is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise NotAReportError(f"{name} is no report of `openpit loadtest`")
    if document.get("version") != VERSION:
        raise NotAReportError(
            f"{name} has version {document.get('version')}, and version {VERSION} is understood"
        )
    try:
        if not document["valid"]:
            raise NotAReportError(f"{name} has no figures to compare: {document['failure']}")
        other_settings([document, document])
        for run in runs_of(document):
            list(_figures(document, run))
    except (KeyError, TypeError, AttributeError) as error:
        raise NotAReportError(f"{name} is not whole: {type(error).__name__} {error}") from None
    return document


def runs_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of a report; those of before there could be more have one."""
    return document.get("runs") or [document["run"]]


_SETTINGS: Final = (
    *("seed", "config", "policies", "shards", "rate", "orders", "warm_up"),
    *("in_flight", "only_shard", "clients", "inside"),
)

_LATER: Final = {"clients": 0, "inside": False}
"""Settings that the first reports did not have, and what they would have been in these."""

_MACHINE: Final = ("python", "processor", "cores")


def other_settings(documents: list[dict[str, Any]]) -> list[str]:
    """Return a line for each setting, and for what of the machine, in which reports differ."""
    lines = []
    for place, names in (("setting", _SETTINGS), ("machine", _MACHINE)):
        for name in names:
            values = list(dict.fromkeys(_told(document[place], name) for document in documents))
            if len(values) > 1:
                lines.append(f"{name}: {' and '.join(values)}")
    return lines


def _told(told: dict[str, Any], name: str) -> str:
    return str(told.get(name, _LATER[name]) if name in _LATER else told[name])


def differences(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[Difference]:
    """Return the figures that all runs of both sides have; a side is one report or more."""
    sides = [_values(first), _values(second)]
    return [
        Difference(name, tuple(values), tuple(sides[1][name][0]), is_time, is_less_better)
        for name, (values, is_time, is_less_better) in sides[0].items()
        if name in sides[1]
    ]


def _values(side: list[dict[str, Any]]) -> dict[str, tuple[list[float], bool, bool]]:
    """Return the values of each figure by run, whether it is a time, and if less is better."""
    found: dict[str, tuple[list[float], bool, bool]] = {}
    runs = [(document, run) for document in side for run in runs_of(document)]
    for document, run in runs:
        for name, value, is_time, is_less_better in _figures(document, run):
            found.setdefault(name, ([], is_time, is_less_better))[0].append(value)
    knees: set[str] = set()
    for document in side:
        ladder = document["ladder"]
        if ladder is not None and ladder["knee"] is not None:
            name = f"{_where(document)}knee, orders/s"
            knees.add(name)
            found.setdefault(name, ([], False, False))[0].append(ladder["knee"])
    counts = {name: len(values) for name, (values, _, _) in found.items()}
    wanted = {name for name, count in counts.items() if count == len(runs)}
    wanted |= {name for name in knees if counts[name] == len(side)}
    return {name: values for name, values in found.items() if name in wanted}


_LATENCIES: Final = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}


def _figures(
    document: dict[str, Any], run: dict[str, Any]
) -> Iterator[tuple[str, float, bool, bool]]:
    """Yield name, value, whether it is a time, whether less is better."""
    figures, where = run["figures"], _where(document)
    # A closed loop's time says nothing about waiting, so it is another figure than a latency.
    time = where if document["setting"]["in_flight"] is None else f"{where}service time "
    yield f"{where}orders/s", figures["per_second"], False, False
    for key, name in _LATENCIES.items():
        yield f"{time}{name}", figures["latency"][key], True, True
    for shard in figures["shards"]:
        yield f"shard {shard['shard']} {time}p99", shard["latency"]["p99"], True, True
    for process in run["processes"]:
        if process["processor"] is not None:
            yield (
                f"{where}{process['name']} processor time per order",
                process["processor"],
                True,
                True,
            )
        if process["peak"] is not None:
            yield f"{where}{process['name']} peak memory, MiB", process["peak"] / 2**20, False, True


def _where(document: dict[str, Any]) -> str:
    """Return what tells figures of workers that drove themselves, without a router, from others."""
    return "inside " if document["setting"].get("inside") else ""
