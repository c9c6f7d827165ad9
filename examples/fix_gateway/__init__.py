"""A FIX 4.4 gateway on shards: an actor that checks orders where they arrive, as bytes.

What it takes, what it answers and what it does not do: docs/fix_gateway.md.
"""
