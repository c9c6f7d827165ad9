"""What the conductor and its children say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array

    from openpit.loadtest.recording import Recording
    from openpit.loadtest.usage import Usage

__all__ = ["Driven", "Failed", "Generated", "Notice", "Progress", "Ready", "Serving", "Watched"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A child is ready; the conductor answers with the time to start at."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server listens; the processes of its workers, in the order of their shards."""

    workers: list[int]


@dataclass(frozen=True, slots=True)
class Failed:
    """A child cannot go on, and says why."""

    why: str
    is_config: bool = True
    """Whether the plan is to blame."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many orders have been decided."""

    orders: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What the user is to know while the run goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Generated:
    """What a generator has to say at its end."""

    lags: array[int]
    """How late each event after the warm-up was handed over, nanoseconds; none in a closed loop."""
    was_full: int
    """How often a pipe to a lane was full."""
    before: Usage
    after: Usage
    collected: list[int]
    """Runs of the garbage collector while it paced, by generation."""
    ended: int
    """When everything was handed over, nanoseconds from the start."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One process over the run; None where the system does not tell."""

    name: str
    processor: int | None
    """Nanoseconds of processor time, from the end of the warm-up to the last decision."""
    orders: int
    """Orders decided in the time that it is of, by all processes together."""
    before: int | None
    """Largest resident memory before accounts had any state, bytes."""
    peak: int | None
    """Largest resident memory, bytes."""
    library: int | None = None
    """The part of it, of a client or of a worker that drives itself, that went into calls of the
    engine."""


@dataclass(frozen=True, slots=True)
class Driven:
    """What a driver, a client or a worker that drives itself has to say at its end."""

    recording: Recording
    processes: list[Watched]
    """The driver first, then its workers in the order of their shards; a client, or a worker that
    drives itself, itself."""
    collected: list[int]
    """Runs of its garbage collector during the run, by generation."""
    library: str
    """Version of what was driven."""
    killed_at: int | None = None
    """When the worker was killed, nanoseconds from the start."""
    noticed_at: int | None = None
    """When the engine told that its shard was down."""
    errors: list[str] = field(default_factory=list)
    """Tracebacks of lanes that came to an unexpected end."""
    lost: dict[int, str] = field(default_factory=dict)
    """Shards that stalled or ended and were not to, and what became of each."""
    lags: array[int] | None = None
    """How late who has no generator took each event after the warm-up."""
