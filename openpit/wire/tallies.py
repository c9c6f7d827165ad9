"""What a shard tells of what it has counted, as far as those speak of it who send and read it."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

__all__ = ["OF_PROCESS", "OfProcess", "ShardTally"]

OfProcess: TypeAlias = "tuple[tuple[int, ...], int, int, int]"
"""The fields of a tally that are of the worker's process, the last ones."""


class ShardTally(NamedTuple):
    """The fields of TALLIES in :mod:`openpit.wire.kinds`: since the first start of its journal.

    The last four are of the worker's process, since that has started: nothing that a replay has to
    bring back.
    """

    accepted: int
    """Orders that passed both stages."""
    refused: int
    """Orders that were rejected, by either stage."""
    raised: int
    """Commands at which a policy or an actor has raised, or that named nothing."""
    opened: int
    """Reservations, requests and drop copies that waited for their end, ever."""
    open: int
    """Those that do so now."""
    committed: int
    """Those that were committed."""
    rolled_back: int
    """Those that were rolled back, or let go of."""
    expired: int
    """Those that were open for too long."""
    blocked: int
    """Accounts that are blocked, for a cause of their own or of their group."""
    is_stopped: bool
    """Whether all orders are stopped: by a halt, or the engine-wide block."""
    commands: int
    """All that it has been told, in batches that were applied."""
    rejects: tuple[tuple[str, str, int], ...]
    """Code, policy, and how many: an order may have several."""
    sizes: tuple[int, ...]
    """How many batches had at least 2**(place - 1) commands, and fewer than 2**place."""
    turns: tuple[int, ...]
    """How many turns of its loop took at least 2**(place - 1) nanoseconds and less than 2**place:
    what had come together was read, checked, and written down."""
    turn_time: int
    """How long all of them took, in nanoseconds."""
    journal_bytes: int
    """That it has written."""
    journal_syncs: int
    """How often it has waited for the disk."""


OF_PROCESS: Final = 4
"""How many they are."""
