"""What travels between a router and its shards, and how: tables, frames, codecs, limits."""
