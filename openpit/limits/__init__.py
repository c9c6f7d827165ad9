"""Limits as a file: policies for a builder, and changes of a running engine.

    limits = openpit.limits.load("limits.toml")
    engine = limits.add_to(openpit.Engine.builder().sharded(4)).build()
    limits.prepare(engine)

    wanted = openpit.limits.load("limits-of-tomorrow.toml")
    print(openpit.limits.diff(limits, wanted))
    openpit.limits.apply(engine, wanted)             # all of it or nothing, on all shards

What may stand in such a file, `openpit config` shows and :func:`schema` says.
"""

from openpit.limits.changing import apply, apply_async, diff
from openpit.limits.reading import Policies, load, loads
from openpit.limits.schema import schema
from openpit.limits.tables import ConfigError

__all__ = ["ConfigError", "Policies", "apply", "apply_async", "diff", "load", "loads", "schema"]
