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
    """The part of a client's processor time that went into calls of the engine."""

    @property
    def role(self) -> str:
        """What it does; its name without a number."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class RoleFigures:
    """Processor time of one kind, of all processes together."""

    role: str
    """Of clients: "harness", "client library"; "router", "workers"; else "generator", "driver"."""
    processes: int
    processor: float
    """Nanoseconds per decided order."""
    share: float
    """Of the processor time of all roles, 0 to 1."""


_ROLES: Final = {
    "harness": "client",
    "client library": "client",
    "router": "router",
    "generator": "generator",
    "driver": "driver",
    "workers": "worker",
}
"""What processor time is for, and the processes in which it is spent."""


def roles_of(processes: Sequence[ProcessFigures]) -> list[RoleFigures]:
    """Return the roles that are played, none of them if a processor time is not known.

    Of a client what is not spent in calls of the engine is its harness: pacing, making reports,
    reading and recording what calls return, looking after its shards, telling of progress.
    """
    if any(process.processor is None for process in processes):
        return []
    rows = []
    for role, kind in _ROLES.items():
        its = [process for process in processes if process.role == kind]
        if its:
            rows.append((role, len(its), sum(_part(process, role) for process in its)))
    whole = sum(used for _, _, used in rows) or 1.0
    return [RoleFigures(role, count, used, used / whole) for role, count, used in rows]


def _part(process: ProcessFigures, role: str) -> float:
    used, library = process.processor or 0.0, process.library or 0.0
    if role == "harness":
        return max(used - library, 0.0)
    return library if role == "client library" else used
