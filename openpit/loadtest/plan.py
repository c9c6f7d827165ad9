"""One run, settled before it starts: what is driven, with which load, for how long."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from openpit.loadtest.flow import Load
from openpit.loadtest.policies import binds_accounts, binds_by_time

if TYPE_CHECKING:
    from openpit.loadtest.workload import Workload

__all__ = ["KILLED_SHARD", "LAG_LIMIT", "LEAD", "MAX_ORDERS", "SECOND", "Plan", "Target"]

SECOND: Final = 1_000_000_000
"""Nanoseconds."""

LEAD: Final = 100_000_000
"""Nanoseconds from the word to the start of a run, so that all its processes have heard it."""

MAX_ORDERS: Final = 1_000_000
"""Orders of one run: the generator holds all events before it starts, some 300 bytes an order."""

KILLED_SHARD: Final = 0
"""The shard whose worker ``--kill-worker-at`` kills."""

LAG_LIMIT: Final = 10_000_000
"""Nanoseconds by which one event in a hundred may be late at the generator, unless told otherwise.

A scheduler's time slice on a full machine is a few of these milliseconds. What is later than that
did not offer the load that the report would claim.
"""

_NOT_DECIDING: Final = (
    "seed",
    "shards",
    "in_flight",
    "in_order",
    "kill_at",
    "stall",
    "lag_limit",
    "target",
    "clients",
    "server",
    "inside",
)
"""Fields that the decisions do not depend on; the seed is told apart."""


class Target(StrEnum):
    """What decides."""

    SHARDED = "sharded"
    IN_PROCESS = "in-process"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that generator, driver and oracle have to know."""

    workload: Workload
    seed: int
    rate: float
    """Orders offered in a second; with ``in_flight``, those of the timeline alone."""
    orders: int
    warm_up: int
    """Nanoseconds of the timeline that do not count for the headline."""
    shards: int
    policies: str
    """TOML, as `openpit config` prints it; empty for none of these."""
    custom: tuple[str, ...] = ()
    """Factories of policies, each as ``module:name``."""
    busy_microseconds: float = 0
    """How long a policy of our own spends on every order; 0: there is none."""
    in_flight: int | None = None
    """Orders under way to each shard in a closed loop; None: open loop."""
    account_skew: float | None = None
    only_shard: int | None = None
    in_order: bool = False
    """One lane for all shards, so that orders keep their order between shards."""
    kill_at: int | None = None
    """Nanoseconds from the start until a worker is killed."""
    stall: int = 0
    """Nanoseconds for which the generator stands still, halfway."""
    lag_limit: int = LAG_LIMIT
    """Nanoseconds by which one event in a hundred may be late at the generator."""
    target: Target = Target.SHARDED
    clients: int = 0
    """Processes that each drive a share of the accounts through a server; 0: a driver does it."""
    server: str | None = None
    """Path of a running server; None: the clients get one of their own."""
    inside: bool = False
    """An actor in each worker makes its accounts' orders and drives; nobody outside does."""

    @property
    def load(self) -> Load:
        """What the generator makes of it."""
        return Load(self.workload, self.seed, self.rate, self.orders, self.account_skew)

    @property
    def lanes(self) -> int:
        """How many pipes lead from the generator to the driver."""
        is_one = self.in_order or self.clients or self.inside
        if is_one or self.target is not Target.SHARDED:
            return 1
        return self.shards

    @property
    def unchecked(self) -> str | None:
        """Why decisions cannot be compared with right ones; None if they can."""
        if self.server is not None:
            return "the server's policies, and what it did before, are not known here"
        if self.is_spanned and binds_accounts(self.policies, self.orders):
            return (
                "limits over all accounts and of single ones bind, which the server counts in the "
                "order in which the clients' orders came, and at its own times"
            )
        return None

    @property
    def is_spanned(self) -> bool:
        """Whether a limit over all accounts binds, which counts orders of several clients."""
        return bool(self.clients) and self.in_order

    @property
    def has_client_time(self) -> bool:
        """Whether clients tell the server the orders' times of the timeline.

        Only where decisions are checked and depend on them: by rate limits of single accounts.
        Those of all accounts would then be counted order by order.
        """
        is_needed = self.unchecked is None and not self.is_spanned
        return is_needed and binds_by_time(self.policies, self.orders)

    def digest(self) -> str:
        """Return a hash of what decisions depend on, besides the seed, as hexadecimal digits."""
        values = asdict(self)
        for name in _NOT_DECIDING:
            del values[name]
        text = json.dumps(values, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
