"""The operator's side of a server: REST, a page, health. A process, and a client like any other.

Nothing of it is imported by the engine, and a slow browser costs no order anything: it has the
console's process alone. What it needs beside the package is the extra ``console``.
"""
