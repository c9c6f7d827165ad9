"""What the processes of a run cost, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ProcessFigures", "RoleFigures", "roles_of"]


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """What one process of a run cost; None where the system does not tell."""

    name: str
    processor: float | None
    """Nanoseconds of processor time per decided order of the whole run, not of this process."""
    peak: int | None
    """Largest resident memory, bytes."""
    per_account: float | None
    """Growth of resident memory over the run for each account it served, bytes."""
    library: float | None = None
    """The part of a client's, or of a driving worker's, that went into calls of the engine."""

    @property
    def role(self) -> str:
        """What it does; its name without a number."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class RoleFigures:
    """Processor time of one kind, of all processes together."""

    role: str
    """Of clients: "harness", "client library"; "router", "workers". Inside the workers: "harness",
    "engine". Else "generator", "driver", "workers"."""
    processes: int
    processor: float
    """Nanoseconds per decided order."""
    share: float
    """Of the processor time of all roles, 0 to 1."""


_PARTS: Final = {"client": ("harness", "client library"), "worker": ("harness", "engine")}
"""Of a process that drives: what its time is for outside of calls of the engine, and in them."""

_WHOLE: Final = {"router": "router", "generator": "generator", "worker": "workers"}
"""Of a process that does not drive: what all of its time is for."""

_ORDER: Final = (
    *("harness", "client library", "engine", "router", "generator", "driver", "workers"),
)


def roles_of(processes: Sequence[ProcessFigures]) -> list[RoleFigures]:
    """Return the roles that are played, none of them if a processor time is not known.

    Of a client, and of a worker that drives itself, what is not spent in calls of the engine is the
    harness: pacing, reading and recording what calls return, telling of progress; in a worker also
    the making of reports. So is the driver of such workers, who has them go on, and no more.
    """
    if any(process.processor is None for process in processes):
        return []
    is_inside = any(each.role == "worker" and each.library is not None for each in processes)
    found: dict[str, list[float]] = {}
    for process in processes:
        for role, used in _parts(process, "harness" if is_inside else "driver"):
            found.setdefault(role, []).append(used)
    whole = sum(map(sum, found.values())) or 1.0
    return [
        RoleFigures(role, len(found[role]), sum(found[role]), sum(found[role]) / whole)
        for role in _ORDER
        if role in found
    ]


def _parts(process: ProcessFigures, driver: str) -> list[tuple[str, float]]:
    """Return the roles that a process plays, with their times; ``driver`` is that of a driver."""
    used, library = process.processor or 0.0, process.library
    if library is None:
        return [(driver if process.role == "driver" else _WHOLE[process.role], used)]
    harness, calls = _PARTS[process.role]
    return [(harness, max(used - library, 0.0)), (calls, library)]
