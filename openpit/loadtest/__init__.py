"""`openpit loadtest`: how much a shard carries, how late its decisions are, whether they are right.

A conductor (the command's process) starts a generator and a driver, each a process of its own. The
generator paces a made-up flow on its timeline; the driver holds the engine and decides. Afterwards
an oracle, one engine in one process, says for each decision whether it was right.
"""
