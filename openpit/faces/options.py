"""The options of an engine of several processes, and what they may be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import inf
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from openpit.client.deadlines import Patience
from openpit.slots import MAX_SHARDS
from openpit.wire.checks import U32_MAX
from openpit.wire.limits import CREDITS
from openpit.wire.shard_limits import KEY_SECONDS, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openpit.journal.writing import Sync
    from openpit.wire.shard_stats import ShardStats

__all__ = ["ShardedOptions", "default_shards"]

_USUAL: Final = Patience()

START_SECONDS: Final = 60.0
"""A worker imports the package and every module that the policies need, on a busy machine."""


RECOVERY_SECONDS: Final = 600.0
"""A hundred million orders of simple policies, at what a replay takes for each."""

RESTARTS: Final = 8
"""A worker that ends more often than that in a minute will not last."""

LONGEST_SECONDS: Final = 366 * 86400.0
"""Longest time for which a key is known, or a reservation open before it expires."""

SHORTEST_TTL: Final = 0.001
"""Shortest time for which a reservation is open: its caller has to hear of it first."""

RESTART_PAUSE: Final = 0.1
"""Seconds; eight of them end after 6.3 s of pauses."""

GRACE_SECONDS: Final = 60.0
"""A program that comes back has asked its venue by then which of its orders rest there."""
SPARES: Final = 1
"""Workers seldom end together."""

RESTART_SECONDS: Final = 60.0
"""For how long a replacement counts among the ``restarts``."""

MIN_FREE: Final = 256 * 1024 * 1024
"""Four segments: at ten thousand orders a second an hour or two are left to make room."""

SNAPSHOT_EVERY: Final = 64 * 1024 * 1024
"""A segment: eight hundred thousand plain orders, which a replay goes through in seconds."""

LEAST_KEPT: Final = 2
"""Where the last is damaged, or has what is still to be answered, the one before serves."""

SYNCS: Final = ("process", "power")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardedOptions:
    """How a sharded engine behaves when a shard does not answer.

    The fields are the options of ``EngineBuilder.sharded()``, with the same defaults; what is
    refused here is told in its name.

    * ``shards``: the number of workers.
    * ``timeout``: seconds that a call waits for its shard's answer (5). Then a check is denied and
      any other call raises :class:`openpit.errors.OutcomeUnknown`; a reservation that comes later
      is rolled back. It counts from the call, also while that waits for credit (``max_wait``, if
      longer). A call over many items waits as long as each of its shards goes on to answer.
    * ``max_wait``: seconds that a call waits for credit (``timeout``); with 0,
      :class:`openpit.errors.ShardOverloaded` comes at once.
    * ``stall_timeout``: seconds that a shard which answers nothing may go on so (30). After one
      ``timeout`` without any answer it is *stalled*: its orders are denied and its other calls
      raise :class:`openpit.errors.ShardStalled`, both at once, until it answers again. After
      ``stall_timeout`` more it is ended; the blocking engine, which has no thread of its own, does
      so with its next call of any kind, or :meth:`openpit.ShardedEngine.poll`.
    * ``credits``: commands in flight to one shard (8192, also the most). An eighth as many again,
      at least one, are for reports, commits and rollbacks, which a flood of orders never keeps
      waiting.
    * ``start_timeout``: seconds until every worker must be up (60).
    * ``journal``: a directory in which every shard writes down what it is told, before anybody
      hears of the answer; an engine that is built on it later begins as this one ended (None: there
      is no journal). See ``docs/journal.md``.
    * ``sync``: what an answered call outlasts: ``"process"`` (the default), the end of any process;
      ``"power"``, that of the machine, for one ``fdatasync`` of all that has come together.
    * ``min_free``: bytes of free space below which the workers warn on stderr (256 MiB).
    * ``snapshot_every``: bytes of log from one snapshot of a shard to the next (64 MiB): a start
      replays no more than about that. 0: none is taken. See ``docs/snapshots.md``.
    * ``keep``: how many snapshots stay (2, also the least). What the log has from before them is
      removed; None: all of it stays.
    * ``migrate``: whether the journal of an engine that was made otherwise is carried over to this
      one (False: it is refused, by :class:`openpit.errors.JournalMismatch`): ``docs/journal.md``.
    * ``recovery_timeout``: seconds that replaying a journal may take, beside ``start_timeout``
      (600); also what calls wait for at most, beside their own time, while a worker is replaced.
    * ``restarts``: how often in a minute a shard's worker that ends is replaced, where there is a
      journal (8). One that ends more often, or cannot go on, is down. 0: none is replaced.
    * ``restart_pause``: seconds before the second replacement within a minute (0.1), twice as much
      before each one after that; there is none before the first.
    * ``key_window``: seconds, by the engine's clock, for which a shard knows the key of a call
      (600): for as long, another call with that key gets the first one's answer.
    * ``keys``: how many it knows at a time (65536). With so many, an order that has a new key is
      denied unchecked, and any other call with one raises
      :class:`openpit.errors.ShardOverloaded`.
    * ``grace``: seconds after a start on a journal within which ``open_reservations()`` gives back
      what was left open (60). What nobody has taken then is rolled back; the blocking engine, which
      has no thread of its own, does so with a call that waits, or ``poll()``. 0: it is rolled back
      before the first call.
    * ``reservation_ttl``: seconds, by the engine's clock, after which a reservation or a request
      that is still open is rolled back (None: it stays open); to commit it is
      :class:`openpit.errors.ReservationExpired` from then on. See ``docs/expiry.md``.
    * ``spares``: workers that stand ready to take another's place, where workers are replaced (1).
      0: each is started when it is needed.
    * ``on_shard_down``: called with the :class:`openpit.router.ShardStats` of a shard that has
      died, by the thread that noticed, after its own call.
    """

    shards: int
    timeout: float = _USUAL.timeout
    max_wait: float | None = None
    credits: int = CREDITS
    start_timeout: float = START_SECONDS
    stall_timeout: float = _USUAL.stall_timeout
    on_shard_down: Callable[[ShardStats], object] | None = None
    journal: str | os.PathLike[str] | None = None
    sync: Sync = "process"
    min_free: int = MIN_FREE
    snapshot_every: int = SNAPSHOT_EVERY
    keep: int | None = LEAST_KEPT
    migrate: bool = False
    recovery_timeout: float = RECOVERY_SECONDS
    restarts: int = RESTARTS
    restart_pause: float = RESTART_PAUSE
    key_window: float = KEY_SECONDS
    reservation_ttl: float | None = None
    keys: int = KEYS
    grace: float = GRACE_SECONDS
    spares: int = SPARES

    @property
    def patience(self) -> Patience:
        """For how long callers wait, and for how long a shard that is stalled is kept."""
        max_wait = self.timeout if self.max_wait is None else self.max_wait
        return Patience(self.timeout, max_wait, self.stall_timeout)

    def __post_init__(self) -> None:
        """Check classes and figures."""
        for option, (words, *classes) in _CLASSES.items():
            _require(getattr(self, option), option, words, *classes)
        if type(self.migrate) is not bool:
            raise _wrong_class(self.migrate, "migrate", "a bool")
        if self.migrate and self.journal is None:
            raise ValueError("sharded(): migrate is for a journal: give journal=DIR")
        if self.journal is not None and not os.fspath(self.journal):
            raise ValueError("sharded(): journal is empty, which names no directory")
        if self.on_shard_down is not None and not callable(self.on_shard_down):
            raise _wrong_class(self.on_shard_down, "on_shard_down", "callable or None")
        self._check_figures()

    def _check_figures(self) -> None:
        if not 1 <= self.shards <= MAX_SHARDS:
            raise ValueError(f"sharded(): shards must be in range 1..={MAX_SHARDS}")
        if not 0 < self.timeout < inf or not 0 < self.start_timeout < inf:
            raise ValueError("sharded(): timeout and start_timeout must be positive and finite")
        if self.max_wait is not None and not 0 <= self.max_wait < inf:
            raise ValueError("sharded(): max_wait must be finite and not negative")
        if not 0 < self.stall_timeout < inf:
            raise ValueError("sharded(): stall_timeout must be positive and finite")
        if not 0 < self.recovery_timeout < inf:
            raise ValueError("sharded(): recovery_timeout must be positive and finite")
        if self.restarts < 0:
            raise ValueError("sharded(): restarts must not be negative")
        if not 0 <= self.spares <= MAX_SHARDS:
            raise ValueError(f"sharded(): spares must be in range 0..={MAX_SHARDS}")
        if not 0 <= self.restart_pause < inf:
            raise ValueError("sharded(): restart_pause must be finite and not negative")
        if not 0 < self.key_window <= LONGEST_SECONDS:
            raise ValueError("sharded(): key_window must be positive, and a year at the most")
        ttl = self.reservation_ttl
        if ttl is not None and not SHORTEST_TTL <= ttl <= LONGEST_SECONDS:
            raise ValueError("sharded(): reservation_ttl must be in range 0.001..=366 days")
        if not 1 <= self.keys <= U32_MAX:
            raise ValueError(f"sharded(): keys must be in range 1..={U32_MAX}")
        if not 0 <= self.grace < inf:
            raise ValueError("sharded(): grace must be finite and not negative")
        if self.sync not in SYNCS:
            raise ValueError(f"sharded(): sync must be one of {', '.join(SYNCS)}")
        if self.min_free < 0:
            raise ValueError("sharded(): min_free must not be negative")
        if self.snapshot_every < 0:
            raise ValueError("sharded(): snapshot_every must not be negative")
        if self.keep is not None and self.keep < LEAST_KEPT:
            raise ValueError(f"sharded(): keep must be at least {LEAST_KEPT}, or None")
        if not 1 <= self.credits <= CREDITS:
            raise ValueError(f"sharded(): credits must be in range 1..={CREDITS}")


_SECONDS = ("a number of seconds", int, float)
_SECONDS_OR_NONE = ("a number of seconds or None", int, float, NoneType)
_NUMBER = ("an int", int)

_CLASSES: Final[Mapping[str, tuple[Any, ...]]] = {
    "shards": ("an int or None", int),
    "timeout": _SECONDS,
    "max_wait": _SECONDS_OR_NONE,
    "stall_timeout": _SECONDS,
    "credits": _NUMBER,
    "start_timeout": _SECONDS,
    "recovery_timeout": _SECONDS,
    "restarts": _NUMBER,
    "restart_pause": _SECONDS,
    "spares": _NUMBER,
    "key_window": _SECONDS,
    "reservation_ttl": _SECONDS_OR_NONE,
    "keys": _NUMBER,
    "grace": _SECONDS,
    "journal": ("a path or None", str, os.PathLike, NoneType),
    "min_free": _NUMBER,
    "snapshot_every": _NUMBER,
    "keep": ("an int or None", int, NoneType),
}
"""Of each option: what it must be, in words and as classes."""


def _require(value: object, option: str, words: str, *classes: type) -> None:
    if isinstance(value, bool) or not isinstance(value, classes):
        raise _wrong_class(value, option, words)


def _wrong_class(value: object, option: str, words: str) -> TypeError:
    return TypeError(f"sharded(): {option} must be {words}, not {type(value).__name__}")


def default_shards() -> int:
    """Return the number of workers where a program names none: one for each core it may use."""
    return min(_cores(), MAX_SHARDS)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not every platform has it
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
