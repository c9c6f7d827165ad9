"""The side that the caller holds: accounts to shards, calls in flight, engine-wide state."""

from __future__ import annotations

from openpit.router.lifecycle import ShardStats

__all__ = ["ShardStats"]
