"""The side that the caller holds: accounts to shards, calls in flight, engine-wide state."""

from __future__ import annotations

from openpit.wire.shard_stats import ShardStats

__all__ = ["ShardStats"]
