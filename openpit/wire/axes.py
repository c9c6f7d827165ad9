"""The axes on which orders of several accounts are counted together, as a shard tells them.

Whoever numbers the orders or counts them needs no more of the settings than this, and no engine.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["BROKER", "NO_AXES", "VOUCHED", "CountingAxes"]

BROKER: Final = 0
"""The number of the broker's axis."""

VOUCHED: Final = 2**31
"""Added to an axis's number in the head of a batch that the router passes on for another client.

Such a row says what the client's word is checked by: the count that all of the batch's orders are
above, and how many of them may count.
"""


class CountingAxes(NamedTuple):
    """What is counted over all shards, by one version of the settings.

    ``since`` is the time, in nanoseconds, from which an axis counts that was not there before.
    An order that lacks an instrument or an account, where the policy reads it, counts nowhere.
    Each row has an axis's number, its settlement asset (None: the broker's), and the length of its
    windows in nanoseconds. An asset has its number from its first barrier on, for good.
    """

    version: int
    since: int
    reads_instrument: bool
    reads_account: bool
    rows: tuple[tuple[int, str | None, int], ...]


NO_AXES: Final = CountingAxes(0, 0, reads_instrument=False, reads_account=False, rows=())
"""Where no rate is limited."""
