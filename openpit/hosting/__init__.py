"""Where a shard runs: what becomes of it when its process ends and another one comes."""
