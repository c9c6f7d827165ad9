"""Eight policies of a broker's, to be copied and changed: see docs/cookbook.md.

Each is a module of its own that needs nothing but `openpit`. What they keep, they keep by account,
so that an engine on shards decides as one engine does.
"""
